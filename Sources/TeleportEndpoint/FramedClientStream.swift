public import NIOCore
public import Synchronization
public import TeleportRPC
public import TeleportTransport
public import TeleportWire

/// One v1 connection of a client, as its loop sees it: preface, blocks, frames, and answers matched with their calls. The
/// twin of ``ClientStream``.
///
/// ```
/// connecting ─▶ awaitingPreface ─▶ open ─▶ closed
///                      └── an old server: handed over to v0 (V1-5)
/// ```
///
/// Confined to the loop of its connection.
@usableFromInline
final class FramedClientStream<Codec: FramedCodec, Completion: CallCompletion>
where Completion.Response == Codec.Response {
    @usableFromInline typealias Connection = FramedClientConnection<Codec, Completion>

    @usableFromInline
    enum Phase {
        case connecting
        case awaitingPreface
        case open
        case closed
    }

    @usableFromInline let connection: Connection
    /// Told once: how establishing the connection ended.
    @usableFromInline let onEstablished: (RPCError?) -> Void
    /// Told instead, if the server turned out to be an old one. The calls that wait are the receiver's then.
    @usableFromInline let onOldServer: (() -> Void)?
    /// Told once, last.
    @usableFromInline let onClosed: () -> Void
    @usableFromInline var phase = Phase.connecting
    @usableFromInline var timer: DeadlineTimer?
    /// For ``Liveliness``.
    @usableFromInline var clock: DeadlineTimer?
    @usableFromInline var driver: ConnectionDriver?
    @usableFromInline var input: FrameInput
    @usableFromInline var output: FrameOutput
    @usableFromInline var liveliness: Liveliness
    @usableFromInline var senders = BodySenders()
    @usableFromInline var receivers = BodyReceivers()
    /// Bytes to be sent before anything else: the preface, or a block that says that a history is gone.
    @usableFromInline var ahead: ByteBuffer?
    /// The frames of one read batch; kept for its memory.
    @usableFromInline var frames: [Frame?] = []
    @usableFromInline var headers: [FrameHeader] = []
    /// What they came to, in the same order; kept for its memory.
    @usableFromInline var effects: [Effect?] = []
    /// SECRETS whose head has not come.
    @usableFromInline var secrets: [UInt32: ByteBuffer] = [:]
    @usableFromInline var violation: RPCError?
    /// Something was received.
    @usableFromInline var hasHeard = false
    @usableFromInline var handshakeDeadline = NIODeadline.distantFuture
    /// The server's preface and SETTINGS have come.
    @usableFromInline var isEstablished = false
    /// One-way messages wait for a connection that nobody else needs any more.
    @usableFromInline var closesWhenEstablished = false

    @inlinable
    init(
        connection: Connection, onEstablished: @escaping (RPCError?) -> Void, onOldServer: (() -> Void)?,
        onClosed: @escaping () -> Void
    ) {
        self.connection = connection
        self.onEstablished = onEstablished
        self.onOldServer = onOldServer
        self.onClosed = onClosed
        let configuration = connection.configuration
        let meter = configuration.meter(on: connection.eventLoop)
        self.input = FrameInput(offered: .all, settings: configuration.settings, meter: meter)
        self.output = FrameOutput(
            configuration.compression, account: configuration.compressionAccount(on: connection.eventLoop), meter: meter
        )
        self.liveliness = Liveliness(
            configuration.streamLimits, now: connection.eventLoop.now.uptimeNanoseconds)
        self.timer = DeadlineTimer(eventLoop: connection.eventLoop) { now in self.deadlineReached(now) }
        self.clock = DeadlineTimer(eventLoop: connection.eventLoop) { now in self.timePassed(now) }
    }

    /// Connects after `delay`. Calls may be made on the connection already.
    @inlinable
    func start(after delay: TimeAmount) {
        self.signalled(.deadlineMoved)
        guard delay > .zero else { return self.connect() }
        self.connection.eventLoop.assumeIsolated().scheduleTask(in: delay) { self.connect() }
    }

    @inlinable
    func makeAdapter() -> ByteStreamAdapter {
        let adapter = ByteStreamAdapter()
        adapter.onOpened = { self.opened($0) }
        adapter.onBytes = { self.received(&$0) }
        adapter.onBytesWanted = { self.bytesToSend() }
        adapter.onInputClosed = { self.inputClosed() }
        adapter.onDeadline = { _ in self.handshakeTimedOut() }
        adapter.onWritability = { if $0 { self.becameWritable() } }
        adapter.onClosed = { self.closed(self.failure(for: $0)) }
        return adapter
    }

    @inlinable
    func connect() {
        guard case .connecting = self.phase else { return }
        let configuration = self.connection.configuration
        self.handshakeDeadline = self.connection.eventLoop.now + configuration.handshakeTimeout
        let adapter = NIOLoopBound(self.makeAdapter(), eventLoop: self.connection.eventLoop)
        let connected = configuration.makeConnector(framed: true)
            .connect(on: self.connection.eventLoop) { adapter.value }
        connected.assumeIsolated().whenFailure { error in
            self.closed(RPCError(.connectFailed, "The server cannot be reached.", cause: error))
        }
    }

    // MARK: Writing

    @usableFromInline
    func becameWritable() {
        if self.senders.hasReady { self.driver?.scheduleFlush() }
    }

    @usableFromInline
    func signalled(_ signal: Connection.Signal) {
        if signal.contains(.deadlineMoved) { self.armTimer() }
        if signal.contains(.flushNow) {
            self.driver?.flush()
        } else if signal.contains(.flush) {
            self.driver?.scheduleFlush()
        }
        if signal.contains(.close) { self.closeIdle() }
    }

    @inlinable
    func bytesToSend() -> ByteBuffer? {
        var ahead = self.ahead
        self.ahead = nil
        guard case .open = self.phase else { return ahead }
        self.connection.state.withLock { state in
            state.outbox.isFlushRequested = false
            state.machine.outboundFlushed()
            self.output.take(&state.outbox)
        }
        if self.senders.hasReady { self.fillBodies() }
        if self.output.batch.hasStreamFrames { self.liveliness.streamsMoved(now: self.now) }
        do throws(RPCError) {
            let bytes = try self.output.encoded()
            if bytes != nil { self.liveliness.bytesSent(now: self.now) }
            self.armClock()
            guard ahead != nil else { return bytes }
            if let bytes { ahead?.writeImmutableBuffer(bytes) }
            return ahead
        } catch {
            self.fail(error)
            return nil
        }
    }

    @inlinable
    var now: Nanoseconds { self.connection.eventLoop.now.uptimeNanoseconds }

    // MARK: Time

    @usableFromInline
    func armTimer() {
        let deadline = self.connection.state.withLock { $0.nextDeadline }
        self.timer?.set(deadline == .never ? nil : NIODeadline.uptimeNanoseconds(deadline))
    }

    @usableFromInline
    func deadlineReached(_ now: NIODeadline) {
        let nanoseconds = now.uptimeNanoseconds
        let (expired, waiting, wasSent) = self.connection.state.withLock { state in
            let expired = state.machine.deadlineReached(now: nanoseconds)
            for (id, _) in expired { state.outbox.cancel(id, .cancelled) }
            return (expired, state.takeExpired(now: nanoseconds), state.machine.hasSent)
        }
        for (id, call) in expired {
            self.senders.remove(id)
            call.completion?.fail(
                RPCError(
                    .timedOut, "No answer came within the call's deadline.", possiblyExecuted: wasSent,
                    cause: self.obstacle))
        }
        for call in waiting {
            call.completion?.fail(
                RPCError(
                    .timedOut,
                    self.isOpen
                        ? "No place was free within the call's deadline: the server takes no more calls at the same time."
                        : "No answer came within the call's deadline.", cause: self.obstacle))
        }
        self.armTimer()
        if !expired.isEmpty { self.driver?.scheduleFlush() }
        self.admitWaiting()
        self.closeIfFinished()
    }

    @usableFromInline
    func armClock() {
        guard self.isOpen else { return }
        var next = self.liveliness.next
        // A body that nobody reads is looked for every second.
        if !self.receivers.isEmpty { next = Swift.min(next, self.now + .seconds(1)) }
        self.clock?.set(next == .never ? nil : .uptimeNanoseconds(next))
    }

    @usableFromInline
    func timePassed(_ now: NIODeadline) {
        guard self.isOpen else { return }
        let (now, limits) = (now.uptimeNanoseconds, self.connection.configuration.streamLimits)
        let (due, slow) = self.connection.state.withLock { state in
            (
                self.liveliness.due(now: now, hasStreams: state.machine.liveCount > 0),
                state.machine.slowStreams(limit: limits.unreadTimeout, now: now)
            )
        }
        if due.contains(.giveUp) {
            return self.fail(RPCError(.connectionClosed, "The server did not answer a PING within the limit."))
        }
        for id in slow { self.cancelSlow(id) }
        if due.contains(.ping) {
            self.connection.state.withLock { $0.outbox.ping(ByteBuffer(integer: now)) }
            self.driver?.scheduleFlush()
        }
        if due.contains(.release) { self.releaseHistory() }
        if due.contains(.drain) { self.connection.drain() }
        self.armClock()
    }

    @usableFromInline
    func releaseHistory() {
        self.input.releaseBuffer()
        guard let block = self.output.releaseHistory() else { return }
        self.ahead = block
        self.driver?.flush()
    }

    /// Why calls made so far cannot have been answered, if that is known.
    var obstacle: RPCError? {
        switch self.phase {
        case .connecting:
            self.connection.lastConnectFailure
                ?? RPCError(.connectFailed, "No connection to \(self.connection.configuration.address) was made yet.")
        case .awaitingPreface:
            RPCError(
                .handshakeFailed, "The server accepted the connection, but has not answered the handshake yet.")
        case .open, .closed:
            nil
        }
    }

    @inlinable
    var isOpen: Bool { if case .open = self.phase { true } else { false } }
}

extension FramedClientConnection.State {
    /// Calls that waited for a place until their deadline.
    mutating func takeExpired(now: Nanoseconds) -> [FramedClientConnection.Waiting] {
        guard now >= self.earliestWaiting else { return [] }
        var expired: [FramedClientConnection.Waiting] = []
        self.earliestWaiting = .never
        self.waiting.removeAll { call in
            guard call.deadline <= now else {
                self.earliestWaiting = Swift.min(self.earliestWaiting, call.deadline)
                return false
            }
            expired.append(call)
            return true
        }
        return expired
    }
}
