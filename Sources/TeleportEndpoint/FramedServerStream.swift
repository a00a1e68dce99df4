internal import Logging
internal import NIOCore
internal import Synchronization
internal import TeleportRPC
public import TeleportTransport
internal import TeleportWire

/// One v1 connection of a server, as its loop sees it: preface, blocks, frames, and requests given to the handler. The twin
/// of ``ServerStream``.
///
/// ```
/// awaitingPreface ─▶ open ─▶ closed
/// ```
///
/// Confined to the loop of its connection.
@usableFromInline
final class FramedServerStream {
    enum Phase {
        case awaitingPreface
        case open
        case closed
    }

    let service: FramedService
    /// Reads requests of this connection.
    let dispatch: FramedService.Dispatch
    let configuration: ServerConfiguration
    let connection: FramedServerConnection
    let onClosed: () -> Void
    var phase = Phase.awaitingPreface
    var driver: ConnectionDriver?
    var input: FrameInput
    var output: FrameOutput
    var liveliness: Liveliness
    var senders = BodySenders()
    var receivers = BodyReceivers()
    /// When a handler has to be stopped.
    var timer: DeadlineTimer?
    /// For ``Liveliness``.
    var clock: DeadlineTimer?
    /// Bytes to be sent before anything else: the preface, or a block that says that a history is gone.
    var ahead: ByteBuffer?
    /// SECRETS whose head has not come.
    var secrets: [UInt32: ByteBuffer] = [:]
    var violation: RPCError?
    /// Why nothing is read.
    var pause: Pause = []
    /// What the PING of a drain carries, while its PONG is awaited.
    var drainMark: UInt64?

    struct Pause: OptionSet {
        let rawValue: UInt8

        /// The peer does not read its answers.
        static let outboundFull = Pause(rawValue: 1)
        /// Other connections of the loop have their turn.
        static let yielding = Pause(rawValue: 2)
        /// Nothing more is read.
        static let over = Pause(rawValue: 4)
    }

    @usableFromInline
    init(
        service: FramedService, configuration: ServerConfiguration, connection: FramedServerConnection,
        onClosed: @escaping () -> Void
    ) {
        self.service = service
        self.dispatch = service.open(connection)
        self.configuration = configuration
        self.connection = connection
        self.onClosed = onClosed
        let meter = configuration.meter(on: connection.executor.eventLoop)
        self.input = FrameInput(offered: .all, settings: configuration.settings, meter: meter)
        let eventLoop = connection.executor.eventLoop
        self.output = FrameOutput(
            configuration.compression, account: configuration.compressionAccount(on: eventLoop), meter: meter)
        self.liveliness = Liveliness(configuration.streamLimits, now: eventLoop.now.uptimeNanoseconds)
        self.timer = DeadlineTimer(eventLoop: eventLoop) { now in self.deadlineReached(now) }
        self.clock = DeadlineTimer(eventLoop: eventLoop) { now in self.timePassed(now) }
    }

    /// Takes over a connection whose first bytes said v1, which were not consumed.
    func takeOver(_ adapter: ByteStreamAdapter, _ driver: ConnectionDriver) {
        self.driver = driver
        let address = driver.channel?.remoteAddress
        self.connection.remoteAddress.withLock { $0 = address }
        adapter.onBytes = { self.received(&$0) }
        adapter.onReadBatchEnded = { self.updateBackPressure() }
        adapter.onBytesWanted = { self.bytesToSend() }
        adapter.onTLSEstablished = {}
        adapter.onInputClosed = { self.inputClosed() }
        adapter.onDeadline = { _ in
            self.fail(RPCError(.handshakeFailed, "The client did not complete the handshake within the limit."))
        }
        adapter.onWritability = { isWritable in
            self.updateBackPressure()
            if isWritable, self.senders.hasReady { self.driver?.scheduleFlush() }
        }
        adapter.onClosed = { self.closed($0) }
        self.connection.onSignal.value = { self.signalled($0) }
        self.connection.onBody.value = { self.began($0, $1, isSensitive: $2) }
        self.connection.onRequestOver.value = { self.requestOver($0) }
    }

