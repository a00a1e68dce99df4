internal import NIOCore
internal import Teleport
internal import TeleportCompress
internal import TeleportEndpoint

/// How one server behind the proxy is talked to. While that stays as it is, a reload keeps its connections, and what is
/// known about it.
struct UpstreamSettings: Sendable, Equatable {
    let address: TransportAddress
    let kind: ProxyConfiguration.Kind
    let wire: WireVersion
    let tls: ClientTLS?
    let compression: CompressionCodec
    let compressionBudget: CompressionBudget?
    let delay: TimeAmount
    let timeout: TimeAmount
    let handshakeTimeout: TimeAmount
    let idleTimeout: TimeAmount
    let connections: Int?
    let warmConnections: Int
    let maxAge: TimeAmount?
    let slowStart: TimeAmount
    let healthCheck: ProxyConfiguration.HealthCheck?
    let limits: HTTPLimits
    /// What requests are held to. The other end is assumed to accept what this one does: a head that is over its limit
    /// would cost the link, and with it everybody's requests.
    let requestLimits: HTTPLimits
    let streamLimits: StreamLimits
    let concurrency: Int
    let viaName: String?

    init(_ upstream: UpstreamConfiguration, of configuration: ProxyConfiguration) {
        self.address = upstream.address
        self.kind = configuration.outKind
        self.wire = configuration.outWire
        self.tls = upstream.usesTLS ? configuration.outTLS : nil
        self.compression = configuration.outCompression
        self.compressionBudget = configuration.outCompressionBudget
        self.delay = configuration.outDelay
        self.timeout = configuration.outTimeout
        self.handshakeTimeout = configuration.handshakeTimeout
        self.idleTimeout = configuration.outIdleTimeout
        self.connections = configuration.outConnectionsPerAddress
        self.warmConnections = configuration.outWarmConnections
        self.maxAge = configuration.outMaxAge
        self.slowStart = configuration.outSlowStart
        self.healthCheck = configuration.outHealthCheck
        self.limits = configuration.outLimits
        self.requestLimits = configuration.largestRequest
        self.streamLimits = configuration.streamLimits
        self.concurrency = configuration.concurrency
        self.viaName = configuration.viaName
    }

    /// What requests are given to.
    func makeTransport(in configuration: ProxyConfiguration, traffic: TrafficCounters) -> Upstream.Transport {
        switch self.kind {
        case .http:
            return .http(
                HTTPUpstream(
                    self, group: configuration.eventLoopGroup, traffic: traffic,
                    resolution: configuration.lookup.map { NameResolution(lookup: $0) } ?? NameResolution()))
        case .teleport:
            var client = ClientConfiguration(address: self.address, logger: configuration.logger)
            client.memory = configuration.wireMemory
            if let lookup = configuration.lookup { client.resolution = NameResolution(lookup: lookup) }
            client.wire = self.wire
            client.compression = self.compression
            client.compressionBudget = self.compressionBudget
            client.streamLimits = self.streamLimits
            client.maxHeadSize = self.limits.headSizeOnWire
            client.tls = self.tls
            client.batching.delay = self.delay
            client.connections = self.connections ?? 1
            // Shorter than what the server is set aside for: when it is tried again, that is an attempt to connect.
            client.backoff = ConnectBackoff(initial: 20_000_000, maximum: 500_000_000)
            client.timeout = self.timeout
            client.maxAge = self.maxAge
            client.handshakeTimeout = self.handshakeTimeout
            client.limits.maxPending = self.concurrency
            client.limits.maxTombstones = self.concurrency
            client.eventLoopGroup = configuration.eventLoopGroup
            client.traffic = traffic
            let codec = HTTPCodec(
                limits: self.limits, sentLimits: self.requestLimits, via: self.viaName.flatMap { Via($0) },
                addsDate: false, streamLimit: .max)
            return .teleport(ConnectionPool(codec: codec, configuration: client))
        }
    }
}
