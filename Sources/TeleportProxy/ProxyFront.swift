internal import NIOCore
internal import Teleport
internal import TeleportEndpoint

/// What serves the connections of one front, while its configuration is as it is.
final class ProxyFront: Sendable {
    private enum Server: Sendable {
        case http(HTTPServer)
        case teleport(RPCServer<HTTPCodec>)
    }

    let configuration: FrontConfiguration
    private let server: Server

    init(
        _ configuration: FrontConfiguration, of proxy: ProxyConfiguration, forwarder: CurrentForwarder,
        gathered: GatheredBytes, traffic: TrafficCounters
    ) {
        self.configuration = configuration
        switch configuration.kind {
        case .http:
            self.server = .http(
                HTTPServer(
                    group: proxy.eventLoopGroup, options: Self.listenerOptions(configuration, traffic),
                    service: forwarder,
                    settings: FrontSettings(configuration, gathered: gathered, accessLog: proxy.accessLog)))
        case .teleport:
            self.server = .teleport(Self.teleportServer(configuration, of: proxy, forwarder, traffic))
        }
    }

    private static func teleportServer(
        _ configuration: FrontConfiguration, of proxy: ProxyConfiguration, _ forwarder: CurrentForwarder,
        _ traffic: TrafficCounters
    ) -> RPCServer<HTTPCodec> {
        var server = ServerConfiguration(addresses: configuration.addresses, logger: proxy.logger)
        server.wire = configuration.wire
        server.compression = configuration.compression
        server.compressionBudget = configuration.compressionBudget
        server.streamLimits = proxy.streamLimits
        server.maxHeadSize = configuration.limits.headSizeOnWire
        server.tls = configuration.tls
        server.batching.delay = configuration.delay
        server.handshakeTimeout = proxy.handshakeTimeout
        server.maxConcurrent = proxy.concurrency
        server.limits.maxConcurrent = proxy.concurrency
        server.eventLoopGroup = proxy.eventLoopGroup
        server.reusesPort = configuration.reusesPort
        server.admits = Self.admission(configuration.allowed)
        server.traffic = traffic
        let codec = HTTPCodec(
            limits: configuration.limits, sentLimits: proxy.outLimits, statusOfUnsendable: .badGateway, addsDate: false,
            allowsTunnels: configuration.allowsTunnels)
        return RPCServer(
            codec: codec, configuration: server,
            handler: TeleportFront(
                forwarder: forwarder, gate: RequestGate(configuration), accessLog: proxy.accessLog))
    }

    private static func listenerOptions(
        _ configuration: FrontConfiguration, _ traffic: TrafficCounters
    ) -> ListenerOptions {
        ListenerOptions(
            tls: configuration.tls, policy: BatchingPolicy(delay: .zero), reusesPort: configuration.reusesPort,
            admits: Self.admission(configuration.allowed), readSizes: .many, traffic: traffic)
    }

    private static func admission(_ allowed: [AddressRange]) -> (@Sendable (SocketAddress?) -> Bool)? {
        guard !allowed.isEmpty else { return nil }
        return { address in address.map { address in allowed.contains { $0.contains(address) } } ?? false }
    }

    /// What listeners do with connections for it.
    var acceptor: ConnectionAcceptor {
        switch self.server {
        case .http(let server): server.acceptor
        case .teleport(let server): server.acceptor
        }
    }

    /// Connections that are open now.
    var connectionCount: Int {
        switch self.server {
        case .http(let server): server.connectionCount
        case .teleport(let server): server.connectionCount
        }
    }

    /// Answers what was read, then closes. True if all of it was answered within `limit`.
    func shutDown(limit: TimeAmount) async -> Bool {
        switch self.server {
        case .http(let server): await server.shutDown(limit: limit)
        case .teleport(let server): await server.shutDown(limit: limit)
        }
    }

    /// Has clients come to its successor, without haste and without a loss: HTTP connections close with an answer, which
    /// says so; v1 clients are told to leave; v0 clients stay.
    func retire() {
        switch self.server {
        case .http(let server): server.retire()
        case .teleport(let server): server.retireConnections()
        }
    }
}
