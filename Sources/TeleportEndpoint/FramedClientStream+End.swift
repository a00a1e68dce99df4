internal import NIOCore
internal import Synchronization
public import TeleportRPC
public import TeleportTransport
public import TeleportWire

/// The end of the connection.
extension FramedClientStream {
    /// Nobody waits for anything on this connection: closes it, once what is to be sent was sent.
    @usableFromInline
    func closeIdle() {
        switch self.phase {
        case .open:
            self.driver?.closeGracefully()
        case .connecting, .awaitingPreface:
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

    /// Closes if nothing is under way on a connection that takes no calls.
    func closeIfFinished() {
        if self.connection.state.withLock({ $0.isFinished() }) { self.closeIdle() }
    }

    @usableFromInline
    func inputClosed() {
        if case .awaitingPreface = self.phase, !self.hasHeard, let onOldServer = self.onOldServer {
            // An orderly end without a byte (V1-5).
            self.phase = .closed
            self.timer?.end()
            self.clock?.end()
            self.driver?.closeNow(TransportError(.closedByPeer, "The server speaks version 0."))
            self.driver = nil
            onOldServer()
            self.connection.stream.value = nil
            return
        }
        self.driver?.closeNow(TransportError(.closedByPeer, "The server closed the connection."))
    }

    @usableFromInline
    func fail(_ error: RPCError) {
        if self.violation == nil { self.violation = error }
        self.driver?.closeNow(TransportError(.closedLocally, error.message, cause: error))
    }

    /// The server broke a rule: it is told which, and nothing more is handled (V1-82).
    @usableFromInline
    func violated(_ error: WireError) {
        guard case .violation(let code) = error.code, self.violation == nil, let driver = self.driver else {
            return self.fail(RPCError(.protocolViolation, error.message, cause: error))
        }
        self.violation = RPCError(.protocolViolation, error.message, cause: error)
        self.connection.state.withLock { state in
            state.outbox.beginFrame(of: FrameHeader.headerLength + 6 + error.message.utf8.count)
            GoAway(lastID: CallID(rawValue: 0), code: code, text: error.message)
                .encodeFrame(into: &state.outbox.messages)
            state.machine.drainStarted()
        }
        driver.closeGracefully(linger: .milliseconds(100))
        // Its calls need not wait for that.
        self.closed(self.violation ?? RPCError(.protocolViolation, error.message))
    }

    /// What the end of the transport means to the calls.
    @usableFromInline
    func failure(for cause: TransportError) -> RPCError {
        if let violation = self.violation { return violation }
        switch self.phase {
        case .connecting, .awaitingPreface:
            return RPCError(
                .handshakeFailed,
                self.connection.configuration.tls == nil
                    ? """
                    The server closed the connection during the handshake: it speaks another protocol or version, or \
                    it insists on TLS.
                    """
                    : "TLS with the server could not be established, or it speaks another protocol inside.",
                cause: cause)
        case .open, .closed:
            return RPCError(.connectionClosed, "The connection ended before the answer came.", cause: cause)
        }
    }

    @usableFromInline
    func closed(_ error: RPCError) {
        if case .closed = self.phase { return }
        self.phase = .closed
        self.timer?.end()
        self.clock?.end()
        self.driver = nil
        let (failed, waiting) = self.connection.state.withLock { state in
            state.outbox.clear()
            let waiting = state.waiting
            state.waiting = []
            state.earliestWaiting = .never
            return (state.machine.connectionClosed(), waiting)
        }
        if !self.isEstablished { self.onEstablished(error) }
        for (call, possiblyExecuted) in failed {
            call.completion?.fail(error.with(possiblyExecuted: possiblyExecuted))
        }
        for call in waiting { call.completion?.fail(error) }
        self.senders.removeAll()
        self.receivers.failAll(error.with(possiblyExecuted: true))
        self.connection.stream.value = nil
        self.onClosed()
    }
}
