public import Logging
public import NIOCore
public import Teleport
public import TeleportCompress

/// What a proxy listens to, where it forwards to, and within which limits.
public struct ProxyConfiguration: Sendable {
    /// What is spoken on one side.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// HTTP/1.1, and 1.0 from clients.
        case http
        /// Teleport.
        case teleport
    }

    /// What clients speak.
    public var inKind: Kind
    /// Where clients connect to.
    public var inAddresses: [TransportAddress]
    /// What the servers behind speak.
    public var outKind: Kind
    /// The servers behind. Each request goes to the one with the fewest pending.
    public var outAddresses: [TransportAddress]
    /// How answers to Teleport clients are compressed. Default none.
    public var inCompression: CompressionCodec
    /// How requests to Teleport servers are compressed. Default none.
    public var outCompression: CompressionCodec
    /// How long answers to Teleport clients may wait for others. Default zero.
    public var inDelay: TimeAmount
    /// How long requests to Teleport servers may wait for others. Default zero.
    public var outDelay: TimeAmount
    /// How long a server may take to answer, connecting included. Default 3 s. Then the client is told 504.
    public var outTimeout: TimeAmount
    /// Connections to one address, for the whole process; `nil` is 1 to a Teleport server, which is usually enough, and
    /// at most ``defaultHTTPConnections`` to an HTTP server, opened as they are needed.
    public var outConnectionsPerAddress: Int?
    /// Requests that are being forwarded at the same time; one more is told 429. Default 100 000.
    public var concurrency: Int
    /// What is accepted from clients.
    public var inLimits: HTTPLimits
    /// What is accepted from servers.
    public var outLimits: HTTPLimits
    /// How long a client may leave a connection idle, or take to send the rest of a request. Default 120 s.
    public var inIdleTimeout: TimeAmount
    /// Requests of one HTTP connection that may be forwarded before the first is answered. Default 64; reading stops
    /// there.
    public var maxPipelined: Int
    /// How long a shutdown waits for requests in flight. Default 10 s.
    public var drainLimit: TimeAmount
    /// The loops that connections live on. Default: the process's own.
    public var eventLoopGroup: any EventLoopGroup
    public var logger: Logger

    /// The most connections to one HTTP server if nothing else is said.
    public static let defaultHTTPConnections = 512

    /// A configuration with defaults for everything else.
    public init(
        in inKind: Kind, at inAddresses: [TransportAddress], out outKind: Kind, to outAddresses: [TransportAddress],
        logger: Logger = Logger(label: "httptp")
    ) {
        self.inKind = inKind
        self.inAddresses = inAddresses
        self.outKind = outKind
        self.outAddresses = outAddresses
        self.inCompression = .none
        self.outCompression = .none
        self.inDelay = .zero
        self.outDelay = .zero
        self.outTimeout = .seconds(3)
        self.outConnectionsPerAddress = nil
        self.concurrency = 100_000
        self.inLimits = .default
        self.outLimits = HTTPLimits(maxBodySize: 64 << 20)
        self.inIdleTimeout = .seconds(120)
        self.maxPipelined = 64
        self.drainLimit = .seconds(10)
        self.eventLoopGroup = EventLoops.shared
        self.logger = logger
    }
}
