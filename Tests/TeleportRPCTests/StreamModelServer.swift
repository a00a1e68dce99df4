import TeleportWire

@testable import TeleportRPC

/// A driver of the server's machine, without I/O: what handlers and the loop do, in any order that chance has.
final class ModelServer {
    struct Handler {
        let call: Int
        let token: StreamToken
        let deadline: Nanoseconds
        let isSensitive: Bool
        var isStarted = false
        var isStopped = false
        var interims = 0
    }

    /// The body of a request: what came, and what of it the handler has not taken.
    struct Intake {
        let id: CallID
        let call: Int
        var received = 0
        var unread = 0
        var isOver = false
    }

    struct Answer {
        let id: CallID
        let call: Int
        let length: Int
        let isSensitive: Bool
        let hasTrailers: Bool
        var sent = 0
    }

    enum Effect {
        case none
        case request(
            ServerStreamMachine<Int>.RequestAction, CallID, flags: FrameFlags, call: Int, deadline: Nanoseconds)
        case body(ServerStreamMachine<Int>.BodyAction, CallID, ModelPiece)
        case cancelled(ServerStreamMachine<Int>.CancelledAction, CallID)
        case ping(Int)
        case pong
    }

    let dice: Dice
    var machine: ServerStreamMachine<Int>
    var outbox = ModelQueue()
    var now: Nanoseconds = 0
    var handlers: [Handler] = []
    var intakes: [Intake] = []
    var answers: [Answer] = []
    var dispatched: Set<Int> = []
    /// Calls whose terminal frame was not given.
    var owed: Set<Int> = []
    var isClosed = false
    let settings: SettingsV1

    init(_ dice: Dice, limits: StreamLimits, settings: SettingsV1) {
        self.dice = dice
        self.settings = settings
        self.machine = ServerStreamMachine(limits: limits, settings: settings)
        self.outbox.append(.settings(settings))
    }

    // MARK: Handlers

    /// One thing that a handler does. With `hurry`, the next that leads to its end.
    func step(_ index: Int, hurry: Bool) throws {
        let handler = self.handlers[index]
        guard handler.isStarted else {
            self.handlers[index].isStarted = true
            if !self.machine.handlerStarted(handler.token, handle: handler.call) {
                self.handlers[index].isStopped = true
            }
            return
        }
        if hurry || handler.isStopped || self.dice.once(in: 3) { return try self.answer(index) }
        if let isSensitive = self.machine.mayInform(handler.token), handler.interims < 8 {
            try require(isSensitive == handler.isSensitive, "an informational answer of another sensitivity")
            self.handlers[index].interims += 1
            if self.dice.once(in: 2) { self.outbox.append(.secrets(handler.token.id, bytes: 10)) }
            self.outbox.append(
                .response(
                    handler.token.id, ends: false, isInterim: true, isEmpty: false, isSensitive: isSensitive,
                    call: handler.call))
        }
    }

    private func answer(_ index: Int) throws {
        let handler = self.handlers.remove(at: index)
        let kind = self.dice.below(8)
        let isStreamed = kind < 3
        let action =
            isStreamed
            ? self.machine.answerBegun(handler.token, now: self.now) : self.machine.requestAnswered(handler.token)
        try require(
            (action == .ignore) == self.isClosed, "the answer of a handler came to \(action)")
        switch action {
        case .ignore:
            return
        case .acknowledge(let id, let isSensitive):
            try require(isSensitive == handler.isSensitive, "an acknowledgement of another sensitivity")
            self.outbox.append(
                .response(
                    id, ends: true, isInterim: false, isEmpty: true, isSensitive: isSensitive, call: handler.call))
        case .cancel(let id, let code):
            self.outbox.append(.cancel(id, code))
        case .answer(let id, let isSensitive, let stopsRequest):
            try require(id == handler.token.id && isSensitive == handler.isSensitive, "another answer")
            if kind == 7 {
                self.outbox.append(.cancel(id, .internal))
                break
            }
            if self.dice.once(in: 4) { self.outbox.append(.secrets(id, bytes: 10)) }
            self.outbox.append(
                .response(
                    id, ends: !isStreamed, isInterim: false, isEmpty: false, isSensitive: isSensitive,
                    call: handler.call))
            if stopsRequest { self.outbox.append(.cancel(id, .noError)) }
            guard isStreamed else { break }
            return self.answers.append(
                Answer(
                    id: id, call: handler.call, length: self.dice.below(4) * self.dice.below(1500),
                    isSensitive: isSensitive, hasTrailers: self.dice.once(in: 4)))
        }
        self.terminated(handler.call)
    }

