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
    /// Which versions of Teleport clients may speak. Default: both.
    public var inWire: WireVersion
    /// Which version of Teleport is spoken to the servers behind. Default: v1, and v0 with servers that know no other.
    public var outWire: WireVersion
    /// TLS for clients: HTTP's and v1's from the first byte, v0's after the preface. Plain clients are refused then.
    /// Default none.
    public var inTLS: ServerTLS?
    /// TLS to the servers behind, their certificates verified as it says. Default none.
    public var outTLS: ClientTLS?
    /// Who may connect; others are closed without a byte. Empty, the default, is everybody.
    public var inAllowed: [AddressRange]
    /// Whether methods other than `GET` and `HEAD` are refused with 405. Default false.
    public var inGetOnly: Bool
    /// A field that the client's IP address is appended to, such as `X-Forwarded-For`. Default none.
    public var clientIPField: FieldName?
    /// Whether other processes may listen at the same TCP port (`SO_REUSEPORT`). Default false.
    public var reusesPort: Bool
    /// How this proxy calls itself in `Via` (RFC 9110 §7.6.3); `nil` adds none. Default `httptp`.
    public var viaName: String?
    /// Where each request is recorded. Default nowhere.
    public var accessLog: AccessLog?
    /// Whether every failed request is logged; else they are summed up once a second. Default false.
    public var logsAllErrors: Bool
    /// How answers to Teleport clients are compressed. Default none.
    public var inCompression: CompressionCodec
    /// How requests to Teleport servers are compressed. Default none.
    public var outCompression: CompressionCodec
    /// How long answers to Teleport clients may wait for others. Default zero.
    public var inDelay: TimeAmount
    /// How long requests to Teleport servers may wait for others. Default zero.
    public var outDelay: TimeAmount
    /// What v1 connections may hold, and how long things may take on them, on either side. Default: as is right for a
    /// proxy, which has many clients on each.
    public var streamLimits: StreamLimits
    /// How long a server may take to answer, connecting included. Default 3 s. Then the client is told 504.
    public var outTimeout: TimeAmount
    /// What is known of the servers' versions. Shared by the process, but for tests: ports are used again there.
    package var wireMemory = WireMemory.shared
    /// How long the handshake of a Teleport connection may take on either side, connecting and TLS included. Default 3 s.
    public var handshakeTimeout: TimeAmount
    /// Connections to one address, for the whole process; `nil` is 1 to a Teleport server, which is usually enough, and
    /// at most ``defaultHTTPConnections`` to an HTTP server, opened as they are needed.
    public var outConnectionsPerAddress: Int?
    /// How long a connection to an HTTP server is kept without a request. Default 50 s: less than servers keep it, so that
    /// a request seldom meets a connection that is just being closed, which only an idempotent one survives.
    public var outIdleTimeout: TimeAmount
    /// Requests that are being forwarded at the same time; one more is told 429. Default 100 000.
    public var concurrency: Int
    /// What is accepted from clients.
    public var inLimits: HTTPLimits
    /// What is accepted from servers.
    public var outLimits: HTTPLimits
    /// How long a client may leave a connection idle between two requests. Default 120 s.
    public var inIdleTimeout: TimeAmount
    /// How long a client may take from the first byte of a head to its last; then it is told 408. Default 15 s.
    public var inHeadTimeout: TimeAmount
    /// Bytes a second, on average, that a client has to send of a body, and to take of an answer, once
    /// ``inRateGrace`` has passed. Slower ones are told 408, or cut off. Default 240.
    public var inMinimumRate: Int
    /// How long a transfer may be slower than ``inMinimumRate``. Default 10 s.
    public var inRateGrace: TimeAmount
    /// How long a Teleport client may let nothing of a request's body come. Default 60 s.
    public var inUploadStall: TimeAmount
    /// How long a Teleport client may take nothing of an answer's body. Default 600 s: credit comes in large steps, so to
    /// the proxy at the other end this is a slow client rather than one that stands still.
    public var inDownloadStall: TimeAmount
    /// Requests of one HTTP connection that may be forwarded before the first is answered. Default 16; reading stops
    /// there.
    public var maxPipelined: Int
    /// Bytes kept of request bodies that are not complete yet, of all connections together, where they have to be whole to
    /// be forwarded. One more gets 503. Default 256 MiB.
    public var maxGatheredBytes: Int
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
        self.inWire = .automatic
        self.outWire = .automatic
        self.inTLS = nil
        self.outTLS = nil
        self.inAllowed = []
        self.inGetOnly = false
        self.clientIPField = nil
        self.reusesPort = false
        self.viaName = "httptp"
        self.accessLog = nil
        self.logsAllErrors = false
        self.inCompression = .none
        self.outCompression = .none
        self.inDelay = .zero
        self.outDelay = .zero
        self.streamLimits = .proxy
        self.outTimeout = .seconds(3)
        self.handshakeTimeout = .seconds(3)
        self.outIdleTimeout = .seconds(50)
        self.outConnectionsPerAddress = nil
        self.concurrency = 100_000
        self.inLimits = .default
        self.outLimits = HTTPLimits(maxBodySize: 64 << 20)
        self.inIdleTimeout = .seconds(120)
        self.inHeadTimeout = .seconds(15)
        self.inMinimumRate = 240
        self.inRateGrace = .seconds(10)
        self.inUploadStall = .seconds(60)
        self.inDownloadStall = .seconds(600)
        self.maxPipelined = 16
        self.maxGatheredBytes = 256 << 20
        self.drainLimit = .seconds(10)
        self.eventLoopGroup = EventLoops.shared
        self.logger = logger
    }
}
