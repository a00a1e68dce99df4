internal import Logging
public import NIOCore
public import Synchronization
public import TeleportRPC
public import TeleportTransport

/// One place in a client's pool: a connection that is made with the first call that needs it, and made anew, with growing
/// patience, when it was lost.
///
/// A connection that is retired (it takes no new calls) may live on beside its successor until its own calls ended.
@usableFromInline
final class ClientLink<Codec: SelfDelimitingCodec, Completion: CallCompletion>: Sendable
where Completion.Response == Codec.Response {
    @usableFromInline typealias Connection = ClientRoute<Codec, Completion>

    @usableFromInline
    struct State: Sendable {
        @usableFromInline var current: Connection?
        /// All that live: the current one and retired ones.
        @usableFromInline var alive: [Connection] = []
        /// What is to take the place of the current one, once it works.
        @usableFromInline var successor: Connection?
        @usableFromInline var backoff: ConnectBackoff
        /// The next attempt to connect comes no sooner than this.
        @usableFromInline var earliestAttempt = NIODeadline.uptimeNanoseconds(0)
        @usableFromInline var lastFailure: RPCError?
        @usableFromInline var isShutDown = false

        @inlinable
        init(backoff: ConnectBackoff) { self.backoff = backoff }
    }

    @usableFromInline let codec: Codec
    @usableFromInline let configuration: ClientConfiguration
    @usableFromInline let eventLoop: any EventLoop
    /// Runs callers that chose to live on the loop.
    @usableFromInline let executor: EventLoopExecutor
    @usableFromInline let living: LivingCount
    @usableFromInline let state: Mutex<State>

    @inlinable
    init(codec: Codec, configuration: ClientConfiguration, eventLoop: any EventLoop, living: LivingCount) {
        self.codec = codec
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.executor = EventLoopExecutor(eventLoop: eventLoop)
        self.living = living
        self.state = Mutex(State(backoff: configuration.backoff))
    }

    /// Makes a call on the connection, or on its successor if it takes none.
    @inlinable
    func call(
        _ request: Codec.Request, deadline: Nanoseconds, now: Nanoseconds, waits: Bool, completion: Completion
    ) throws(RPCError) -> Connection.Ticket {
        var full: Connection?
        while true {
            let connection = try self.connection(replacing: full, waits: waits)
            switch try connection.call(request, deadline: deadline, now: now, completion: completion) {
            case .made(let ticket): return ticket
            case .full(let connection): full = connection
            }
        }
    }

    /// The connection to make a call on.
    ///
    /// - Parameters:
    ///   - full: a connection that turned out to take no new calls, to be replaced.
    ///   - waits: whether one that is to be made later will do.
    /// - Throws: ``RPCError`` `.shuttingDown`, or `.connectFailed` for one who does not wait.
    @inlinable
    func connection(replacing full: Connection? = nil, waits: Bool = true) throws(RPCError) -> Connection {
        guard full == nil, let current = self.state.withLock({ state in state.current }) else {
            return try self.newConnection(replacing: full, waits: waits)
        }
        return current
    }

    @inlinable
    func newConnection(replacing full: Connection?, waits: Bool) throws(RPCError) -> Connection {
        let (connection, delay) = try self.state.withLock { state throws(RPCError) -> (Connection, TimeAmount?) in
            guard !state.isShutDown else {
                throw RPCError(.shuttingDown, "The client is shutting down and takes no new calls.")
            }
            if let current = state.current, !(full.map { $0 === current } ?? false) { return (current, nil) }
            let delay = Swift.max(.zero, state.earliestAttempt - self.eventLoop.now)
            if !waits, delay > .zero, let failure = state.lastFailure { throw failure }
            let connection = self.makeConnection(lastFailure: state.lastFailure)
            state.current = connection
            state.alive.append(connection)
            return (connection, delay)
        }
        if let delay {
            self.living.entered()
            if self.eventLoop.inEventLoop {
                self.start(connection, after: delay)
            } else {
                self.eventLoop.execute { self.start(connection, after: delay) }
            }
        }
        return connection
    }

    /// A connection of the version that the server is known to speak, or else is to be tried with.
    @inlinable
    func makeConnection(lastFailure: RPCError?) -> Connection {
        guard self.speaksV1 else {
            return .v0(
                ClientConnection(
                    codec: self.codec, configuration: self.configuration, eventLoop: self.eventLoop,
                    lastConnectFailure: lastFailure))
        }
        return .framed(
            FramedClientConnection(
                codec: self.codec, configuration: self.configuration, eventLoop: self.eventLoop,
                lastConnectFailure: lastFailure))
    }

    @usableFromInline
    var speaksV1: Bool {
        let configuration = self.configuration
        guard configuration.wire.permitsV1(configuration.identity) else { return false }
        return configuration.wire == .v1
            || configuration.memory.knowledge(of: configuration.address, now: self.eventLoop.now) != .v0
    }

    /// Whether connections made from now on will speak v1; `nil` if the server has to be asked.
    var carriesStreams: Bool? {
        guard self.speaksV1 else { return false }
        return self.mayFallBack ? nil : true
    }

    @inlinable
    func start(_ connection: Connection, after delay: TimeAmount) {
        switch connection {
        case .v0(let v0): self.start(v0, after: delay, isFallback: false)
        case .framed(let framed): self.start(framed, after: delay)
        }
    }

    @inlinable
    func start(_ connection: ClientConnection<Codec, Completion>, after delay: TimeAmount, isFallback: Bool) {
        let stream = ClientStream(
            connection: connection,
            onEstablished: {
                if isFallback, $0 == nil { self.serverSpokeV0() }
                self.established(failure: $0)
                if $0 == nil { self.connected(.v0(connection)) }
            },
            onClosed: { self.ended(.v0(connection)) })
        connection.stream.value = stream
        stream.start(after: delay)
    }

    @inlinable
    func start(_ connection: FramedClientConnection<Codec, Completion>, after delay: TimeAmount) {
        let stream = FramedClientStream(
            connection: connection,
            onEstablished: {
                if $0 == nil { self.serverSpokeV1() }
                self.established(failure: $0)
                if $0 == nil { self.connected(.framed(connection)) }
            },
            onOldServer: self.mayFallBack ? { self.fallBack(from: connection) } : nil,
            onClosed: { self.ended(.framed(connection)) })
        connection.stream.value = stream
        stream.start(after: delay)
    }

    /// Whether an orderly end without a byte is a reason to try v0 (V1-5).
    @usableFromInline
    var mayFallBack: Bool {
        let configuration = self.configuration
        return configuration.wire == .automatic && configuration.tls == nil
            && configuration.memory.knowledge(of: configuration.address, now: self.eventLoop.now) == .unknown
    }

    @usableFromInline
    func serverSpokeV1() { self.configuration.memory.spokeV1(self.configuration.address) }

    @usableFromInline
    func serverSpokeV0() {
        self.configuration.memory.spokeV0(self.configuration.address, now: self.eventLoop.now)
    }

    /// The server knows no v1: the calls that wait go to a v0 connection, in their order.
    @inlinable
    func fallBack(from old: FramedClientConnection<Codec, Completion>) {
        self.logFallback()
        let connection = ClientConnection<Codec, Completion>(
            codec: self.codec, configuration: self.configuration, eventLoop: self.eventLoop, lastConnectFailure: nil)
        self.living.entered()
        self.start(connection, after: .zero, isFallback: true)
        var isShutDown = false
        old.handOver(to: connection) {
            isShutDown = self.state.withLock { state in
                if let current = state.current, current === .framed(old) {
                    state.current = state.isShutDown ? nil : .v0(connection)
                }
                if let successor = state.successor, successor === .framed(old) { state.successor = .v0(connection) }
                state.alive.removeAll { $0 === .framed(old) }
                state.alive.append(.v0(connection))
                return state.isShutDown
            }
        }
        if isShutDown { connection.drain() }
        self.living.left()
    }

    @usableFromInline
    func logFallback() {
        self.configuration.logger.debug(
            "the server speaks version 0", metadata: ["address": "\(self.configuration.address)"])
    }

    @usableFromInline
    func established(failure: RPCError?) {
        let logger = self.configuration.logger
        guard let failure else {
            self.state.withLock { state in
                state.backoff.succeeded()
                state.lastFailure = nil
            }
            logger.debug("connected", metadata: ["address": "\(self.configuration.address)"])
            return
        }
        let jitter = Double.random(in: 0...1)
        let delay = self.state.withLock { state in
            let delay = TimeAmount.nanoseconds(state.backoff.failed(jitter: jitter))
            state.earliestAttempt = self.eventLoop.now + delay
            state.lastFailure = failure
            return delay
        }
        logger.debug(
            "connecting failed",
            metadata: [
                "address": "\(self.configuration.address)", "error": "\(failure)",
                "retry_after_ms": "\(delay.nanoseconds / 1_000_000)",
            ])
    }

    @usableFromInline
    func ended(_ connection: Connection) {
        self.endedBeforeItsTime(connection)
        self.state.withLock { state in
            if let current = state.current, current === connection { state.current = nil }
            state.alive.removeAll { $0 === connection }
        }
        self.living.left()
    }

    /// Takes no new calls; connections close when their calls ended.
    @inlinable
    func shutDown() {
        let alive = self.state.withLock { state in
            state.isShutDown = true
            return state.alive
        }
        for connection in alive { connection.drain() }
    }

    /// Ends what is left, failing the calls that still wait.
    @inlinable
    func closeNow() {
        let alive = self.state.withLock { $0.alive }
        for connection in alive {
            self.eventLoop.execute {
                connection.closeNow(RPCError(.shuttingDown, "The client shut down before the answer came."))
            }
        }
    }
}