    /// The terminal frame of a call was given.
    func terminated(_ call: Int) {
        self.owed.remove(call)
        for index in self.intakes.indices where self.intakes[index].call == call { self.intakes[index].isOver = true }
    }

    // MARK: Bodies

    /// True if anything was written.
    func answerTurn(_ index: Int, whole: Bool) -> Bool {
        let answer = self.answers[index]
        let allowed = Swift.min(self.machine.allowance(answer.id), answer.length - answer.sent)
        let count = whole || allowed == 0 ? allowed : self.dice.within(1...allowed)
        let isLast = answer.sent + count == answer.length
        guard count > 0 || isLast else { return false }
        let ends = isLast && (count == 0 || !self.dice.once(in: 3))
        let piece = ModelPiece(call: answer.call, offset: answer.sent, count: count, length: answer.length)
        if count > 0 || !(ends && answer.hasTrailers) {
            self.outbox.append(
                .data(answer.id, piece, ends: ends && !answer.hasTrailers, isSensitive: answer.isSensitive))
        }
        if ends, answer.hasTrailers {
            let end = ModelPiece(call: answer.call, offset: answer.length, count: 0, length: answer.length)
            self.outbox.append(.trailers(answer.id, end, isSensitive: answer.isSensitive))
        }
        let stopsRequest = self.machine.dataEncoded(answer.id, count: count, ends: ends)
        self.answers[index].sent += count
        if ends {
            if stopsRequest { self.outbox.append(.cancel(answer.id, .noError)) }
            self.answers.remove(at: index)
            self.terminated(answer.call)
        }
        return true
    }

    func consume(_ index: Int, whole: Bool) {
        let intake = self.intakes[index]
        if intake.unread > 0 {
            let count = whole ? intake.unread : self.dice.within(1...intake.unread)
            self.intakes[index].unread -= count
            self.give(self.machine.dataConsumed(intake.id, count: count, now: self.now), intake.id)
        }
        if self.intakes[index].isOver, self.intakes[index].unread == 0 { self.intakes.remove(at: index) }
    }

    func give(_ grant: CreditGrant, _ id: CallID) {
        if self.isClosed { return }
        if let bytes = grant.stream { self.outbox.append(.credit(id, bytes)) }
        if let bytes = grant.connection { self.outbox.append(.credit(nil, bytes)) }
    }

    /// The source of an answer fails.
    func breakOffAnswer(_ index: Int) throws {
        let answer = self.answers.remove(at: index)
        let wasOwed = self.machine.answerBrokenOff(answer.id)
        try require(wasOwed && !self.machine.answerBrokenOff(answer.id), "an answer broke off wrongly")
        self.outbox.append(.cancel(answer.id, .internal))
        self.terminated(answer.call)
    }

    /// A request is malformed, or nobody reads it.
    func breakOffRequest(_ id: CallID, _ code: ErrorCode) throws {
        switch self.machine.requestBrokenOff(id, code: code) {
        case .none:
            break
        case .stopRequest:
            throw ModelFailure(description: "a tunnel was stopped that nobody asked for")
        case .stop(let handle):
            guard let call = self.intakes.first(where: { $0.id == id })?.call else {
                throw ModelFailure(description: "a request without a body broke off")
            }
            if let handle { try require(handle == call, "another handler is to be stopped") }
            for index in self.handlers.indices where self.handlers[index].call == call {
                self.handlers[index].isStopped = true
            }
            // Its terminal frame is owed until the handler has returned.
            for index in self.intakes.indices where self.intakes[index].call == call {
                self.intakes[index].isOver = true
            }
        case .end:
            guard let index = self.answers.firstIndex(where: { $0.id == id }) else {
                throw ModelFailure(description: "an answer that is not under way broke off")
            }
            self.outbox.append(.cancel(id, code))
            self.terminated(self.answers.remove(at: index).call)
        }
    }
}
