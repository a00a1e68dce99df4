/// What one v1 connection may hold and how long things may take on it, on either side (rule V1-78).
public struct StreamLimits: Sendable, Hashable {
    /// Credit that each stream begins with: bytes of a body that may be here unread. Default 256 KiB.
    public var streamCredit: Int
    /// The same for all streams of the connection together. Default 4 MiB.
    public var connectionCredit: Int
    /// Heads and bodies that came with them, of requests that are being handled. Default 16 MiB.
    public var maxHeldBytes: Int
    /// How long a body may be left unread while it fills its stream's credit. Default 60 s.
    public var unreadTimeout: Nanoseconds
    /// After so long without a byte from the peer a PING is sent. Default 30 s; `.never` sends none.
    public var pingAfter: Nanoseconds
    /// How long a PONG may take. Default 10 s.
    public var pongTimeout: Nanoseconds
    /// After so long without traffic the memory of a direction's compression is given back. Default 5 s.
    public var historyTimeout: Nanoseconds
    /// The largest window of zstd that is accepted, as a power of two, 17 to 27: it costs twice that in memory for each
    /// connection that uses it. Default 17.
    public var zstdWindowLog: Int
    /// After so long without a stream the connection is drained. Default `.never`.
    public var maxIdle: Nanoseconds
    /// After so long the connection is drained, and another takes its place. Default `.never`.
    public var maxAge: Nanoseconds
    /// Tokens for frames that cost more than they say (V1-77). Default 1000.
    public var abuseTokens: Int
    /// Tokens gained in a second. Default 100.
    public var abuseTokensPerSecond: Int

    /// Limits with the documented defaults, except those given.
    public init(
        streamCredit: Int = 262_144, connectionCredit: Int = 4_194_304, maxHeldBytes: Int = 16 << 20,
        unreadTimeout: Nanoseconds = .seconds(60), pingAfter: Nanoseconds = .seconds(30),
        pongTimeout: Nanoseconds = .seconds(10), historyTimeout: Nanoseconds = .seconds(5),
        zstdWindowLog: Int = 17, maxIdle: Nanoseconds = .never, maxAge: Nanoseconds = .never, abuseTokens: Int = 1000,
        abuseTokensPerSecond: Int = 100
    ) {
        self.streamCredit = streamCredit
        self.connectionCredit = connectionCredit
        self.maxHeldBytes = maxHeldBytes
        self.unreadTimeout = unreadTimeout
        self.pingAfter = pingAfter
        self.pongTimeout = pongTimeout
        self.historyTimeout = historyTimeout
        self.zstdWindowLog = zstdWindowLog
        self.maxIdle = maxIdle
        self.maxAge = maxAge
        self.abuseTokens = abuseTokens
        self.abuseTokensPerSecond = abuseTokensPerSecond
    }
}
