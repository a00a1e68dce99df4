import TeleportRPC
import TeleportWire

/// the server's streams: any input as what a client sends and what handlers do, in any order.
///
/// A second account of section 4 of the specification, written for being simple, says what has to come of each event; the
/// machine must say the same. Every request is answered once.
public func fuzzServerStreams(_ input: UnsafeRawBufferPointer) {
    var run = ServerStreamRun(Choices(input))
    run.play()
}

/// One input, on its way through the machine.
struct ServerStreamRun {
    enum Phase {
        case handling, answering, answered, cancelled
    }

    /// What the rules say of a stream that is live.
    struct Stream {
        var phase: Phase
        var isReceiving: Bool
        let isOneWay: Bool
        let isSensitive: Bool
        let held: Int
        let deadline: Nanoseconds
        /// Its place among the tokens; -1 if it was refused.
        let number: Int
        /// A tunnel is asked for; once the answer has begun: is granted.
        var isTunnel = false
        /// A tunnel whose server has sent its last.
        var isHalfClosed = false
        var reason = ErrorCode.cancelled
        var hasHandle = false
        var send: SendAccount?
        var receive: ReceiveAccount?

        var isOwed: Bool { self.phase != .answered }
        var isWanted: Bool { self.phase == .handling || self.phase == .answering || self.isHalfClosed }
        var takesPlace: Bool { self.isOwed || self.isHalfClosed }
    }

    /// SECRETS that are ahead of their request.
    struct EarlySecrets {
        let bytes: Int
        let isSensitive: Bool
        let isDropped: Bool
    }

    var choices: Choices
    var machine: ServerStreamMachine<Int>
    let own: SettingsV1
    var peer = SettingsV1()
    var isSettled = false
    var streams: [UInt32: Stream] = [:]
    var ids: [CallID] = []
    var tokens: [StreamToken] = []
    var last: CallID?
    var secrets: [UInt32: EarlySecrets] = [:]
    var send = SendAccount(available: SettingsV1().connectionCredit)
    var receive: ReceiveAccount
    var now: Nanoseconds
    var isLeaving = false
    var isFinishing = false
    var isOver = false
    let maxHeld: Int

    init(_ choices: Choices) {
        self.choices = choices
        self.own = self.choices.settings()
        self.receive = ReceiveAccount(self.own.connectionCredit, assumed: SettingsV1().connectionCredit)
        self.maxHeld = self.choices.flag() ? 3000 : 1 << 24
        self.now = self.choices.flag() ? .max - .seconds(1) : 0
        self.machine = ServerStreamMachine(
            limits: StreamLimits(maxHeldBytes: self.maxHeld, abuseTokens: 1_000_000), settings: self.own)
    }

    mutating func play() {
        while !self.choices.isEmpty, !self.isOver {
            self.step()
            if !self.isOver { self.check() }
        }
        let handles = self.machine.connectionClosed()
        precondition(handles.count == Set(handles).count, "A handler is stopped twice.")
        precondition(
            self.isOver || Set(handles) == Set(self.streams.values.filter(\.hasHandle).map(\.number)),
            "Other handlers are stopped.")
        for token in self.tokens {
            precondition(self.machine.requestAnswered(token) == .ignore, "A connection that is gone was answered.")
        }
        precondition(self.machine.liveCount == 0 && !self.machine.hasBodies, "Streams outlive their connection.")
    }

    func check() {
        precondition(self.machine.liveCount == self.streams.count, "Streams were lost or invented.")
        let owed = self.streams.values.count { $0.isOwed }
        precondition(self.machine.inFlightCount == owed, "Answers that are owed.")
        precondition(self.places <= self.own.maxStreams, "Too many streams.")
        precondition(self.machine.isFinished == (self.isFinishing && self.places == 0), "Finished, or not.")
        let bodies = self.streams.values.contains { $0.receive != nil }
        precondition(self.machine.hasBodies == bodies, "A window was lost, or outlives its stream.")
        precondition(self.machine.lastStream == self.last ?? .oneWay, "The last stream.")
        let waiting = self.streams.values.filter { $0.phase == .handling }.map(\.deadline).min() ?? .never
        let (latest, overflow) = waiting.addingReportingOverflow(.milliseconds(2))
        precondition(self.machine.nextDeadline <= (overflow ? .max : latest), "A deadline would be missed.")
    }

