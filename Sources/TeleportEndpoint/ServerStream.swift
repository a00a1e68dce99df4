internal import Logging
public import NIOCore
public import Synchronization
internal import TeleportCompress
public import TeleportRPC
public import TeleportTransport
public import TeleportWire

/// One connection of a server, as its loop sees it: preface, TLS, compression, and requests given to the handler.
///
/// ```
/// awaitingPreface ─▶ (awaitingTLS) ─▶ open ─▶ closed
///         └── refused: answered with a preface, then closed
/// ```
///
/// Confined to the loop of its connection.
@usableFromInline
final class ServerStream<Codec: SelfDelimitingCodec, Handler: RequestHandler>
where Handler.Request == Codec.Request, Handler.Response == Codec.Response {
    @usableFromInline
    enum Phase {
        case awaitingPreface
        case awaitingTLS(PrefaceV0)
        case open
        /// Nothing more is read; what is owed is still sent.
        case finishing
        case closed
    }

    /// Why reading is paused.
    @usableFromInline
    struct Pause: OptionSet {
        @usableFromInline let rawValue: UInt8
        @inlinable
        init(rawValue: UInt8) { self.rawValue = rawValue }

        /// The peer does not read its answers.
        @inlinable static var outboundFull: Pause { Pause(rawValue: 1) }
        /// Serial mode: a request is being handled.
        @inlinable static var serial: Pause { Pause(rawValue: 2) }
        /// No more requests are taken.
        @inlinable static var finishing: Pause { Pause(rawValue: 4) }
        /// Other connections of the loop have their turn.
        @inlinable static var yielding: Pause { Pause(rawValue: 8) }
    }

    @usableFromInline let codec: Codec
    @usableFromInline let handler: Handler
    @usableFromInline let configuration: ServerConfiguration
    @usableFromInline let connection: ServerConnection<Codec.Response>
    @usableFromInline let onClosed: () -> Void
    @usableFromInline var phase = Phase.awaitingPreface
    @usableFromInline var pause: Pause = []
    @usableFromInline var driver: ConnectionDriver?
    @usableFromInline var inbound: InboundPath?
    @usableFromInline var outbound: OutboundPath
    @usableFromInline var prefaceToSend: ByteBuffer?
    @usableFromInline var decoder: Codec.RequestDecoder
    /// An id was read, its message not completely.
    @usableFromInline var requestedID: CallID?
    /// Requests are being read, further up the stack.
    @usableFromInline var isDecoding = false
    @usableFromInline var violation: RPCError?

    @inlinable
    init(
        codec: Codec, handler: Handler, configuration: ServerConfiguration,
        connection: ServerConnection<Codec.Response>, onClosed: @escaping () -> Void
    ) {
        self.codec = codec
        self.handler = handler
        self.configuration = configuration
        self.connection = connection
        self.onClosed = onClosed
        self.outbound = OutboundPath(configuration.compression)
        self.decoder = codec.makeRequestDecoder()
    }

    @inlinable
    func makeAdapter() -> ByteStreamAdapter {
        let adapter = ByteStreamAdapter()
        adapter.onOpened = { self.opened($0) }
        adapter.onBytes = { self.received(&$0) }
        adapter.onReadBatchEnded = { self.updateBackPressure() }
        adapter.onBytesWanted = { self.bytesToSend() }
        adapter.onTLSEstablished = { self.tlsEstablished() }
        adapter.onInputClosed = { self.inputClosed() }
        adapter.onDeadline = { _ in self.handshakeTimedOut() }
        adapter.onWritability = { _ in self.updateBackPressure() }
        adapter.onClosed = { self.closed($0) }
        self.connection.onSignal.value = { self.signalled($0) }
        return adapter
    }

    // MARK: Handshake

    @usableFromInline
    func opened(_ driver: ConnectionDriver) {
        self.driver = driver
        if case .finishing = self.phase {
            return driver.closeNow(TransportError(.closedLocally, "The server is shutting down."))
        }
        driver.setDeadline(self.connection.executor.eventLoop.now + self.configuration.handshakeTimeout)
    }

    @usableFromInline
    func handshakeTimedOut() {
        self.fail(RPCError(.handshakeFailed, "The client did not complete the handshake within the limit."))
    }

    /// - Returns: whether the connection is open now and there may be more to read.
    @usableFromInline
    func receivePreface(_ bytes: inout ByteBuffer) -> Bool {
        let preface: PrefaceV0
        do throws(WireError) {
            guard let decoded = try PrefaceV0.decode(identity: self.configuration.identity, from: &bytes) else {
                return false
            }
            preface = decoded
        } catch {
            let failure = RPCError(.handshakeFailed, "The client's handshake is not acceptable.", cause: error)
            if case .unknownCompression = error.code {
                self.refuseHandshake(tls: false, failure)
            } else {
                self.fail(failure)
            }
            return false
        }
        switch (preface.tls, self.configuration.tls) {
        case (false, nil):
            self.established(preface, tls: false)
            return true
        case (false, _?) where self.configuration.allowPlaintext:
            self.established(preface, tls: false)
            return true
        case (true, let tls?):
            self.phase = .awaitingTLS(preface)
            self.sendPreface(tls: true)
            let rest = bytes.readSlice(length: bytes.readableBytes) ?? ByteBuffer()
            self.driver?.startTLS(tls, received: rest)
        case (true, nil):
            self.refuseHandshake(
                tls: false, RPCError(.handshakeFailed, "The client asks for TLS, which is not configured here."))
        case (false, _?):
            self.refuseHandshake(
                tls: true, RPCError(.handshakeFailed, "The client asks for a plain connection; this server has TLS."))
        }
        return false
    }

    @usableFromInline
    func tlsEstablished() {
        guard case .awaitingTLS(let preface) = self.phase else { return }
        self.established(preface, tls: true)
    }

    private func established(_ preface: PrefaceV0, tls: Bool) {
        self.phase = .open
        // A megabyte at a time: what is small on the wire may be a great many requests.
        self.inbound = InboundPath(preface.compression, piecesPerTurn: 16)
        self.driver?.setDeadline(nil)
        if !tls { self.sendPreface(tls: false) }
    }

    private func sendPreface(tls: Bool) {
        var preface = ByteBuffer()
        PrefaceV0(compression: CompressionTag(self.configuration.compression), tls: tls)
            .encode(identity: self.configuration.identity, into: &preface)
        self.prefaceToSend = preface
        self.driver?.flush()
    }

    /// Tells the peer what this side speaks, which is all that v0 has to tell it why, and closes.
    private func refuseHandshake(tls: Bool, _ error: RPCError) {
        self.violation = error
        self.phase = .finishing
        self.driver?.setDeadline(nil)
        self.sendPreface(tls: tls)
        self.driver?.closeGracefully()
    }

    // MARK: Reading

    @inlinable
    func received(_ bytes: inout ByteBuffer) {
        if case .awaitingPreface = self.phase {
            guard self.receivePreface(&bytes) else { return }
        }
        guard case .open = self.phase else { return }
        self.isDecoding = true
        defer { self.isDecoding = false }
        do throws(RPCError) {
            try self.inbound?.receive(&bytes) { self.decode(&$0) }
        } catch {
            self.fail(error)
        }
        guard let inbound = self.inbound, inbound.hasYielded, case .open = self.phase else { return }
        self.pauseReading(.yielding)
        self.connection.executor.eventLoop.assumeIsolated().execute { self.resumeReading(.yielding) }
    }

    /// Decodes and dispatches all whole requests. Returns false to stop.
    @inlinable
    func decode(_ bytes: inout ByteBuffer) -> Bool {
        while self.pause.isEmpty {
            let id: CallID
            if let begun = self.requestedID {
                id = begun
            } else {
                guard let next = CallID.decode(from: &bytes) else { return true }
                id = next
                self.requestedID = next
            }
            do throws(RPCError) {
                guard let received = try self.decoder.decode(from: &bytes) else { return true }
                self.requestedID = nil
                switch received {
                case .request(let request):
                    self.dispatch(request, id: id)
                case .refused(let response):
                    self.connection.answer(id, with: response)
                case .unreadable(let response, let error):
                    self.connection.answer(id, with: response)
                    self.finish(because: error)
                }
            } catch {
                self.fail(error)
            }
        }
        return false
    }

    @inlinable
    func dispatch(_ request: Codec.Request, id: CallID) {
        guard self.connection.load.enter() else {
            return self.connection.answer(
                id, with: self.codec.response(to: .tooManyConcurrent(limit: self.configuration.maxConcurrent)))
        }
        switch self.connection.state.withLock({ $0.machine.requestReceived(id) }) {
        case .dispatch(let token):
            // Set before the handler runs: it may answer at once, which takes it back.
            if self.configuration.limits.serial { self.pauseReading(.serial) }
            self.handler.handle(request, Responder(connection: self.connection, token: token))
        case .refuseTooManyConcurrent:
            self.connection.load.leave()
            self.connection.answer(
                id,
                with: self.codec.response(to: .tooManyConcurrent(limit: self.configuration.limits.maxConcurrent)))
        case .drop:
            self.connection.load.leave()
        }
    }

    @inlinable
    func pauseReading(_ reason: Pause) {
        self.pause.insert(reason)
        self.driver?.pauseReading()
    }

    @inlinable
    func resumeReading(_ reason: Pause) {
        guard self.pause.contains(reason) else { return }
        self.pause.remove(reason)
        guard self.pause.isEmpty, let driver = self.driver else { return }
        // A handler that answers at once ends the pause that its own request began: the loop over requests goes on.
        guard !self.isDecoding else { return driver.resumeReading() }
        // What was expanded before the pause comes first; then what the driver holds.
        var nothing = ByteBuffer()
        self.received(&nothing)
        if self.pause.isEmpty { driver.resumeReading() }
    }

    /// While the peer does not read its answers, its requests are not read.
    @inlinable
    func updateBackPressure() {
        guard let driver = self.driver else { return }
        let waiting = self.connection.state.withLock { $0.outbound.readableBytes }
        if waiting > self.configuration.outboundHighMark || !driver.isWritable {
            self.pauseReading(.outboundFull)
        } else {
            self.resumeReading(.outboundFull)
        }
    }

    // MARK: Writing

    @inlinable
    func signalled(_ signal: ServerConnection<Codec.Response>.Signal) {
        if signal.contains(.fail) {
            return self.fail(RPCError(.unsendable, "An answer cannot be sent in any form."))
        }
        if signal.contains(.flushNow) {
            self.driver?.flush()
        } else if signal.contains(.flush) {
            self.driver?.scheduleFlush()
        }
        if signal.contains(.finish) {
            self.driver?.closeGracefully()
        } else if signal.contains(.resumeReading) {
            self.resumeReading(.serial)
        }
    }

    @inlinable
    func bytesToSend() -> ByteBuffer? {
        if let preface = self.prefaceToSend {
            self.prefaceToSend = nil
            return preface
        }
        switch self.phase {
        case .open, .finishing:
            break
        case .awaitingPreface, .awaitingTLS, .closed:
            return nil
        }
        self.connection.state.withLock { state in
            state.isFlushRequested = false
            self.outbound.take(&state.outbound)
        }
        if self.pause.contains(.outboundFull) {
            // This batch may be all that was in the way, and a socket that takes it at once says nothing.
            self.connection.executor.eventLoop.assumeIsolated().execute { self.updateBackPressure() }
        }
        do throws(RPCError) {
            return try self.outbound.encoded()
        } catch {
            self.fail(error)
            return nil
        }
    }

    // MARK: The end

    /// Takes no more requests, answers those that were read, then closes.
    @inlinable
    func drain() {
        switch self.phase {
        case .awaitingPreface, .awaitingTLS:
            self.phase = .finishing
            self.driver?.closeNow(TransportError(.closedLocally, "The server is shutting down."))
        case .open:
            self.phase = .finishing
            self.pauseReading(.finishing)
            if self.connection.state.withLock({ $0.machine.drainStarted() }) { self.driver?.closeGracefully() }
        case .finishing, .closed:
            break
        }
    }

    /// The end of a message is not certain: what was understood is answered, nothing more is read.
    @usableFromInline
    func finish(because error: RPCError) {
        self.violation = error
        self.drain()
    }

    @usableFromInline
    func inputClosed() {
        self.drain()
    }

    @usableFromInline
    func fail(_ error: RPCError) {
        if self.violation == nil { self.violation = error }
        self.pause.insert(.finishing)
        self.driver?.closeNow(TransportError(.closedLocally, error.message, cause: error))
    }

    @usableFromInline
    func closed(_ cause: TransportError) {
        if case .closed = self.phase { return }
        self.phase = .closed
        self.driver = nil
        self.connection.onSignal.value = nil
        let (tasks, count) = self.connection.state.withLock { state in
            let count = state.machine.inFlightCount
            state.outbound = ByteBuffer()
            return (state.machine.connectionClosed(), count)
        }
        self.connection.load.leave(count)
        for task in tasks { task.cancel() }
        let error: any Error = self.violation ?? cause
        self.configuration.logger.debug("connection ended", metadata: ["reason": "\(error)"])
        self.onClosed()
    }
}