    var now: Nanoseconds { self.connection.executor.eventLoop.now.uptimeNanoseconds }
    var isOpen: Bool { if case .open = self.phase { true } else { false } }

    // MARK: Writing

    func signalled(_ signal: FramedServerConnection.Signal) {
        if signal.contains(.flushNow) {
            self.driver?.flush()
        } else if signal.contains(.flush) {
            self.driver?.scheduleFlush()
        }
        if signal.contains(.finish) { self.driver?.closeGracefully() }
    }

    func bytesToSend() -> ByteBuffer? {
        guard case .open = self.phase else { return nil }
        var ahead = self.ahead
        self.ahead = nil
        self.connection.state.withLock { state in
            state.outbox.isFlushRequested = false
            self.output.take(&state.outbox)
        }
        if self.senders.hasReady { self.fillBodies() }
        if self.output.batch.hasStreamFrames { self.liveliness.streamsMoved(now: self.now) }
        if self.pause.contains(.outboundFull) {
            // This batch may be all that was in the way, and a socket that takes it at once says nothing.
            self.connection.executor.eventLoop.assumeIsolated().execute { self.updateBackPressure() }
        }
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

    // MARK: Time

    func armTimer() {
        let deadline = self.connection.state.withLock { $0.machine.nextDeadline }
        self.timer?.set(deadline == .never ? nil : NIODeadline.uptimeNanoseconds(deadline))
    }

    private func deadlineReached(_ now: NIODeadline) {
        let late = self.connection.state.withLock { $0.machine.deadlineReached(now: now.uptimeNanoseconds) }
        for cancel in late { cancel() }
        self.armTimer()
    }

    func armClock() {
        guard self.isOpen else { return }
        var next = self.liveliness.next
        // A body that nobody reads is looked for every second.
        if !self.receivers.isEmpty { next = Swift.min(next, self.now + .seconds(1)) }
        self.clock?.set(next == .never ? nil : .uptimeNanoseconds(next))
    }

    private func timePassed(_ now: NIODeadline) {
        guard self.isOpen else { return }
        let (now, limits) = (now.uptimeNanoseconds, self.configuration.streamLimits)
        let (due, slow) = self.connection.state.withLock { state in
            (
                self.liveliness.due(now: now, hasStreams: state.machine.liveCount > 0),
                state.machine.slowStreams(limit: limits.unreadTimeout, now: now)
            )
        }
        if due.contains(.giveUp) {
            return self.violated(WireError(.violation(.timeout), "A PING was not answered within the limit (V1-50)."))
        }
        for id in slow {
            self.breakOff(id, .slow, RPCError(.timedOut, "The body was left unread for too long."))
        }
        if due.contains(.ping) {
            self.connection.state.withLock { $0.outbox.ping(ByteBuffer(integer: now)) }
            self.driver?.scheduleFlush()
        }
        if due.contains(.release) { self.releaseHistory() }
        if due.contains(.drain) { self.drain() }
        self.armClock()
    }

    private func releaseHistory() {
        self.input.releaseBuffer()
        guard let block = self.output.releaseHistory() else { return }
        self.ahead = block
        self.driver?.flush()
    }
}

extension ServerDoor.Owner {
    /// A v1 stream.
    @usableFromInline
    static func framed(
        _ service: FramedService, _ configuration: ServerConfiguration, _ executor: EventLoopExecutor,
        _ load: RequestLoad, onClosed: @escaping () -> Void
    ) -> Self {
        let connection = FramedServerConnection(executor: executor, configuration: configuration, load: load)
        let stream = FramedServerStream(
            service: service, configuration: configuration, connection: connection, onClosed: onClosed)
        return Self(takeOver: stream.takeOver, drain: stream.drain, fail: stream.fail)
    }
}