    var places: Int { self.streams.values.count { $0.takesPlace } }

    var held: Int {
        self.streams.values.reduce(0) { $0 + ($1.isOwed ? $1.held : 0) }
            + self.secrets.values.reduce(0) { $0 + $1.bytes }
    }

    mutating func step() {
        let choice = self.choices.byte()
        switch choice % 20 {
        case 0, 1, 2: self.request()
        case 3: self.start()
        case 4: self.answer(isBegun: false)
        case 5: self.answer(isBegun: true)
        case 6: self.write(self.choices.id(self.ids))
        case 7: self.consume(self.choices.id(self.ids))
        case 8: self.passTime()
        case 9: self.breakOff(self.choices.id(self.ids), isRequest: self.choices.flag())
        case 10 where choice > 200: self.drain()
        case 10 where choice > 100: self.settings(self.choices.settings())
        default: self.frame(choice % 20)
        }
    }

    mutating func settle(_ result: String, expected: String) {
        precondition(result == expected, "It came to \(result), not to \(expected).")
        if result.hasPrefix("!") { self.isOver = true }
    }

    // MARK: Handlers

    mutating func pickToken() -> (Int, StreamToken, Stream?)? {
        guard !self.tokens.isEmpty else { return nil }
        let number = self.tokens.count - 1 - self.choices.byte() % self.tokens.count
        let token = self.tokens[number]
        let stream = self.streams[token.id.rawValue]
        return (number, token, stream?.number == number ? stream : nil)
    }

    mutating func start() {
        guard let (number, token, stream) = self.pickToken() else { return }
        let mayRun = self.machine.handlerStarted(token, handle: number)
        precondition(mayRun == (stream?.phase != .cancelled), "A handler is stopped, or not.")
        if stream?.isWanted == true { self.streams[token.id.rawValue]?.hasHandle = true }
        let isSensitive = self.machine.mayInform(token)
        let mayInform = stream?.phase == .handling && stream?.isOneWay == false
        precondition(isSensitive == (mayInform ? stream?.isSensitive : nil), "Informational answers.")
    }

    mutating func answer(isBegun: Bool) {
        guard let (_, token, stream) = self.pickToken() else { return }
        let grants = isBegun && self.choices.flag()
        let action =
            isBegun
            ? self.machine.answerBegun(token, now: self.now, grantsTunnel: grants) : self.machine.requestAnswered(token)
        guard var stream, stream.phase == .handling || stream.phase == .cancelled else {
            return precondition(action == .ignore, "A request was answered twice.")
        }
        let id = token.id
        switch (stream.phase, stream.isOneWay, isBegun) {
        case (.cancelled, _, _): precondition(action == .cancel(id, stream.reason), "\(action) of a cancelled one.")
        case (_, true, _): precondition(action == .acknowledge(id, isSensitive: stream.isSensitive), "\(action)")
        case (_, _, false):
            let expected: ServerStreamMachine<Int>.AnswerAction =
                .answer(id, isSensitive: stream.isSensitive, stopsRequest: stream.isReceiving)
            precondition(action == expected, "\(action)")
        case (_, _, true):
            precondition(action == .answer(id, isSensitive: stream.isSensitive, stopsRequest: false), "\(action)")
            stream.phase = .answering
            stream.isTunnel = stream.isTunnel && grants
            self.openWindows(&stream)
            return self.streams[id.rawValue] = stream
        }
        self.terminate(id)
    }

    /// The terminal frame of a stream was given.
    mutating func terminate(_ id: CallID) {
        self.streams[id.rawValue]?.phase = .answered
        self.streams[id.rawValue]?.hasHandle = false
        self.streams[id.rawValue]?.isTunnel = false
        if self.streams[id.rawValue]?.isReceiving == false { self.streams[id.rawValue] = nil }
    }

