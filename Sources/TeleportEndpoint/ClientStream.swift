public import NIOCore
public import Synchronization
internal import TeleportCompress
public import TeleportRPC
public import TeleportTransport
public import TeleportWire

/// Answers that are decoded, matched with their calls under one lock, and handed to their callers, before the next are.
/// More at a time would have left the caches when their callers look at them.
@usableFromInline let answersPerBatch = 64

/// One connection of a client, as its loop sees it: preface, TLS, compression, and answers matched with their calls.
///
/// ```
/// connecting ─▶ awaitingPreface ─▶ (awaitingTLS) ─▶ open ─▶ closed
/// ```
///
/// Confined to the loop of its connection.
@usableFromInline
final class ClientStream<Codec: SelfDelimitingCodec, Completion: CallCompletion>
where Completion.Response == Codec.Response {
    @usableFromInline
    enum Phase {
        case connecting
        case awaitingPreface
        case awaitingTLS(PrefaceV0)
        case open
        case closed
    }

    /// An answer that was read, before it is matched with its call.
    @usableFromInline typealias Answer = (id: CallID, received: ReceivedResponse<Codec.Response>)

    @usableFromInline let connection: ClientConnection<Codec, Completion>
    /// Told once: how establishing the connection ended.
    @usableFromInline let onEstablished: (RPCError?) -> Void
    /// Told once, last.
    @usableFromInline let onClosed: () -> Void
    @usableFromInline var phase = Phase.connecting
    @usableFromInline var timer: DeadlineTimer?
    @usableFromInline var driver: ConnectionDriver?
    @usableFromInline var inbound: InboundPath?
    @usableFromInline var outbound: OutboundPath
    @usableFromInline var prefaceToSend: ByteBuffer?
    @usableFromInline var decoder: Codec.ResponseDecoder
    /// The answers of one read batch, before they are matched; kept for its memory.
    @usableFromInline var answers: [Answer] = []
    /// Their calls, in the same order; `nil` where nobody waits any more.
    @usableFromInline var calls: [ClientConnection<Codec, Completion>.Call?] = []
    /// An id was read, its message not completely.
    @usableFromInline var answeredID: CallID?
    @usableFromInline var violation: RPCError?
    /// Decoding stopped to let callers have their answers; there may be more to decode.
    @usableFromInline var isBatchFull = false
    @usableFromInline var isOpen: Bool { if case .open = self.phase { true } else { false } }
    /// When connecting and the handshake have to be done.
    @usableFromInline var handshakeDeadline = NIODeadline.distantFuture
    /// One-way messages wait for a connection that nobody else needs any more.
    @usableFromInline var closesWhenEstablished = false

    @inlinable
    init(
        connection: ClientConnection<Codec, Completion>, onEstablished: @escaping (RPCError?) -> Void,
        onClosed: @escaping () -> Void
    ) {
        self.connection = connection
        self.onEstablished = onEstablished
        self.onClosed = onClosed
        self.outbound = OutboundPath(
            v0: connection.configuration.compression,
            meter: connection.configuration.meter(on: connection.eventLoop))
        self.decoder = connection.codec.makeResponseDecoder()
        self.timer = DeadlineTimer(eventLoop: connection.eventLoop) { now in self.deadlineReached(now) }
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
        adapter.onTLSEstablished = { self.tlsEstablished() }
        adapter.onInputClosed = { self.inputClosed() }
        adapter.onDeadline = { _ in self.handshakeTimedOut() }
        adapter.onClosed = { self.closed(self.failure(for: $0)) }
        return adapter
    }

    @inlinable
    func connect() {
        guard case .connecting = self.phase else { return }
        let configuration = self.connection.configuration
        self.handshakeDeadline = self.connection.eventLoop.now + configuration.handshakeTimeout
        let adapter = NIOLoopBound(self.makeAdapter(), eventLoop: self.connection.eventLoop)
        let connected = configuration.makeConnector().connect(on: self.connection.eventLoop) { adapter.value }
        connected.assumeIsolated().whenFailure { error in
            self.closed(RPCError(.connectFailed, "The server cannot be reached.", cause: error))
        }
    }

    // MARK: Writing

    @inlinable
    func signalled(_ signal: ClientConnection<Codec, Completion>.Signal) {
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
        if let preface = self.prefaceToSend {
            self.prefaceToSend = nil
            return preface
        }
        guard case .open = self.phase else { return nil }
        self.connection.state.withLock { state in
            state.isFlushRequested = false
            state.machine.outboundFlushed()
            self.outbound.take(&state.outbound)
        }
        do throws(RPCError) {
            return try self.outbound.encoded()
        } catch {
            self.fail(error)
            return nil
        }
    }

    // MARK: Deadlines

    @inlinable
    func armTimer() {
        let deadline = self.connection.state.withLock { $0.machine.nextDeadline }
        self.timer?.set(deadline == .never ? nil : NIODeadline.uptimeNanoseconds(deadline))
    }

    @inlinable
    func deadlineReached(_ now: NIODeadline) {
        let (expired, action, wasSent) = self.connection.state.withLock { state in
            let outcome = state.machine.deadlineReached(now: now.uptimeNanoseconds)
            return (outcome.expired, outcome.action, state.machine.hasSent)
        }
        if !expired.isEmpty {
            let error = RPCError(
                .timedOut, "No answer came within the call's deadline.", possiblyExecuted: wasSent,
                cause: self.obstacle)
            for call in expired { call.completion.fail(error) }
        }
        self.armTimer()
        if action == .close { self.closeIdle() }
    }

    /// Why calls made so far cannot have been answered, if that is known.
    @usableFromInline
    var obstacle: RPCError? {
        switch self.phase {
        case .connecting:
            self.connection.lastConnectFailure
                ?? RPCError(.connectFailed, "No connection to \(self.connection.configuration.address) was made yet.")
        case .awaitingPreface:
            RPCError(
                .handshakeFailed, "The server accepted the connection, but has not answered the handshake yet.")
        case .awaitingTLS:
            RPCError(.handshakeFailed, "The TLS handshake with the server is not complete yet.")
        case .open, .closed:
            nil
        }
    }

    // MARK: The end

    /// Nobody waits for anything on this connection: closes it, once what is to be sent was sent.
    @usableFromInline
    func closeIdle() {
        switch self.phase {
        case .open:
            self.driver?.closeGracefully()
        case .connecting, .awaitingPreface, .awaitingTLS:
            // What calls that gave up have left there is not worth a connection; one-way messages are.
            guard !self.connection.state.withLock({ $0.hasOneWay }) else {
                self.closesWhenEstablished = true
                return
            }
            let error = RPCError(
                .connectFailed, "The connection was given up before it was made: nobody waited for it any more.",
                cause: self.obstacle)
            guard self.driver != nil else { return self.closed(error) }
            self.fail(error)
        case .closed:
            break
        }
    }

    @usableFromInline
    func inputClosed() {
        self.driver?.closeNow(TransportError(.closedByPeer, "The server closed the connection."))
    }

    @usableFromInline
    func fail(_ error: RPCError) {
        if self.violation == nil { self.violation = error }
        self.driver?.closeNow(TransportError(.closedLocally, error.message, cause: error))
    }

    /// What the end of the transport means to the calls.
    @usableFromInline
    func failure(for cause: TransportError) -> RPCError {
        if let violation = self.violation { return violation }
        switch self.phase {
        case .connecting, .awaitingPreface:
            return RPCError(
                .handshakeFailed,
                """
                The server closed the connection during the handshake: it speaks another protocol or version, or it \
                refuses this client's compression or TLS.
                """,
                cause: cause)
        case .awaitingTLS:
            return RPCError(.handshakeFailed, "TLS with the server could not be established.", cause: cause)
        case .open, .closed:
            return RPCError(.connectionClosed, "The connection ended before the answer came.", cause: cause)
        }
    }

    @inlinable
    func closed(_ error: RPCError) {
        if case .closed = self.phase { return }
        let wasOpen = if case .open = self.phase { true } else { false }
        self.phase = .closed
        self.timer?.end()
        self.driver = nil
        let failed = self.connection.state.withLock { state in
            state.outbound = ByteBuffer()
            return state.machine.connectionClosed()
        }
        if !wasOpen { self.onEstablished(error) }
        for (call, possiblyExecuted) in failed {
            call.completion.fail(error.with(possiblyExecuted: possiblyExecuted))
        }
        self.connection.stream.value = nil
        self.onClosed()
    }
}
