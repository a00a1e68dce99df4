public import NIOCore
internal import Synchronization
public import Teleport
internal import TeleportEndpoint

/// A reverse proxy and load balancer: HTTP or Teleport in, HTTP or Teleport out, with TLS or without.
///
/// ```swift
/// let proxy = Proxy(ProxyConfiguration(
///     in: .http, at: [try TransportAddress(parsing: ":8080")],
///     out: .teleport, to: [try TransportAddress(parsing: "10.0.0.7:8043")]))
/// try await proxy.run()
/// ```
///
/// Each request is given to the server with the fewest pending, on the event loops of the connections, without a task or
/// a closure a request. Bodies go on as they come; only a link of protocol v0 carries whole messages, so there they are
/// gathered, within the limits.
///
/// ``reload(_:)`` changes its configuration while it works.
public final class Proxy: Sendable {
    let state: Mutex<ProxyState>
    let forwarder: CurrentForwarder
    let counts: ForwarderCounts
    let traffic: ProxyTraffic
    /// Starting, reloads and the shutdown, one after the other.
    let changes = SerialTasks()
    private let stop = StopSignal()
    private let phase = Atomic(Phase.starting)

    private enum Phase: UInt8, AtomicRepresentable {
        case starting, serving, draining
    }

    public init(_ configuration: ProxyConfiguration) {
        let traffic = ProxyTraffic()
        let counts = ForwarderCounts(configuration)
        let forwarder = Forwarder(
            upstreams: Upstream.all(of: configuration, keeping: [], traffic: traffic),
            weights: configuration.upstreams.map(\.weight), configuration, counts: counts)
        self.state = Mutex(ProxyState(configuration: configuration))
        self.counts = counts
        self.forwarder = CurrentForwarder(forwarder)
        self.traffic = traffic
    }

    /// Listens at all addresses, and forwards from now on.
    ///
    /// - Returns: the addresses, with the real ports where 0 was asked for.
    /// - Throws: ``TransportError`` `.bindFailed`; then it listens nowhere.
    @discardableResult
    public func start() async throws(TransportError) -> [TransportAddress] {
        let addresses = try await self.changes.run { () async throws(TransportError) in
            let configuration = self.state.withLock { $0.configuration }
            let addresses = try await self.listen(as: configuration)
            for upstream in self.forwarder.current.upstreams { upstream.begin(in: configuration) }
            return addresses
        }
        // Unless it was told to stop meanwhile.
        _ = self.phase.compareExchange(expected: .starting, desired: .serving, ordering: .relaxed)
        return addresses
    }

    /// Starts, and forwards until ``beginGracefulShutdown()`` is called or the task is cancelled; then drains and
    /// returns.
    ///
    /// - Throws: ``TransportError`` `.bindFailed`.
    public func run() async throws(TransportError) {
        try await self.start()
        await self.runUntilShutdown()
    }

    /// The rest of ``run()``, for a proxy that was started.
    public func runUntilShutdown() async {
        await self.stop.wait()
        let limit = self.state.withLock { $0.configuration.drainLimit }
        // In a task of its own: this one may be cancelled, and what was read is answered all the same.
        _ = await Task { await self.shutDown(limit: limit) }.value
    }

    /// Has ``run()`` drain and return.
    public func beginGracefulShutdown() {
        self.phase.store(.draining, ordering: .relaxed)
        self.stop.stop()
    }

    /// Accepts no more connections, answers the requests that were read, then closes everything.
    ///
    /// - Parameter limit: after this long, connections that still wait for an answer are closed.
    /// - Returns: true if all requests were answered.
    @discardableResult
    public func shutDown(limit: TimeAmount) async -> Bool {
        self.beginGracefulShutdown()
        return await self.changes.run { await self.endAll(limit: limit) }
    }

    /// Whether it takes requests now.
    public var readiness: ProxyReadiness { self.readiness(now: .now()) }

    func readiness(now: NIODeadline) -> ProxyReadiness {
        switch self.phase.load(ordering: .relaxed) {
        case .starting: .starting
        case .draining: .draining
        case .serving: self.forwarder.current.hasServers(now: now) ? .ready : .withoutServers
        }
    }

    /// What it has done so far.
    public var statistics: ProxyStatistics {
        let traffic = self.traffic
        var statistics = self.counts.requests.statistics(
            clients: traffic.clients.sum, servers: traffic.servers.sum)
        statistics.clientLinks = traffic.clients.links.snapshot
        statistics.serverLinks = traffic.servers.links.snapshot
        statistics.requestsActive = self.counts.load.current
        statistics.retries = self.counts.retries.load(ordering: .relaxed)
        statistics.retriesDenied = self.counts.retriesDenied.load(ordering: .relaxed)
        statistics.tunnels = self.counts.tunnels.statistics
        statistics.durations = self.counts.durations.total
        statistics.upstreams = self.forwarder.current.upstreamStatistics(now: .now())
        return statistics
    }
}