    mutating func write(_ id: CallID) {
        let stream = self.streams[id.rawValue]
        let isAnswering = stream?.phase == .answering
        precondition(self.machine.isAnswering(id) == isAnswering, "An answer was lost, or goes on.")
        let allowed = self.machine.allowance(id)
        let expected = isAnswering ? max(0, min(16384, stream?.send?.available ?? 0, self.send.available)) : 0
        precondition(allowed == expected, "\(allowed) bytes may be sent, not \(expected).")
        let count = min(allowed, self.choices.size())
        let ends = self.choices.flag()
        let stops = self.machine.dataEncoded(id, count: count, ends: ends)
        // The halves of a tunnel end each for itself.
        let isHalf = isAnswering && ends && stream?.isReceiving == true && stream?.isTunnel == true
        precondition(
            stops == (isAnswering && ends && stream?.isReceiving == true && !isHalf), "A request is stopped, or not.")
        self.send.available -= count
        self.streams[id.rawValue]?.send?.available -= count
        if isAnswering, ends { self.terminate(id) }
        if isHalf { self.streams[id.rawValue]?.isHalfClosed = true }
    }

    mutating func consume(_ id: CallID) {
        guard var stream = self.streams[id.rawValue], var receive = stream.receive else { return }
        let count = min(receive.unread, self.choices.size())
        var grant = CreditGrant(stream: receive.take(count), connection: self.receive.take(count))
        if !stream.isReceiving || !stream.isWanted { grant.stream = nil }
        precondition(self.machine.dataConsumed(id, count: count, now: self.now) == grant, "Other credit than due.")
        stream.receive = receive
        self.streams[id.rawValue] = stream
    }

    mutating func passTime() {
        let (sum, overflow) = self.now.addingReportingOverflow(.milliseconds(UInt64(self.choices.byte())))
        self.now = overflow ? .max : sum
        let isDue = self.machine.nextDeadline <= self.now
        let handles = Set(self.machine.deadlineReached(now: self.now))
        var late: Set<Int> = []
        for (id, stream) in self.streams
        where isDue && stream.phase == .handling && stream.deadline != .never && stream.deadline <= self.now {
            if stream.hasHandle { late.insert(stream.number) }
            self.forget(id, reason: .deadline)
        }
        precondition(handles == late, "Other handlers are late.")
        for id in self.machine.slowStreams(limit: .milliseconds(100), now: self.now) {
            let receive = self.streams[id.rawValue]?.receive
            precondition((receive?.unread ?? 0) * 2 > self.own.streamCredit, "A stream that is read is slow.")
        }
    }

    /// Nobody wants the request any more; its terminal frame is owed.
    mutating func forget(_ id: UInt32, reason: ErrorCode) {
        self.streams[id]?.phase = .cancelled
        self.streams[id]?.reason = reason
        self.streams[id]?.hasHandle = false
        self.streams[id]?.send = nil
        self.streams[id]?.receive = nil
    }

    mutating func breakOff(_ id: CallID, isRequest: Bool) {
        let stream = self.streams[id.rawValue]
        guard isRequest else {
            let wasOwed = self.machine.answerBrokenOff(id)
            precondition(wasOwed == (stream?.phase == .answering), "An answer broke off, or not.")
            if wasOwed { self.terminate(id) }
            return
        }
        switch self.machine.requestBrokenOff(id, code: .malformed) {
        case .none: precondition(stream?.isWanted != true, "A request did not break off.")
        case .stopRequest:
            precondition(stream?.isHalfClosed == true, "A request was stopped that is no half of a tunnel.")
            self.streams[id.rawValue]?.isHalfClosed = false
        case .end:
            precondition(stream?.phase == .answering, "An answer broke off.")
            self.terminate(id)
        case .stop(let handle):
            precondition(stream?.phase == .handling, "A request broke off that was over.")
            precondition(handle == (stream?.hasHandle == true ? stream?.number : nil), "Another handler is stopped.")
            self.forget(id.rawValue, reason: .malformed)
        }
    }

    mutating func drain() {
        if self.choices.flag() {
            precondition(self.machine.drainStarted() == !(self.isLeaving || self.isFinishing), "A drain began twice.")
            self.isLeaving = true
        } else {
            let expected: CallID? = self.isFinishing ? nil : self.last ?? .oneWay
            precondition(self.machine.lastStreamReached() == expected, "Another last stream.")
            self.isFinishing = true
            self.secrets = [:]
        }
    }
}
