import TeleportWire

@testable import TeleportRPC

/// A client and a server, each behind its machine, with two queues of frames between them, and chance that decides what
/// happens next: who is served, how long frames are under way, when somebody gives up, when the connection drains or
/// breaks.
///
/// Everything is in one thread and comes from one seed, so a sequence that fails can be repeated.
final class StreamModel {
    enum Ending: CaseIterable {
        case none, drain, abruptDrain, clientDrain, loss
    }

    let dice: Dice
    let client: ModelClient
    let server: ModelServer
    var toServer = ModelQueue()
    var toClient = ModelQueue()
    let ending: Ending
    let endsAt: Int
    let isSorted: Bool
    let streamLimits: StreamLimits
    var mostLive = 0
    /// How often each kind of thing happened, so that a test can see that it did.
    var counts: [String: Int] = [:]

    init(seed: UInt64, operations: Int) {
        let dice = Dice(seed: seed)
        self.dice = dice
        self.ending = dice.once(in: 3) ? .none : dice.pick(Ending.allCases) ?? .none
        self.endsAt = operations / 3 + dice.below(operations)
        self.isSorted = dice.once(in: 2)
        self.streamLimits = StreamLimits(
            maxHeldBytes: dice.once(in: 4) ? 1500 : 1 << 20,
            unreadTimeout: .milliseconds(UInt64(dice.once(in: 3) ? 40 : 100_000)), abuseTokens: 1_000_000)
        let firstID: UInt32 = dice.once(in: 3) ? .max - UInt32(dice.below(40)) : 1
        self.client = ModelClient(
            dice, limits: ClientLimits(maxTombstones: dice.once(in: 5) ? 3 : 1000), streamLimits: self.streamLimits,
            settings: Self.settings(dice), firstID: CallID(rawValue: firstID))
        self.server = ModelServer(dice, limits: self.streamLimits, settings: Self.settings(dice))
        // Time has no epoch.
        self.setNow(UInt64(dice.below(3)) << 62)
    }

    private static func settings(_ dice: Dice) -> SettingsV1 {
        var settings = SettingsV1()
        settings.maxStreams = dice.once(in: 4) ? 1000 : dice.within(1...12)
        if !dice.once(in: 4) { settings.streamCredit = dice.within(1...3000) }
        if !dice.once(in: 3) { settings.connectionCredit = dice.within(1...6000) }
        return settings
    }

    private func setNow(_ now: Nanoseconds) {
        self.client.now = now
        self.server.now = now
    }

    // MARK: One thing at a time

    func run(operations: Int) throws {
        for index in 0..<operations {
            if index == self.endsAt { try self.end() }
            try self.step()
            if index % 8 == 0 { try self.check() }
        }
        try self.settle()
        try self.checkFinished()
    }

    private func count(_ kind: String) { self.counts[kind, default: 0] += 1 }

    func step() throws {
        switch self.dice.below(100) {
        case 0..<13: try self.makeCall()
        case 13..<16: try self.cancel()
        case 16..<30:
            if !self.client.uploads.isEmpty {
                _ = self.client.uploadTurn(self.dice.below(self.client.uploads.count), whole: false)
            }
        case 30..<38: self.flushClient()
        case 38..<46: self.flushServer()
        case 46..<58: try self.deliverToServer(self.dice.within(1...5))
        case 58..<70: try self.deliverToClient(self.dice.within(1...5))
        case 70..<82: try self.handlerStep()
        case 82..<89:
            if !self.server.answers.isEmpty {
                _ = self.server.answerTurn(self.dice.below(self.server.answers.count), whole: false)
            }
        case 89..<92:
            if !self.client.downloads.isEmpty {
                self.client.consume(self.dice.below(self.client.downloads.count), whole: self.dice.once(in: 2))
            }
        case 92..<95:
            if !self.server.intakes.isEmpty {
                self.server.consume(self.dice.below(self.server.intakes.count), whole: self.dice.once(in: 2))
            }
        case 95..<98: try self.passTime()
        default: try self.breakOff()
        }
    }

    private func makeCall() throws {
        var plan = ModelPlan()
        plan.bytes = self.dice.below(300)
        plan.isSensitive = self.dice.once(in: 6)
        if self.dice.once(in: 6) { plan.secrets = self.dice.within(1...60) }
        if self.dice.once(in: 4) { plan.milliseconds = UInt64(self.dice.below(60)) }
        switch self.dice.below(8) {
        case 0: plan.isOneWay = true
        case 1..<5:
            plan.upload = self.dice.below(5) * self.dice.below(1500)
            plan.hasTrailers = self.dice.once(in: 4)
        default: break
        }
        if self.ending != .loss || !self.client.isClosed { try self.client.makeCall(plan) }
    }

    private func cancel() throws {
        let living = self.client.calls.indices.filter { index in
            let call = self.client.calls[index]
            return call.outcome == nil || self.client.uploads.contains { $0.call == index }
                || self.client.downloads.contains { $0.call == index && !$0.isOver }
        }
        if let number = self.dice.pick(living) { try self.client.cancel(number) }
    }

