internal import Logging
internal import NIOCore
internal import Synchronization
internal import TeleportRPC
internal import TeleportTransport
internal import TeleportWire

/// The end of the connection.
extension FramedServerStream {
    /// Takes no more requests but those on their way, answers them, then closes (V1-51).
    func drain() {
        guard self.isOpen else {
            self.driver?.closeNow(TransportError(.closedLocally, "The server is shutting down."))
            return
        }
        guard self.connection.state.withLock({ $0.machine.drainStarted() }) else { return }
        let mark = self.now
        self.drainMark = mark
        self.connection.state.withLock { state in
            GoAway(lastID: GoAway.everything, code: .noError).encodeFrame(into: &state.outbox.control)
            state.outbox.ping(ByteBuffer(integer: mark))
        }
        self.liveliness.pingSent(now: mark)
        self.armClock()
        self.driver?.scheduleFlush()
    }

    func pongReceived(_ bytes: ByteBuffer) {
        self.liveliness.pongReceived()
        guard let mark = self.drainMark, bytes.getInteger(at: bytes.readerIndex) == mark else { return }
        self.drainMark = nil
        self.tellLastStream()
    }

    /// All that the client sent before it knew is here.
    private func tellLastStream() {
        let isFinished = self.connection.state.withLock { state -> Bool in
            guard let last = state.machine.lastStreamReached() else { return state.machine.isFinished }
            GoAway(lastID: last, code: .noError).encodeFrame(into: &state.outbox.control)
            return state.machine.isFinished
        }
        self.driver?.scheduleFlush()
        if isFinished { self.driver?.closeGracefully() }
    }

    /// The client sends nothing more. What it asked for is still answered.
    func inputClosed() {
        guard self.isOpen else {
            self.driver?.closeNow(TransportError(.closedByPeer, "The client closed the connection."))
            return
        }
        self.receivers.failAll(RPCError(.connectionClosed, "The client closed the connection before the body's end."))
        self.tellLastStream()
    }

    /// The client broke a rule: it is told which, and nothing more is handled (V1-82).
    func violated(_ error: WireError) {
        guard case .violation(let code) = error.code, self.violation == nil, self.isOpen, let driver = self.driver
        else { return self.fail(RPCError(.protocolViolation, error.message, cause: error)) }
        self.violation = RPCError(.protocolViolation, error.message, cause: error)
        self.pause.insert(.over)
        self.connection.state.withLock { state in
            state.outbox.beginFrame(of: FrameHeader.headerLength + 6 + error.message.utf8.count)
            GoAway(lastID: state.machine.lastStream, code: code, text: error.message)
                .encodeFrame(into: &state.outbox.messages)
        }
        // Before the last flush: nothing follows the GOAWAY.
        self.stopEverything()
        driver.closeGracefully()
    }

    func fail(_ error: RPCError) {
        if self.violation == nil { self.violation = error }
        self.pause.insert(.over)
        self.driver?.closeNow(TransportError(.closedLocally, error.message, cause: error))
    }

    /// Nobody waits for answers any more.
    private func stopEverything() {
        let (handlers, count) = self.connection.state.withLock { state in
            let count = state.machine.inFlightCount
            return (state.machine.connectionClosed(), count)
        }
        self.connection.load.leave(count)
        for cancel in handlers { cancel() }
        self.senders.removeAll()
        self.receivers.failAll(
            self.violation ?? RPCError(.connectionClosed, "The client closed the connection before the body's end."))
    }

    func closed(_ cause: TransportError) {
        if case .closed = self.phase { return }
        self.phase = .closed
        self.driver = nil
        self.timer?.end()
        self.clock?.end()
        self.connection.onSignal.value = nil
        self.connection.onBody.value = nil
        self.connection.onRequestOver.value = nil
        self.stopEverything()
        self.connection.state.withLock { $0.outbox.clear() }
        let error: any Error = self.violation ?? cause
        self.configuration.logger.debug("connection ended", metadata: ["reason": "\(error)", "wire": "v1"])
        self.onClosed()
    }
}
