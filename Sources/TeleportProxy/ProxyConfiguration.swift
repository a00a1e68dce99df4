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

    /// Which server a request is given to.
    public enum Balance: String, Sendable, Hashable, CaseIterable {
        /// The one with the fewest pending for its weight.
        case leastLoaded = "least-loaded"
        /// Each in its turn, as often as its weight says.
        case roundRobin = "round-robin"
    }

    /// Asking a server how it is.
    public struct HealthCheck: Sendable, Hashable {
        /// What is asked for, with `GET`: a status from 200 to 399 is good.
        public var path: String
        /// How long after an answer it is asked again.
        public var interval: TimeAmount
        /// How long it may take to answer; never longer than a request may. `nil`, the default, is as long as `interval`.
        public var timeout: TimeAmount?

        public init(path: String, interval: TimeAmount = .seconds(5), timeout: TimeAmount? = nil) {
            self.path = path
            self.interval = interval
            self.timeout = timeout
        }
    }

    /// Where clients connect to, and what is spoken there: at least one.
    public var fronts: [FrontConfiguration]
    /// What the servers behind speak.
    public var outKind: Kind
    /// The servers behind.
    public var upstreams: [UpstreamConfiguration]
    /// Which version of Teleport is spoken to the servers behind. Default: v1, and v0 with servers that know no other.
    public var outWire: WireVersion
    /// TLS to the servers behind, their certificates verified as it says. Default none.
    public var outTLS: ClientTLS?
    /// How this proxy calls itself in `Via` (RFC 9110 §7.6.3); `nil` adds none. Default `httptp`.
    public var viaName: String?
    /// Where each request is recorded. Default nowhere.
    public var accessLog: AccessLog?
    /// Whether every failed request is logged; else they are summed up once a second. Default false.
    public var logsAllErrors: Bool
    /// How requests to Teleport servers are compressed. Default none.
    public var outCompression: CompressionCodec
    /// How much of each loop's time compressing requests may take over v1, as in `ClientConfiguration`. Default `nil`: the
    /// level is fixed.
    public var outCompressionBudget: CompressionBudget?
    /// How long requests to Teleport servers may wait for others. Default zero.
    public var outDelay: TimeAmount
    /// What v1 connections may hold, and how long things may take on them, on either side. Default: as is right for a
    /// proxy, which has many clients on each.
    public var streamLimits: StreamLimits
    /// How long a server may take to answer, connecting included. Default 3 s. Then the client is told 504.
    public var outTimeout: TimeAmount
    /// What is known of the servers' versions. Shared by the process, but for tests: ports are used again there.
    package var wireMemory = WireMemory.shared
    /// What names mean; `nil` is what the system says. For tests.
    package var lookup: NameResolution.Lookup?
    /// How long the handshake of a Teleport connection may take on either side, connecting and TLS included. Default 3 s.
    public var handshakeTimeout: TimeAmount
    /// Connections to one address, for the whole process; `nil` is 1 to a Teleport server, which is usually enough, and
    /// at most ``defaultHTTPConnections`` to an HTTP server, opened as they are needed.
    public var outConnectionsPerAddress: Int?
    /// How long a connection to an HTTP server is kept without a request. Default 50 s: less than servers keep it, so that
    /// a request seldom meets a connection that is just being closed, which only an idempotent one survives.
    public var outIdleTimeout: TimeAmount
    /// Connections to each server that are made at the start, before the first request needs them. Default 0.
    public var outWarmConnections: Int
    /// How old a connection to a server may be: then another takes its place, and it closes when its requests have ended. So
    /// a name is resolved anew, and servers that were added get their share. Up to a tenth less, by chance, so that they do
    /// not end together. `nil` is for ever. Default 5 minutes.
    public var outMaxAge: TimeAmount?
    /// Which server a request is given to. Default ``Balance/leastLoaded``.
    public var outBalance: Balance
    /// How long a server that comes back takes until it has its full share of requests. Default 10 s.
    public var outSlowStart: TimeAmount
    /// How servers are asked how they are. Default `nil`: they are judged by their answers to requests only.
    public var outHealthCheck: HealthCheck?
    /// How many requests may be sent a second time, in percent of all: 0 to 100. A thousand in 10 s are always allowed,
    /// unless it is 0. Default 20.
    public var outRetryBudget: Int
    /// Requests that are being forwarded at the same time; one more is told 429. Default 100 000.
    public var concurrency: Int
    /// What is accepted from servers.
    public var outLimits: HTTPLimits
    /// How long a Teleport client may let nothing of a request's body come. Default 60 s.
    public var inUploadStall: TimeAmount
    /// How long a Teleport client may take nothing of an answer's body. Default 600 s: credit comes in large steps, so to
    /// the proxy at the other end this is a slow client rather than one that stands still.
    public var inDownloadStall: TimeAmount
    /// How long a tunnel may be silent in both directions; then it is closed. Default 1 h.
    public var tunnelIdleTimeout: TimeAmount
    /// Bytes kept of request bodies that are not complete yet, of all connections together, where they have to be whole to
    /// be forwarded. One more gets 503. Default 256 MiB.
    public var maxGatheredBytes: Int
    /// How long a shutdown waits for requests in flight. Default 10 s.
    public var drainLimit: TimeAmount
    /// Sockets that are listening already, to be used for the addresses of ``fronts``. Default none.
    public var inheritedSockets: InheritedSockets?
    /// The loops that connections live on. Default: the process's own.
    public var eventLoopGroup: any EventLoopGroup
    public var logger: Logger

    /// The most connections to one HTTP server if nothing else is said.
    public static let defaultHTTPConnections = 512

    /// A configuration with one front, and defaults for everything else.
    public init(
        in inKind: Kind, at inAddresses: [TransportAddress], out outKind: Kind, to outAddresses: [TransportAddress],
        logger: Logger = Logger(label: "httptp")
    ) {
        self.fronts = [FrontConfiguration(inKind, at: inAddresses)]
        self.outKind = outKind
        self.upstreams = outAddresses.map { UpstreamConfiguration($0) }
        self.outWire = .automatic
        self.outTLS = nil
        self.viaName = "httptp"
        self.accessLog = nil
        self.logsAllErrors = false
        self.outCompression = .none
        self.outDelay = .zero
        self.streamLimits = .proxy
        self.outTimeout = .seconds(3)
        self.handshakeTimeout = .seconds(3)
        self.outIdleTimeout = .seconds(50)
        self.outConnectionsPerAddress = nil
        self.outWarmConnections = 0
        self.outMaxAge = .minutes(5)
        self.outBalance = .leastLoaded
        self.outSlowStart = .seconds(10)
        self.outHealthCheck = nil
        self.outRetryBudget = 20
        self.concurrency = 100_000
        self.outLimits = HTTPLimits(maxBodySize: 64 << 20)
        self.inUploadStall = .seconds(60)
        self.inDownloadStall = .seconds(600)
        self.tunnelIdleTimeout = .hours(1)
        self.maxGatheredBytes = 256 << 20
        self.drainLimit = .seconds(10)
        self.inheritedSockets = nil
        self.eventLoopGroup = EventLoops.shared
        self.logger = logger
    }

    /// The first front, for those who have one.
    public var front: FrontConfiguration {
        get { self.fronts[0] }
        set { self.fronts[0] = newValue }
    }

    /// The largest head and body of a request that any front accepts.
    var largestRequest: HTTPLimits {
        var largest = self.fronts.first?.limits ?? .default
        for front in self.fronts.dropFirst() {
            largest.maxHeadSize = Swift.max(largest.maxHeadSize, front.limits.maxHeadSize)
            largest.maxBodySize = Swift.max(largest.maxBodySize, front.limits.maxBodySize)
        }
        return largest
    }
}
