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
        self.outbound = OutboundPath(
            v0: configuration.compression, meter: configuration.meter(on: connection.executor.eventLoop))
        self.decoder = codec.makeRequestDecoder()
    }

    /// Takes over a connection whose first bytes said v0, which were not consumed.
    ///
    /// Inlinable: the closures have to be made where codec and handler are known.
    @inlinable
    func takeOver(_ adapter: ByteStreamAdapter, _ driver: ConnectionDriver) {
        adapter.onBytes = { self.received(&$0) }
        adapter.onReadBatchEnded = { self.updateBackPressure() }
        adapter.onBytesWanted = { self.bytesToSend() }
        adapter.onTLSEstablished = { self.tlsEstablished() }
        adapter.onInputClosed = { self.inputClosed() }
        adapter.onDeadline = { _ in self.handshakeTimedOut() }
        adapter.onWritability = { _ in self.updateBackPressure() }
        adapter.onClosed = { self.closed($0) }
        self.connection.onSignal.value = { self.signalled($0) }
        self.driver = driver
        let address = driver.channel?.remoteAddress
        self.connection.remoteAddress.withLock { $0 = address }
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
        let (handlers, count) = self.connection.state.withLock { state in
            let count = state.machine.inFlightCount
            state.outbound = ByteBuffer()
            return (state.machine.connectionClosed(), count)
        }
        self.connection.load.leave(count)
        for cancel in handlers { cancel() }
        let error: any Error = self.violation ?? cause
        self.configuration.logger.debug("connection ended", metadata: ["reason": "\(error)"])
        self.onClosed()
    }
}