    private func handlerStep() throws {
        guard !self.server.handlers.isEmpty else { return }
        try self.server.step(self.dice.below(self.server.handlers.count), hurry: false)
    }

    private func breakOff() throws {
        if self.dice.once(in: 2), !self.server.answers.isEmpty {
            self.count("answers broken off")
            try self.server.breakOffAnswer(self.dice.below(self.server.answers.count))
        } else if let intake = self.dice.pick(self.server.intakes.filter { !$0.isOver }) {
            self.count("requests broken off")
            try self.server.breakOffRequest(intake.id, .malformed)
        }
    }

    private func passTime() throws {
        self.setNow(self.client.now + .milliseconds(UInt64(self.dice.below(40))) + UInt64(self.dice.below(1_000_000)))
        // A loop may be late.
        if !self.dice.once(in: 3) { try self.client.timePassed(unreadTimeout: self.streamLimits.unreadTimeout) }
        if self.dice.once(in: 3) { return }
        try self.server.timePassed(unreadTimeout: self.streamLimits.unreadTimeout)
    }

    // MARK: Frames

    /// What was written leaves: in the order it was written in, or frames of the connection and credit first (V1-44), then
    /// the SECRETS of requests, in one block (V1-31).
    func flushClient() {
        self.client.drop()
        let isSorted = self.isSorted
        let rank = { (frame: ModelFrame) in !isSorted ? 0 : frame.isControl ? 0 : frame.isSecrets ? 1 : 2 }
        Self.send(self.client.flush(), to: &self.toServer, rank)
    }

    func flushServer() {
        let isSorted = self.isSorted
        Self.send(self.server.outbox.takeAll(), to: &self.toClient) { !isSorted || $0.isControl ? 0 : 1 }
    }

    private static func send(
        _ frames: ArraySlice<ModelFrame>, to link: inout ModelQueue, _ rank: (ModelFrame) -> Int
    ) {
        for wanted in 0...2 {
            for frame in frames where rank(frame) == wanted { link.append(frame) }
        }
    }

    /// One read: all frames under one lock, then what they came to; in between others have the lock.
    func deliverToServer(_ most: Int) throws {
        var effects: [ModelServer.Effect] = []
        while effects.count < most, let frame = self.toServer.popFirst() { effects.append(try self.server.feed(frame)) }
        for effect in effects {
            if self.dice.once(in: 8) { try self.handlerStep() }
            try self.server.perform(effect)
        }
    }

    func deliverToClient(_ most: Int) throws {
        var effects: [ModelClient.Effect] = []
        while effects.count < most, let frame = self.toClient.popFirst() { effects.append(try self.client.feed(frame)) }
        for effect in effects {
            if self.dice.once(in: 8) { try self.dice.once(in: 2) ? self.cancel() : self.makeCall() }
            try self.client.perform(effect)
        }
        self.client.drop()
        if !self.client.isClosed { try self.client.admitWaiting() }
    }

    // MARK: The end

    func end() throws {
        self.count("\(self.ending)")
        switch self.ending {
        case .none: break
        case .drain: self.server.startDrain()
        case .abruptDrain:
            // The PONG does not come in time, or the client had said that it sends nothing more.
            if self.dice.once(in: 2) { self.server.startDrain() }
            self.server.reachLastStream()
        case .clientDrain: self.client.machine.drainStarted()
        case .loss: try self.lose()
        }
    }

    func lose() throws {
        self.toServer.removeAll()
        self.toClient.removeAll()
        try self.client.close()
        try self.server.close()
        for call in self.client.calls.indices where self.client.calls[call].outcome == .lost(possiblyExecuted: false) {
            try require(!self.server.dispatched.contains(call), "call \(call) was executed, and says that it was not")
        }
    }

    /// Everybody does what is left to do, until nothing happens any more.
    func settle() throws {
        for _ in 0..<10_000 {
            var moved = false
            if !self.client.isClosed {
                if try self.client.admitWaiting() { moved = true }
                for index in self.client.uploads.indices.reversed() where self.client.uploadTurn(index, whole: true) {
                    moved = true
                }
            }
            if !self.client.isIdle || !self.toServer.isEmpty { moved = true }
            self.flushClient()
            if !self.client.isClosed { try self.deliverToServer(.max) }
            for index in self.server.handlers.indices.reversed() {
                try self.server.step(index, hurry: true)
                moved = true
            }
            for index in self.server.answers.indices.reversed() where self.server.answerTurn(index, whole: true) {
                moved = true
            }
            for index in self.server.intakes.indices.reversed() where self.server.intakes[index].unread > 0 {
                self.server.consume(index, whole: true)
                moved = true
            }
            if !self.server.outbox.isEmpty || !self.toClient.isEmpty { moved = true }
            self.flushServer()
            if !self.client.isClosed { try self.deliverToClient(.max) }
            for index in self.client.downloads.indices.reversed() where self.client.downloads[index].unread > 0 {
                self.client.consume(index, whole: true)
                moved = true
            }
            try self.check()
            if !moved { return }
        }
        throw ModelFailure(description: "it does not come to rest")
    }
}
