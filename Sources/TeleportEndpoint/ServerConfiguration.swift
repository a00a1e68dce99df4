public import Logging
public import NIOCore
public import TeleportCompress
public import TeleportRPC
public import TeleportTransport
public import TeleportWire

/// How a server serves.
public struct ServerConfiguration: Sendable {
    /// Where to listen; port 0 takes a free one.
    public var addresses: [TransportAddress]
    /// Magic and version of v0. HTTP's unless you speak a protocol of your own.
    public var identity: ProtocolIdentity
    /// Which versions of the protocol are spoken. Default: v0 and v1, as each client likes.
    public var wire: WireVersion
    /// How this side compresses what it sends; clients choose for their own direction. Default none.
    public var compression: CompressionCodec
    /// How much of each loop's time compression may take on v1 connections: then the level of ``compression`` is where it
    /// begins, and follows what there is of time and what it saves; beyond it blocks are sent as they are. All connections
    /// on a loop with the same budget share it. On v0 the level is fixed. Default `nil`: fixed on v1 too.
    public var compressionBudget: CompressionBudget?
    /// TLS, if wanted: then plain clients are refused unless ``allowPlaintext`` is set. Default none.
    public var tls: ServerTLS?
    /// Whether a server with TLS serves plain clients besides. Default false.
    public var allowPlaintext: Bool
    /// When waiting answers are written. Default: once a turn of the loop.
    public var batching: BatchingPolicy
    /// What one connection may ask for.
    public var limits: ServerLimits
    /// What one v1 connection may hold besides, and how long things may take on it.
    public var streamLimits: StreamLimits
    /// The largest head of a request on v1, in bytes. Default 64 KiB.
    public var maxHeadSize: Int
    /// Requests of all connections that are being handled at the same time; N admits exactly N. Default 10 000.
    public var maxConcurrent: Int
    /// How long a client may take for the handshake, TLS included. Default 3 s.
    public var handshakeTimeout: TimeAmount
    /// While more bytes than this wait to be sent on a connection, nothing more is read from it. Default 1 MiB.
    public var outboundHighMark: Int
    /// How long ``RPCServer/run()`` waits for requests in flight when it shuts down. Default 10 s.
    public var drainLimit: TimeAmount
    /// Whether other servers, of this process or of the same user, may listen at the same ports if they say so too: the
    /// operating system spreads connections over them. TCP only. Default false.
    public var reusesPort: Bool
    /// Asked with the peer's address, before anything else is done with an accepted connection: false closes it without
    /// a byte. Called on the connection's loop: do not block. Default `nil`: all are admitted.
    public var admits: (@Sendable (SocketAddress?) -> Bool)?
    /// Counts connections, and bytes at the socket, below TLS and compression. Default none.
    public var traffic: TrafficCounters?
    /// The loops that connections live on. Default: the process's own.
    public var eventLoopGroup: any EventLoopGroup
    /// For the rare events of connections; `debug` mostly.
    public var logger: Logger

    /// A configuration with defaults for everything but the addresses.
    public init(
        addresses: [TransportAddress], identity: ProtocolIdentity = .http,
        logger: Logger = Logger(label: "teleport.server")
    ) {
        self.addresses = addresses
        self.identity = identity
        self.wire = .automatic
        self.compression = .none
        self.compressionBudget = nil
        self.tls = nil
        self.allowPlaintext = false
        self.batching = .init()
        self.limits = .init()
        self.streamLimits = .init()
        self.maxHeadSize = 65536
        self.maxConcurrent = 10_000
        self.handshakeTimeout = .seconds(3)
        self.outboundHighMark = 1 << 20
        self.drainLimit = .seconds(10)
        self.reusesPort = false
        self.admits = nil
        self.traffic = nil
        self.eventLoopGroup = EventLoops.shared
        self.logger = logger
    }
}

extension ServerConfiguration {
    /// Without TLS: that begins behind the preface.
    var listenerOptions: ListenerOptions {
        ListenerOptions(
            policy: self.batching, reusesPort: self.reusesPort, admits: self.admits, traffic: self.traffic)
    }

    /// What clients are told that they may send on v1.
    var settings: SettingsV1 {
        SettingsV1(
            self.streamLimits, maxStreams: Swift.min(self.limits.maxConcurrent, 1 << 24), maxHeadSize: self.maxHeadSize)
    }

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
