import TeleportWire

@testable import TeleportRPC

extension ModelServer {
    /// Under the lock.
    func feed(_ frame: ModelFrame) throws(WireError) -> Effect {
        if case .settings(let settings) = frame {
            try self.machine.settingsReceived(settings)
            return .none
        }
        try self.machine.checkSettled()
        switch frame {
        case .request(let id, let flags, let bytes, let call, let milliseconds):
            let deadline = milliseconds.map { self.now.adding(.milliseconds($0)) } ?? .never
            return .request(
                try self.machine.requestReceived(id, flags: flags, bytes: bytes, deadline: deadline, now: self.now), id,
                flags: flags, call: call, deadline: deadline)
        case .data(let id, let piece, let ends, let isSensitive):
            return .body(
                try self.machine.dataReceived(
                    id, count: piece.count, ends: ends, isSensitive: isSensitive, now: self.now), id, piece)
        case .trailers(let id, let piece, let isSensitive):
            return .body(try self.machine.trailersReceived(id, ends: true, isSensitive: isSensitive), id, piece)
        case .secrets(let id, let bytes):
            _ = try self.machine.secretsReceived(id, bytes: bytes, isSensitive: true)
            return .none
        case .cancel(let id, _):
            return .cancelled(try self.machine.cancelReceived(id, now: self.now), id)
        case .credit(let id, let bytes):
            try self.machine.creditReceived(id, bytes: bytes, now: self.now)
            return .none
        case .ping(let number):
            try self.machine.cheapFrameReceived(now: self.now)
            return .ping(number)
        case .pong:
            try self.machine.cheapFrameReceived(now: self.now)
            return .pong
        case .goAway, .settings:
            return .none
        case .response:
            throw WireError(.violation(.stream), "A client sent a RESPONSE (V1-34).")
        }
    }

    /// After it.
    func perform(_ effect: Effect, isHostile: Bool = false) throws {
        switch effect {
        case .none:
            break
        case .request(let action, let id, let flags, let call, let deadline):
            try self.perform(action, id, flags, call, deadline)
        case .body(let action, let id, let piece):
            try self.perform(action, id, piece, isHostile)
        case .cancelled(let action, let id):
            try self.perform(action, id)
        case .ping(let number):
            self.outbox.append(.pong(number))
        case .pong:
            self.reachLastStream()
        }
    }

    private func perform(
        _ action: ServerStreamMachine<Int>.RequestAction, _ id: CallID, _ flags: FrameFlags, _ call: Int,
        _ deadline: Nanoseconds
    ) throws {
        switch action {
        case .drop:
            break
        case .refuse(let code):
            self.outbox.append(.cancel(id, code))
        case .dispatch(let token):
            try require(token.id == id, "a token for another stream")
            try require(self.dispatched.insert(call).inserted, "call \(call) was executed twice")
            self.owed.insert(call)
            self.handlers.append(
                Handler(call: call, token: token, deadline: deadline, isSensitive: flags.contains(.sensitive)))
            if !flags.contains(.end) { self.intakes.append(Intake(id: id, call: call)) }
        }
    }

    private func perform(
        _ action: ServerStreamMachine<Int>.BodyAction, _ id: CallID, _ piece: ModelPiece, _ isHostile: Bool
    ) throws {
        switch action {
        case .drop(let grant):
            self.give(grant, id)
        case .deliver(let ends):
            guard let index = self.intakes.firstIndex(where: { $0.id == id && !$0.isOver }) else {
                // Answered between the lock and now.
                return self.give(self.machine.dataConsumed(id, count: piece.count, now: self.now), id)
            }
            if !isHostile {
                try require(piece.call == self.intakes[index].call, "the body of another call")
                try require(piece.offset == self.intakes[index].received, "bytes were lost, doubled or reordered")
            }
            self.intakes[index].received += piece.count
            self.intakes[index].unread += piece.count
            guard ends else { return }
            self.intakes[index].isOver = true
            try require(isHostile || self.intakes[index].received == piece.length, "the end came too early")
            if self.intakes[index].unread == 0 { self.intakes.remove(at: index) }
        }
    }

    private func perform(_ action: ServerStreamMachine<Int>.CancelledAction, _ id: CallID) throws {
        for index in self.intakes.indices where self.intakes[index].id == id { self.intakes[index].isOver = true }
        switch action {
        case .none:
            break
        case .stop(let handle):
            // One that has not started is told when it does.
            guard let handle, let index = self.handlers.firstIndex(where: { $0.call == handle }) else { return }
            try require(self.handlers[index].token.id == id, "another handler is to be stopped")
            self.handlers[index].isStopped = true
        case .breakOff:
            guard let index = self.answers.firstIndex(where: { $0.id == id }) else {
                throw ModelFailure(description: "an answer was broken off that was not under way")
            }
            self.outbox.append(.cancel(id, .cancelled))
            self.terminated(self.answers.remove(at: index).call)
        }
    }

    // MARK: Time, and the end

    func timePassed(unreadTimeout: Nanoseconds) throws {
        if self.machine.nextDeadline <= self.now {
            for handle in self.machine.deadlineReached(now: self.now) {
                guard let index = self.handlers.firstIndex(where: { $0.call == handle }) else {
                    throw ModelFailure(description: "a handler that has returned is to be stopped")
                }
                try require(self.handlers[index].deadline <= self.now, "a deadline fired early")
                self.handlers[index].isStopped = true
            }
        }
        for handler in self.handlers where handler.isStarted && !handler.isStopped && !self.isClosed {
            try require(
                self.machine.nextDeadline <= handler.deadline.adding(.milliseconds(2)), "a deadline would be missed")
        }
        for id in self.machine.slowStreams(limit: unreadTimeout, now: self.now).sorted(by: { $0.precedes($1) }) {
            let unread = self.intakes.filter { $0.id == id }.reduce(0) { $0 + $1.unread }
            try require(unread * 2 > self.settings.streamCredit, "a stream that is read counts as slow")
            try self.breakOffRequest(id, .slow)
        }
    }

    func startDrain() {
        guard self.machine.drainStarted() else { return }
        self.outbox.append(.goAway(GoAway(lastID: GoAway.everything, code: .noError)))
        self.outbox.append(.ping(1))
    }

    func reachLastStream() {
        guard let last = self.machine.lastStreamReached() else { return }
        self.outbox.append(.goAway(GoAway(lastID: last, code: .noError)))
    }

    func close() throws {
        self.isClosed = true
        for handle in self.machine.connectionClosed() {
            if let index = self.handlers.firstIndex(where: { $0.call == handle }) {
                self.handlers[index].isStopped = true
            }
        }
        self.answers = []
        self.owed = []
        self.outbox.removeAll()
        for index in self.intakes.indices { self.intakes[index].isOver = true }
    }
}
