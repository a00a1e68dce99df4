import TeleportWire

@testable import TeleportRPC

extension ModelClient {
    /// Under the lock.
    func feed(_ frame: ModelFrame) throws(WireError) -> Effect {
        if case .settings(let settings) = frame {
            try self.machine.settingsReceived(settings)
            return .none
        }
        try self.machine.checkSettled()
        switch frame {
        case .response(let id, let ends, let isInterim, let isEmpty, let isSensitive, let call):
            return .response(
                try self.machine.responseReceived(
                    id, ends: ends, isInterim: isInterim, isEmpty: isEmpty, isSensitive: isSensitive, now: self.now),
                id, call: call)
        case .data(let id, let piece, let ends, let isSensitive):
            return .body(
                try self.machine.dataReceived(
                    id, count: piece.count, ends: ends, isSensitive: isSensitive, now: self.now), id, piece)
        case .trailers(let id, let piece, let isSensitive):
            return .body(try self.machine.trailersReceived(id, ends: true, isSensitive: isSensitive), id, piece)
        case .secrets(let id, _):
            _ = try self.machine.secretsReceived(id, isSensitive: true)
            return .none
        case .cancel(let id, let code):
            return .cancelled(try self.machine.cancelReceived(id, code: code, now: self.now), id, code)
        case .credit(let id, let bytes):
            try self.machine.creditReceived(id, bytes: bytes, now: self.now)
            return .none
        case .ping(let number):
            try self.machine.cheapFrameReceived(now: self.now)
            return .ping(number)
        case .pong, .settings, .request:
            try self.machine.cheapFrameReceived(now: self.now)
            return .none
        case .goAway(let goAway):
            return .refused(self.machine.goAwayReceived(goAway))
        }
    }

    /// After it.
    func perform(_ effect: Effect, isHostile: Bool = false) throws {
        switch effect {
        case .none:
            break
        case .response(let action, let id, let call):
            try self.perform(action, id, call, isHostile)
        case .body(let action, let id, let piece):
            try self.perform(action, id, piece, isHostile)
        case .cancelled(let action, let id, let code):
            try self.perform(action, id, code)
        case .ping(let number):
            self.outbox.append(.pong(number))
        case .refused(let refused):
            for (id, call) in refused {
                try require(self.calls[call].id == id, "another call was given back")
                self.stopUpload(id)
                try self.finish(call, .notTaken)
            }
        }
    }

    private func perform(
        _ action: ClientStreamMachine<Int>.ResponseAction, _ id: CallID, _ sent: Int, _ isHostile: Bool
    ) throws {
        switch action {
        case .complete(let call), .completeEarly(let call), .begin(let call), .inform(let call):
            try require(isHostile || call == sent, "call \(call) was given the answer of \(sent)")
            try require(self.calls[call].id == id, "call \(call) was given an answer to stream \(id)")
            try require(!self.calls[call].plan.isOneWay, "a one-way request was answered")
            if case .inform = action { return }
            try self.finish(call, .answered)
            if case .begin = action { self.downloads.append(Download(id: id, call: call)) }
        case .acknowledged:
            guard let call = self.calls.firstIndex(where: { $0.id == id && $0.outcome == nil }) else {
                throw ModelFailure(description: "nobody was acknowledged")
            }
            try require(self.calls[call].plan.isOneWay, "somebody else was acknowledged")
            try self.finish(call, .acknowledged)
        case .violated(let call, let code):
            try self.finish(call, .failed(code))
            self.outbox.append(.cancel(id, code))
            self.stopUpload(id)
        case .drop:
            break
        }
    }

    private func perform(
        _ action: ClientStreamMachine<Int>.BodyAction, _ id: CallID, _ piece: ModelPiece, _ isHostile: Bool
    ) throws {
        switch action {
        case .drop(let grant):
            self.give(grant, id)
        case .deliver(let ends):
            guard let index = self.downloads.firstIndex(where: { $0.id == id && !$0.isOver }) else {
                // Given up between the lock and now.
                return self.give(self.machine.dataConsumed(id, count: piece.count, now: self.now), id)
            }
            if !isHostile {
                try require(piece.call == self.downloads[index].call, "the body of another call")
                try require(piece.offset == self.downloads[index].received, "bytes were lost, doubled or reordered")
            }
            self.downloads[index].received += piece.count
            self.downloads[index].unread += piece.count
            guard ends else { return }
            self.downloads[index].isOver = true
            try require(isHostile || self.downloads[index].received == piece.length, "the end came too early")
            if self.downloads[index].unread == 0 { self.downloads.remove(at: index) }
        }
    }

    private func perform(
        _ action: ClientStreamMachine<Int>.CancelledAction, _ id: CallID, _ code: ErrorCode
    ) throws {
        let isStopped: Bool
        switch action {
        case .none:
            return
        case .fail(let call, let stopsRequest):
            try require(self.calls[call].id == id, "another call failed")
            try self.finish(call, .failed(code))
            isStopped = stopsRequest
        case .breakOff(let stopsRequest):
            self.endDownload(id)
            isStopped = stopsRequest
        case .stopRequest:
            isStopped = true
        }
        guard isStopped else { return }
        self.stopUpload(id)
        self.outbox.append(.cancel(id, .noError))
    }

    // MARK: Time, and the end

    func timePassed(unreadTimeout: Nanoseconds) throws {
        if self.machine.nextDeadline <= self.now {
            for (id, call) in self.machine.deadlineReached(now: self.now) {
                try require(self.calls[call].deadline <= self.now, "a deadline fired early")
                try require(self.calls[call].id == id, "another call expired")
                try self.finish(call, .expired)
                self.outbox.append(.cancel(id, .deadline))
                self.drops.append(id)
            }
        }
        for call in self.calls where call.id != nil && call.outcome == nil && !self.isClosed {
            try require(
                self.machine.nextDeadline <= call.deadline.adding(self.slack), "a deadline would be missed")
        }
        for id in self.machine.slowStreams(limit: unreadTimeout, now: self.now).sorted(by: { $0.precedes($1) }) {
            let unread = self.downloads.filter { $0.id == id }.reduce(0) { $0 + $1.unread }
            try require(unread * 2 > self.settings.streamCredit, "a stream that is read counts as slow")
            try self.giveUp(id, code: .slow, outcome: .cancelled)
        }
    }

    func flush() -> ArraySlice<ModelFrame> {
        self.machine.outboundFlushed()
        for index in self.calls.indices where self.calls[index].id != nil { self.calls[index].wasFlushed = true }
        return self.outbox.takeAll()
    }

    func close() throws {
        self.isClosed = true
        for (call, possiblyExecuted) in self.machine.connectionClosed() {
            try require(
                possiblyExecuted == self.calls[call].wasFlushed,
                "call \(call) says that it was\(possiblyExecuted ? "" : " not") possibly executed")
            try self.finish(call, .lost(possiblyExecuted: possiblyExecuted))
        }
        for number in self.waiting { try self.finish(number, .notMade) }
        self.waiting = []
        self.uploads = []
        self.outbox.removeAll()
        for index in self.downloads.indices { self.downloads[index].isOver = true }
    }
}
