import ArgumentParser
import Logging
import Teleport
import TeleportProxy

/// `httptp`: a reverse proxy and load balancer that carries HTTP over Teleport.
@main
struct HTTPTP: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: About.name,
        abstract: "\(About.summary).",
        usage: About.synopsis,
        discussion: About.discussion,
        version: "\(About.name) \(About.version)")

    @OptionGroup(.clients) var clients: ClientOptions
    @OptionGroup(.servers) var servers: ServerOptions
    @OptionGroup(.links) var links: LinkOptions
    @OptionGroup(.tls) var tls: TLSOptions
    @OptionGroup(.limits) var limits: LimitOptions
    @OptionGroup(.observing) var observing: ObservingOptions

    static func main() async {
        do {
            switch try Invocation(Array(CommandLine.arguments.dropFirst())) {
            case .help: print(self.helpMessage())
            case .version: print(self.configuration.version)
            case .manualPage: print(ManualPage.text, terminator: "")
            case .completionScript(let shell): print(shell.script, terminator: "")
            case .estimate(let arguments):
                if arguments.contains(where: { $0 == "--help" || $0 == "-h" }) {
                    print(EstimateCommand.helpMessage())
                } else {
                    try await EstimateCommand.parsed(arguments).run()
                }
            case .run(let arguments): try await self.parsed(arguments).run()
            }
        } catch {
            Failure(error).exit()
        }
    }

    func validate() throws {
        try self.tls.check(in: self.clients.type, out: self.servers.type)
    }

    func run() async throws {
        let logger = self.observing.makeLogger()
        let descriptors = Descriptors.raiseLimit()
        let configuration = try self.proxyConfiguration(logger)
        let proxy = Proxy(configuration)
        // From here on signals are answered: a SIGTERM while starting must not be lost.
        let signals = await Signals(
            onStop: { proxy.beginGracefulShutdown() },
            onReopen: { Self.reopen(configuration.accessLog, logger) })
        let addresses = try await proxy.start()
        let admin = try await self.startAdmin(of: proxy, logger)
        self.log(listeningAt: addresses.map(\.description), descriptors: descriptors, logger)
        await proxy.runUntilShutdown()
        await admin?.shutDown()
        // What was recorded last is not in the file yet.
        configuration.accessLog?.close()
        logger.info("stopped")
        signals.cancel()
    }

    /// Serves the counters. If the address is the default one and taken, by another `httptp` most likely, it is done
    /// without.
    private func startAdmin(of proxy: Proxy, _ logger: Logger) async throws -> AdminServer? {
        guard let (address, isDefault) = try self.observing.adminAddress() else { return nil }
        let server = AdminServer(at: address, of: proxy)
        do throws(TransportError) {
            try await server.start()
            return server
        } catch {
            guard isDefault else { throw error }
            logger.warning(
                "the counters are not served: choose an address with -expvarAddr, or none with -expvarAddr=",
                metadata: ["address": "\(address)", "cause": "\(error.message)"])
            return nil
        }
    }

    private func log(listeningAt addresses: [String], descriptors: UInt64, _ logger: Logger) {
        if self.tls.isInsecure {
            logger.warning(
                "the certificates of servers are not verified: whoever is in between can read and change everything",
                metadata: ["option": "\(ProxyOption.outTLSInsecure)"])
        }
        if descriptors < Descriptors.enough {
            logger.warning(
                "few descriptors: each connection takes one; raise the limit with ulimit -n or LimitNOFILE",
                metadata: ["descriptors": "\(descriptors)"])
        }
        logger.info(
            "listening",
            metadata: [
                "in": "\(addresses.joined(separator: ","))", "inType": "\(self.clients.type)",
                "out": "\(self.servers.addressTexts.elements.joined(separator: ","))",
                "outType": "\(self.servers.type)", "descriptors": "\(descriptors)",
            ])
    }

    private static func reopen(_ accessLog: AccessLog?, _ logger: Logger) {
        // Without one the signal is nobody's, and does no harm.
        guard let accessLog else { return }
        logger.info("reopening the access log")
        accessLog.reopen()
    }
}
