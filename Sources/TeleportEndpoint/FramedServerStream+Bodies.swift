internal import Logging
internal import NIOCore
internal import Synchronization
internal import TeleportRPC
internal import TeleportTransport
internal import TeleportWire

/// Bodies that go on behind the first frame of their message.
extension FramedServerStream {
    // MARK: Answers

    /// The head of an answer whose body goes on was put into the outbox.
    func began(_ id: CallID, _ rest: OutboundRest, isSensitive: Bool) {
        // It may have been cancelled meanwhile.
        guard self.isOpen, self.connection.state.withLock({ $0.machine.isAnswering(id) }) else {
            return rest.begin().cancel()
        }
        let pipe = rest.begin()
        let (eventLoop, stream) = (self.connection.executor.eventLoop, self.bound)
        pipe.attach(.consumer(on: eventLoop) { stream.value.answerChanged(id) })
        self.senders.add(id, pipe, isSensitive: isSensitive)
        self.driver?.scheduleFlush()
    }

    private var bound: NIOLoopBound<FramedServerStream> {
        NIOLoopBound(self, eventLoop: self.connection.executor.eventLoop)
    }

    private func answerChanged(_ id: CallID) {
        if self.senders.wake(id) { self.driver?.scheduleFlush() }
    }

    /// Adds DATA to the batch that leaves.
    func fillBodies() {
        var left = BodySenders.batchLimit
        while left > 0 {
            let turn = self.senders.takeTurn(
                into: &self.output.batch,
                allowance: { id in
                    self.connection.state.withLock { $0.machine.isAnswering(id) ? $0.machine.allowance(id) : nil }
                },
                encodeTrailers: {
                    try self.service.encodeTrailers($0, &$1)
                    let limit = self.connection.state.withLock { $0.machine.peerHeadLimit }
                    guard $1.readableBytes <= limit else { throw FramedServerConnection.headTooLarge }
                })
            switch turn {
            case nil:
                return
            case .wrote(let id, let count, let ends):
                let stopsRequest = self.connection.state.withLock {
                    $0.machine.dataEncoded(id, count: count, ends: ends)
                }
                left -= count
                guard ends else { continue }
                self.connection.load.leave()
                if stopsRequest {
                    self.output.batch.cancel(id, .noError)
                    self.requestOver(id)
                }
                self.connection.executor.eventLoop.assumeIsolated().execute { self.finishIfDone() }
            case .failed(let id, let error):
                guard self.connection.state.withLock({ $0.machine.answerBrokenOff(id) }) else { continue }
                self.connection.load.leave()
                self.configuration.logger.debug("an answer broke off", metadata: ["reason": "\(error)"])
                self.output.batch.cancel(id, .internal)
                self.requestOver(id)
                self.connection.executor.eventLoop.assumeIsolated().execute { self.finishIfDone() }
            }
        }
        // The rest in the next turn of the loop, if the socket takes it.
        self.connection.executor.eventLoop.assumeIsolated().execute { self.driver?.scheduleFlush() }
    }

    /// Closes when the last answer was given on a connection that drains.
    func finishIfDone() {
        guard self.isOpen, self.connection.state.withLock({ $0.machine.isFinished }) else { return }
        self.driver?.closeGracefully()
    }

    // MARK: Requests

    /// The connection as the producer of a request's body.
    func producer(of id: CallID) -> BodyPipe.Side {
        let stream = self.bound
        return .producer(on: self.connection.executor.eventLoop) { stream.value.requestBodyChanged(id) }
    }

    /// The handler took something, or wants no more.
    private func requestBodyChanged(_ id: CallID) {
        let change = self.receivers.changed(id)
        if change.taken > 0 { self.give(change.taken, id) }
        // Unwanted data is dropped, and its credit of the connection given back, until the answer ends the stream. That of
        // a tunnel may have ended before.
        guard change.isUnwanted else { return }
        let stops = self.connection.state.withLock { state in
            guard state.machine.tunnelUnwanted(id) else { return false }
            state.outbox.cancel(id, .noError)
            return true
        }
        guard stops else { return }
        self.driver?.scheduleFlush()
        self.finishIfDone()
    }

    private func give(_ count: Int, _ id: CallID) {
        let now = self.now
        let gave = self.connection.state.withLock { state in
            state.give(state.machine.dataConsumed(id, count: count, now: now), to: id)
        }
        if gave { self.driver?.scheduleFlush() }
    }

    func receiveBody(_ action: ServerStreamMachine<Cancellation>.BodyAction, _ frame: Frame) {
        guard let id = frame.header.stream else { return }
        switch action {
        case .drop(let grant):
            if self.connection.state.withLock({ $0.give(grant, to: id) }) { self.driver?.scheduleFlush() }
        case .deliver(let ends):
            let delivery =
                frame.header.type == .trailers
                ? self.receiveTrailers(id, frame.payload) : self.receivers.deliver(frame.payload, to: id, ends: ends)
            switch delivery {
            case .delivered:
                break
            case .unknown:
                if frame.header.type == .data { self.give(frame.header.length, id) }
            case .unacceptable(let excess):
                self.breakOff(id, excess.code, RPCError(.protocolViolation, excess.message))
            }
        }
    }

    private func receiveTrailers(_ id: CallID, _ bytes: ByteBuffer) -> BodyReceivers.Delivery {
        do throws(RPCError) {
            return self.receivers.finish(id, trailers: try self.service.decodeTrailers(bytes))
        } catch {
            self.breakOff(id, .malformed, error)
            return .delivered
        }
    }

    /// A request cannot be completed: its handler is told, and CANCEL is its answer unless it has one (V1-81).
    func breakOff(_ id: CallID, _ code: ErrorCode, _ error: RPCError) {
        let action = self.connection.state.withLock { state in
            let action = state.machine.requestBrokenOff(id, code: code)
            switch action {
            case .end: state.outbox.cancel(id, code)
            case .stopRequest: state.outbox.cancel(id, .noError)
            case .stop, .none: break
            }
            return action
        }
        // Only now: whoever reads the body may answer at once when it breaks off.
        self.receivers.fail(id, error)
        switch action {
        case .none:
            break
        case .stop(let handler):
            handler?()
        case .stopRequest:
            self.driver?.scheduleFlush()
            self.finishIfDone()
        case .end:
            self.senders.remove(id)
            self.connection.load.leave()
            self.driver?.scheduleFlush()
            self.finishIfDone()
        }
    }

    /// The answer was given while the request was still coming: what comes is not wanted.
    func requestOver(_ id: CallID) {
        self.receivers.fail(id, RPCError(.cancelled, "The request was answered before all of it came."))
    }
}

extension FramedServerConnection.State {
    /// Puts credit into the outbox. True if there was any.
    mutating func give(_ grant: CreditGrant, to id: CallID) -> Bool {
        if let bytes = grant.stream { self.outbox.credit(bytes, to: id) }
        if let bytes = grant.connection { self.outbox.credit(bytes, to: nil) }
        return !grant.isEmpty
    }
}
