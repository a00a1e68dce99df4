import Foundation
import Logging
import Teleport
import TeleportProxy

/// The process at work: a proxy, what shows it, and what changes it while it runs.
actor Service {
    /// What happens to it.
    enum Event: Sendable {
        /// SIGHUP.
        case reload
        /// SIGUSR1.
        case reopenLog
        /// Time to look at the certificate files.
        case lookAtFiles
        /// SIGUSR2.
        case restart
    }

    static let readyStatus = "listening"
    /// How often certificate files are looked at.
    static let lookInterval = Duration.seconds(1)
    /// How long a log that has a successor is kept for requests that are still under way.
    private static let logLifetime = Duration.seconds(60)

    /// As they were given: a reload begins with them.
    private let given: [String]
    private var plan: Plan
    private var tls = TLSCache()
    private var watch: FileWatch
    var logger: Logger
    private var accessLog: AccessLog?
    var admin: AdminServer?
    let proxy: Proxy
    let inherited: InheritedSockets
    let manager: ServiceManager
    let environment: [String: String]
    /// What this process was given by the one whose place it takes.
    private let handover: Handover?
    let events = AsyncStream.makeStream(of: Event.self, bufferingPolicy: .bufferingNewest(16))
    var restart = Restart.none

    /// - Parameter given: the normalized command line that ``plan`` was made of.
    init(_ given: [String], _ plan: Plan) throws {
        self.given = given
        self.plan = plan
        self.logger = plan.command.observing.makeLogger()
        self.watch = FileWatch(plan.certificateFiles)
        let environment = ProcessInfo.processInfo.environment
        self.environment = environment
        self.manager = ServiceManager(environment: environment)
        let handover = try Handover(environment: environment)
        self.handover = handover
        self.inherited = try handover.map { try InheritedSockets($0.sockets) } ?? InheritedSockets { environment[$0] }
        // First, as it changes nothing that anybody could see.
        var configuration = try plan.proxyConfiguration(tls: &self.tls, logger: self.logger)
        self.accessLog = try plan.command.observing.openAccessLog(self.logger)
        configuration.accessLog = self.accessLog
        configuration.inheritedSockets = self.inherited
        self.proxy = Proxy(configuration)
        self.tls.dropUnused()
    }

    /// Works until it is told to stop.
    func run() async throws {
        let descriptors = Descriptors.raiseLimit()
        let (events, continuation) = self.events
        // From here on signals are answered: a SIGTERM while starting must not be lost.
        let signals = await Signals(
            onStop: { [proxy] in
                proxy.beginGracefulShutdown()
                continuation.finish()
            },
            onReopen: { continuation.yield(.reopenLog) }, onReload: { continuation.yield(.reload) },
            onRestart: { continuation.yield(.restart) })
        let addresses = try await self.proxy.start()
        try await self.startAdmin()
        self.logStart(at: addresses, descriptors: descriptors)
        if let handover = self.handover {
            self.inherited.closeUnclaimed()
            // The service manager is told by the other one, which it knows.
            handover.tellReady()
        } else {
            self.manager.isReady(Self.readyStatus)
        }
        let clock = Task {
            while !Task.isCancelled {
                try await Task.sleep(for: Self.lookInterval)
                continuation.yield(.lookAtFiles)
            }
        }
        for await event in events { await self.handle(event) }
        self.endRestart()
        clock.cancel()
        if case .handedOver = self.restart {
            // At the same time: beside the successor's numbers, this one's would only confuse.
            async let isAdminOver: Void? = self.admin?.shutDown(handedOver: true)
            await self.proxy.runUntilShutdown()
            await isAdminOver
        } else {
            // For as long as it drains, that can be seen.
            await self.proxy.runUntilShutdown()
            await self.admin?.shutDown()
        }
        // What was recorded last is not in the file yet.
        self.accessLog?.close()
        self.logger.info("stopped")
        signals.cancel()
    }

    private func handle(_ event: Event) async {
        switch event {
        case .reload:
            if case .starting(let successor, _) = self.restart {
                self.restart = .starting(successor, wantsReload: true)
                return
            }
            self.manager.isReloading()
            await self.reload()
            self.manager.isReady(Self.readyStatus)
        case .reopenLog:
            // Without one the signal is nobody's, and does no harm.
            guard let accessLog = self.accessLog else { return }
            self.logger.info("reopening the access log")
            accessLog.reopen()
        case .lookAtFiles:
            self.manager.isAlive()
            // What listens is about to be handed over as it is.
            if case .starting = self.restart { return }
            guard self.watch.hasChanged() else { return }
            await self.change(to: self.plan, because: "certificate files changed")
        case .restart:
            guard case .none = self.restart else { return }
            guard getpid() != 1 else {
                self.logger.error(
                    """
                    nobody takes over: this is the first process of its container, which would end with it; start another \
                    container instead
                    """)
                return
            }
            self.restart = .starting(nil, wantsReload: false)
            // Beside the loop: somebody wants to know that this process is alive.
            Task { await self.handOver() }
        }
    }

    // MARK: Changes

    /// Reads everything again.
    private func reload() async {
        do {
            await self.change(to: try Plan(self.given), because: "reload")
        } catch {
            self.refuse("reload", error)
        }
    }

    private func change(to plan: Plan, because reason: String) async {
        do {
            let logger = plan.command.observing.makeLogger()
            let (oldLog, isSameLog) = (
                self.accessLog, plan.command.observing.accessLog == self.plan.command.observing.accessLog
            )
            var tls = self.tls
            var configuration = try plan.proxyConfiguration(tls: &tls, logger: logger)
            let log = isSameLog ? oldLog : try plan.command.observing.openAccessLog(logger)
            configuration.accessLog = log
            configuration.inheritedSockets = self.inherited
            let addresses = try await self.proxy.reload(configuration)
            let isSameAdmin = plan.command.observing.adminText == self.plan.command.observing.adminText
            tls.dropUnused()
            (self.plan, self.tls, self.logger, self.accessLog) = (plan, tls, logger, log)
            self.watch = FileWatch(plan.certificateFiles)
            if !isSameLog, let oldLog {
                Task {
                    try? await Task.sleep(for: Self.logLifetime)
                    oldLog.close()
                }
            }
            if !isSameAdmin {
                await self.admin?.shutDown()
                self.admin = nil
                try await self.startAdmin()
            }
            self.warn()
            self.logger.info(
                "reloaded", metadata: self.description(at: addresses).merging(["because": "\(reason)"]) { $1 })
        } catch {
            self.refuse(reason, error)
        }
    }

    /// Nothing was changed.
    private func refuse(_ reason: String, _ error: any Error) {
        self.logger.error(
            "nothing is changed: the new configuration cannot be used",
            metadata: ["because": "\(reason)", "mistake": "\(Failure(error).message)"])
    }

    // MARK: Observing

    /// Serves the counters. If the address is the default one and taken, by another `httptp` most likely, it is done
    /// without.
    private func startAdmin() async throws {
        guard let (address, isDefault) = try self.plan.command.observing.adminAddress() else { return }
        let server = AdminServer(at: address, of: self.proxy)
        do throws(TransportError) {
            try await server.start(inheriting: self.inherited)
            self.admin = server
        } catch {
            guard isDefault else { throw error }
            self.logger.warning(
                "the counters are not served: choose an address with -expvarAddr, or none with -expvarAddr=",
                metadata: ["address": "\(address)", "cause": "\(error.message)"])
        }
    }

    private func logStart(at addresses: [TransportAddress], descriptors: UInt64) {
        self.warn()
        if !self.inherited.left.isEmpty {
            self.logger.warning(
                "sockets were passed that nobody listens at: add their addresses, or do not pass them",
                metadata: ["addresses": "\(self.inherited.left.map { "\($0)" }.joined(separator: ","))"])
        }
        if descriptors < Descriptors.enough {
            self.logger.warning(
                "few descriptors: each connection takes one; raise the limit with ulimit -n or LimitNOFILE",
                metadata: ["descriptors": "\(descriptors)"])
        }
        self.logger.info(
            "listening", metadata: self.description(at: addresses).merging(["descriptors": "\(descriptors)"]) { $1 })
    }

    private func warn() {
        guard self.plan.command.tls.isInsecure else { return }
        self.logger.warning(
            "the certificates of servers are not verified: whoever is in between can read and change everything",
            metadata: ["option": "\(ProxyOption.outTLSInsecure)"])
    }

    private func description(at addresses: [TransportAddress]) -> Logger.Metadata {
        func types(_ endpoints: [Endpoint]) -> String {
            var types: [String] = []
            for endpoint in endpoints where !types.contains(endpoint.type.rawValue) {
                types.append(endpoint.type.rawValue)
            }
            return types.joined(separator: ",")
        }
        return [
            "in": "\(addresses.map(\.description).joined(separator: ","))",
            "inType": "\(types(self.plan.listeners.map(\.endpoint)))",
            "out": "\(self.plan.servers.map(\.address.description).joined(separator: ","))",
            "outType": "\(types(self.plan.servers))",
        ]
    }
}
