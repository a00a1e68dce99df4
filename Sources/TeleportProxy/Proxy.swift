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
public final class Proxy: Sendable {
    private let configuration: ProxyConfiguration
    private let forwarder: Forwarder
    private let clientTraffic = TrafficCounters()
    private let serverTraffic: TrafficCounters
    /// Serves HTTP clients, or else Teleport clients.
    private let front: Front
    private let stop = StopSignal()
    private let phase = Atomic(Phase.starting)

    private enum Phase: UInt8, AtomicRepresentable {
        case starting, serving, draining
    }

    private enum Front: Sendable {
        case http(HTTPServer)
        case teleport(RPCServer<HTTPCodec>)
    }

    public init(_ configuration: ProxyConfiguration) {
        let serverTraffic = TrafficCounters()
        self.configuration = configuration
        self.serverTraffic = serverTraffic
        self.forwarder = Forwarder(
            upstreams: configuration.outAddresses.enumerated().map { index, address in
                Upstream(
                    address: address, index: index, transport: Self.transport(to: address, configuration, serverTraffic)
                )
            },
            configuration)
        switch configuration.inKind {
        case .http:
            self.front = .http(
                HTTPServer(
                    addresses: configuration.inAddresses, group: configuration.eventLoopGroup,
                    options: Self.listenerOptions(configuration, self.clientTraffic),
                    service: self.forwarder,
                    settings: FrontSettings(configuration, gathered: self.forwarder.gathered)))
        case .teleport:
            self.front = .teleport(Self.teleportServer(self.forwarder, configuration, self.clientTraffic))
        }
    }

    private static func transport(
        to address: TransportAddress, _ configuration: ProxyConfiguration, _ traffic: TrafficCounters
    ) -> Upstream.Transport {
        guard configuration.outKind == .teleport else {
            return .http(HTTPUpstream(address: address, configuration: configuration, traffic: traffic))
        }
        var client = ClientConfiguration(address: address, logger: configuration.logger)
        client.memory = configuration.wireMemory
        client.wire = configuration.outWire
        client.compression = configuration.outCompression
        client.streamLimits = configuration.streamLimits
        client.maxHeadSize = configuration.outLimits.headSizeOnWire
        client.tls = configuration.outTLS
        client.batching.delay = configuration.outDelay
        client.connections = configuration.outConnectionsPerAddress ?? 1
        client.timeout = configuration.outTimeout
        client.handshakeTimeout = configuration.handshakeTimeout
        client.limits.maxPending = configuration.concurrency
        client.limits.maxTombstones = configuration.concurrency
        client.eventLoopGroup = configuration.eventLoopGroup
        client.traffic = traffic
        // The other end is assumed to accept of requests what this one does: a head that is over its limit would cost
        // the link, and with it everybody's requests.
        let codec = HTTPCodec(
            limits: configuration.outLimits, sentLimits: configuration.inLimits,
            via: configuration.viaName.flatMap { Via($0) }, addsDate: false, streamLimit: .max)
        return .teleport(ConnectionPool(codec: codec, configuration: client))
    }

    private static func teleportServer(
        _ forwarder: Forwarder, _ configuration: ProxyConfiguration, _ traffic: TrafficCounters
    ) -> RPCServer<HTTPCodec> {
        let options = Self.listenerOptions(configuration, traffic)
        var server = ServerConfiguration(addresses: configuration.inAddresses, logger: configuration.logger)
        server.wire = configuration.inWire
        server.compression = configuration.inCompression
        server.streamLimits = configuration.streamLimits
        server.maxHeadSize = configuration.inLimits.headSizeOnWire
        server.tls = configuration.inTLS
        server.batching.delay = configuration.inDelay
        server.handshakeTimeout = configuration.handshakeTimeout
        server.maxConcurrent = configuration.concurrency
        server.limits.maxConcurrent = configuration.concurrency
        server.eventLoopGroup = configuration.eventLoopGroup
        server.reusesPort = options.reusesPort
        server.admits = options.admits
        server.traffic = options.traffic
        let codec = HTTPCodec(
            limits: configuration.inLimits, sentLimits: configuration.outLimits,
            statusOfUnsendable: .badGateway, addsDate: false)
        return RPCServer(
            codec: codec, configuration: server,
            handler: TeleportFront(
                forwarder: forwarder, gate: RequestGate(configuration), accessLog: configuration.accessLog))
    }

    private static func listenerOptions(
        _ configuration: ProxyConfiguration, _ traffic: TrafficCounters
    ) -> ListenerOptions {
        var options = ListenerOptions()
        options.tls = configuration.inTLS
        options.policy = BatchingPolicy(delay: .zero)
        options.reusesPort = configuration.reusesPort
        options.readSizes = .many
        options.traffic = traffic
        if !configuration.inAllowed.isEmpty {
            let allowed = configuration.inAllowed
            options.admits = { address in address.map { address in allowed.contains { $0.contains(address) } } ?? false
            }
        }
        return options
    }

    /// Listens at all addresses, and forwards from now on.
    ///
    /// - Returns: the addresses, with the real ports where 0 was asked for.
    /// - Throws: ``TransportError`` `.bindFailed`; then it listens nowhere.
    @discardableResult
    public func start() async throws(TransportError) -> [TransportAddress] {
        let addresses =
            switch self.front {
            case .http(let server): try await server.start()
            case .teleport(let server): try await server.start()
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
        // In a task of its own: this one may be cancelled, and what was read is answered all the same.
        _ = await Task { await self.shutDown(limit: self.configuration.drainLimit) }.value
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
        let isClean =
            switch self.front {
            case .http(let server): await server.shutDown(limit: limit)
            case .teleport(let server): await server.shutDown(limit: limit)
            }
        await self.forwarder.shutDown(limit: .seconds(1))
        return isClean
    }

    /// Whether it takes requests now.
    public var readiness: ProxyReadiness { self.readiness(now: .now()) }

    func readiness(now: NIODeadline) -> ProxyReadiness {
        switch self.phase.load(ordering: .relaxed) {
        case .starting: .starting
        case .draining: .draining
        case .serving: self.forwarder.hasServers(now: now) ? .ready : .withoutServers
        }
    }

    /// What it has done so far.
    public var statistics: ProxyStatistics {
        self.forwarder.counters.statistics(clients: self.clientTraffic.snapshot, servers: self.serverTraffic.snapshot)
    }
}
