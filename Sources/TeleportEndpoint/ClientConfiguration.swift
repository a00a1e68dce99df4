public import Logging
public import NIOCore
public import TeleportCompress
public import TeleportRPC
public import TeleportTransport
public import TeleportWire

/// How a client reaches one server.
public struct ClientConfiguration: Sendable {
    /// Where the server listens. A name is resolved anew for each connection, and all its addresses are used in turn.
    public var address: TransportAddress
    /// Magic and version of v0. HTTP's unless you speak a protocol of your own.
    public var identity: ProtocolIdentity
    /// Which version of the protocol is spoken. Default: v1, and v0 with servers that know no other.
    public var wire: WireVersion
    /// How this side compresses what it sends; the server chooses for its own direction. Default none.
    public var compression: CompressionCodec
    /// How much of each loop's time compression may take on v1 connections: then the level of ``compression`` is where it
    /// begins, and follows what there is of time and what it saves; beyond it blocks are sent as they are. All connections
    /// on a loop with the same budget share it. On v0 the level is fixed. Default `nil`: fixed on v1 too.
    public var compressionBudget: CompressionBudget?
    /// TLS, if wanted: then a server that does not offer it is refused. Default none.
    public var tls: ClientTLS?
    /// When waiting requests are written. Default: once a turn of the loop.
    public var batching: BatchingPolicy
    /// What one connection may hold.
    public var limits: ClientLimits
    /// What one v1 connection may hold besides, and how long things may take on it.
    public var streamLimits: StreamLimits
    /// The largest head of an answer on v1, in bytes. Default 64 KiB.
    public var maxHeadSize: Int
    /// Connections to the server, each opened with the first call that uses it. One carries a great deal; more help when
    /// compression fills a core. Default 1.
    public var connections: Int
    /// How long a call may take when it does not say itself, everything included. Default 3 s.
    public var timeout: TimeAmount
    /// How long connecting may take, the handshake and TLS included. Default 3 s.
    public var handshakeTimeout: TimeAmount
    /// How old a connection may be: then another one is made, and when that is there, takes its place; the old one closes
    /// when its calls have ended. Up to a tenth less, by chance. Default `nil`: for ever.
    public var maxAge: TimeAmount?
    /// How long to wait between attempts to connect.
    public var backoff: ConnectBackoff
    /// Bytes that may wait to be sent on one connection; a call beyond fails with `.outboundBufferFull`. Default 64 MiB.
    public var maxOutboundBytes: Int
    /// Counts connections, and bytes at the socket, below TLS and compression. Default none.
    public var traffic: TrafficCounters?
    /// The loops that connections live on. Default: the process's own.
    public var eventLoopGroup: any EventLoopGroup
    /// For the rare events of connections; `debug` mostly.
    public var logger: Logger
    /// Finds the server's addresses. Here, because all connections of a client take turns with them.
    package var resolution: NameResolution
    /// What servers spoke in this process.
    package var memory: WireMemory

    /// A configuration with defaults for everything but the address.
    public init(
        address: TransportAddress, identity: ProtocolIdentity = .http,
        logger: Logger = Logger(label: "teleport.client")
    ) {
        self.address = address
        self.identity = identity
        self.wire = .automatic
        self.compression = .none
        self.compressionBudget = nil
        self.tls = nil
        self.batching = .init()
        self.limits = .init()
        self.streamLimits = .init()
        self.maxHeadSize = 65536
        self.connections = 1
        self.timeout = .seconds(3)
        self.handshakeTimeout = .seconds(3)
        self.maxAge = nil
        self.backoff = .init()
        self.maxOutboundBytes = 64 << 20
        self.traffic = nil
        self.eventLoopGroup = EventLoops.shared
        self.logger = logger
        self.resolution = NameResolution()
        self.memory = .shared
    }

    /// For v0 without TLS: that begins behind the preface. For v1 with it: the preface is inside.
    @usableFromInline
    func makeConnector(framed: Bool = false) -> Connector {
        Connector(
            to: self.address, tls: framed ? self.tls?.offering(WireVersion.applicationProtocol) : nil,
            policy: self.batching, timeout: self.handshakeTimeout, traffic: self.traffic, resolution: self.resolution)
    }

    /// What the server is told that it may send on v1.
    @usableFromInline
    var settings: SettingsV1 { SettingsV1(self.streamLimits, maxStreams: 0, maxHeadSize: self.maxHeadSize) }

    /// Counts what a connection carries.
    @usableFromInline
    func meter(on eventLoop: any EventLoop) -> TrafficCounters.Shard? { self.traffic?.shard(of: eventLoop) }

    /// What compression is held to on a loop, if it has a budget.
    @usableFromInline
    func compressionAccount(on eventLoop: any EventLoop) -> LoopAccount? {
        guard self.compression.kind != .none else { return nil }
        return self.compressionBudget.map { LoopAccount.of(eventLoop, $0) }
    }

    /// What v1 begins with.
    var framedIdentity: ProtocolIdentity { self.wire.framedIdentity(self.identity) }
}

extension SettingsV1 {
    /// A client takes no streams, which is what 0 says.
    init(_ limits: StreamLimits, maxStreams: Int, maxHeadSize: Int) {
        self.init()
        self.maxStreams = maxStreams
        self.maxHeadSize = maxHeadSize
        self.streamCredit = limits.streamCredit
        self.connectionCredit = limits.connectionCredit
        self.zstdWindowLog = Swift.min(27, Swift.max(17, limits.zstdWindowLog))
    }
}
