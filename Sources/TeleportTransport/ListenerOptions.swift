public import enum NIOCore.SocketAddress

/// How a ``Listener`` listens, and what it does with the connections it accepts.
public struct ListenerOptions: Sendable {
    /// TLS from the first byte, if any. (An upgrade later is the stream's business:
    /// ``ConnectionDriver/startTLS(_:received:)``.) Default none.
    public var tls: ServerTLS?
    /// When what waits is written. Default: once a turn of the loop.
    public var policy: BatchingPolicy
    /// Whether others, of this process or of the same user, may listen at the same port if they say so too
    /// (`SO_REUSEPORT`): the operating system spreads connections over them. TCP only. Default false.
    public var reusesPort: Bool
    /// Asked with the peer's address, before anything else is done with an accepted connection: false closes it without
    /// a byte. The address may be `nil` for a peer that has gone already. Called on the connection's loop: do not
    /// block. Default `nil`: all are admitted.
    public var admits: (@Sendable (SocketAddress?) -> Bool)?
    /// How much is read at once. Default ``ReadSizes/busy``.
    public var readSizes: ReadSizes
    /// Counts the accepted connections and their bytes. What was not admitted is not counted. Default none.
    public var traffic: TrafficCounters?

    public init(
        tls: ServerTLS? = nil, policy: BatchingPolicy = .init(), reusesPort: Bool = false,
        admits: (@Sendable (SocketAddress?) -> Bool)? = nil, readSizes: ReadSizes = .busy,
        traffic: TrafficCounters? = nil
    ) {
        self.tls = tls
        self.policy = policy
        self.reusesPort = reusesPort
        self.admits = admits
        self.readSizes = readSizes
        self.traffic = traffic
    }
}
