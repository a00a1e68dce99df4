internal import Logging
internal import NIOCore
internal import Synchronization
internal import Teleport
internal import TeleportEndpoint

/// Asks one server, time and again, how it is: with a `GET` on its own connections, as a request would go (rule P-36).
///
/// An answer with a status from 200 to 399 in time is good.
final class HealthChecker: Sendable {
    private let request: Request
    private let interval: TimeAmount
    private let eventLoop: any EventLoop
    /// Forwards nothing else, and counts for itself.
    private let forwarder: Forwarder
    private let told: @Sendable (Bool) -> Void
    private let isStopped = Atomic(false)

    /// - Parameter told: is called with the outcome of each check.
    init(
        _ check: ProxyConfiguration.HealthCheck, of upstream: Upstream, in configuration: ProxyConfiguration,
        told: @escaping @Sendable (Bool) -> Void
    ) {
        var own = configuration
        own.outTimeout = Swift.min(configuration.outTimeout, check.timeout ?? check.interval)
        own.logger = Logger(label: "httptp.health") { _ in SwiftLogNoOpLogHandler() }
        own.concurrency = .max
        own.accessLog = nil
        self.request = Request(.get, check.path, host: upstream.address.hostField)
        self.interval = check.interval
        self.eventLoop = configuration.eventLoopGroup.next()
        self.forwarder = Forwarder(upstreams: [upstream], weights: [1], own, counts: ForwarderCounts(own))
        self.told = told
    }

    /// Begins, with a check now.
    func start() { self.eventLoop.execute { self.check() } }

    func stop() { self.isStopped.store(true, ordering: .relaxed) }

    private func check() {
        guard !self.isStopped.load(ordering: .relaxed) else { return }
        self.forwarder.accept(
            InboundRequest(request: self.request, upload: nil, replyTo: .check(self), note: nil))
    }

    /// Where the answers of checks are watched.
    var loop: any EventLoop { self.eventLoop }

    /// The answer to a check, or what stands for one.
    func answered(_ answer: Answer) {
        let status: Status
        switch answer {
        case .whole(let response):
            status = response.status
        case .stream(let head, let body), .tunnel(let head, let body):
            status = head.status
            body.cancel()
        }
        self.told((200..<400).contains(status.code))
        // Processes that were started together do not ask together for long.
        let pause = Double(self.interval.nanoseconds) * Double.random(in: 0.9...1.1)
        self.eventLoop.scheduleTask(in: .nanoseconds(Int64(pause))) { [weak self] in self?.check() }
    }
}
