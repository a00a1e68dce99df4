import TeleportTestKit
import TeleportWire

@testable import TeleportRPC

/// A peer that sends what it likes. Frames that break a rule are mostly taken back, so that a sequence goes on.
struct HostilePeer {
    let dice: Dice
    var opened: UInt32 = 0

    /// An id that is live, was, will be, or never can be.
    func id(_ live: [CallID]) -> CallID {
        switch self.dice.below(8) {
        case 0: return self.dice.pick([1, 2, CallID(rawValue: .max), CallID(rawValue: 1 << 31)]) ?? 1
        case 1: return CallID(rawValue: Swift.max(1, UInt32(truncatingIfNeeded: self.dice.random.next())))
        case 2: return CallID(rawValue: Swift.max(1, self.opened &- UInt32(self.dice.below(4))))
        default: return self.dice.pick(live) ?? 1
        }
    }

    mutating func nextID() -> CallID {
        let step = self.dice.once(in: 10) ? UInt32(truncatingIfNeeded: self.dice.random.next() >> 33) : 1
        self.opened = self.opened &+ step
        if self.opened == 0 { self.opened = 1 }
        return CallID(rawValue: self.opened)
    }

    var size: Int { self.dice.pick([0, 1, 10, 1023, 1024, 16384, 65536]) ?? 0 }
    var credit: Int { self.dice.pick([0, 1, 5000, 262_144, Int(Int32.max), Int(UInt32.max)]) ?? 0 }
    var code: ErrorCode { ErrorCode(rawValue: self.dice.pick([0, 0, 1, 2, 5, 99, .max]) ?? 0) }

    func settings() -> SettingsV1 {
        var settings = SettingsV1()
        settings.maxStreams = self.dice.pick([0, 1, 10, 1 << 24]) ?? 0
        settings.streamCredit = self.dice.pick([0, 1, 1000, Int(Int32.max)]) ?? 0
        settings.connectionCredit = self.dice.pick([65_536, Int(Int32.max)]) ?? 0
        return settings
    }

    mutating func frame(_ live: [CallID], isClient: Bool, number: Int) -> ModelFrame {
        let id = self.id(live)
        let flag = self.dice.once(in: 12)
        let ends = self.dice.once(in: 3)
        let piece = ModelPiece(call: 0, offset: 0, count: self.size, length: 0)
        switch self.dice.below(isClient ? 14 : 12) {
        case 0, 1, 2: return .data(id, piece, ends: ends, isSensitive: flag)
        case 3: return .trailers(id, ModelPiece(call: 0, offset: 0, count: 0, length: 0), isSensitive: flag)
        case 4: return .secrets(isClient && !flag ? self.ahead() : id, bytes: self.size)
        case 5: return .cancel(id, self.code)
        case 6: return .credit(self.dice.once(in: 3) ? nil : id, self.credit)
        case 7: return self.dice.once(in: 2) ? .ping(1) : .pong(1)
        case 8 where self.dice.once(in: 6): return .goAway(GoAway(lastID: id, code: self.code))
        case 9 where self.dice.once(in: 6): return .settings(self.settings())
        default:
            guard isClient else {
                return .response(
                    id, ends: ends, isInterim: self.dice.once(in: 3), isEmpty: self.dice.once(in: 6), isSensitive: flag,
                    call: 0)
            }
            var flags: FrameFlags = self.dice.once(in: 2) ? .end : []
            if flag { flags.insert(.sensitive) }
            if self.dice.once(in: 6) { flags.insert(.noReply) }
            return .request(
                self.dice.once(in: 20) ? id : self.nextID(), flags: flags, bytes: self.size, call: number,
                milliseconds: self.dice.pick([nil, 0, 5, UInt64(UInt32.max)]) ?? nil)
        }
    }

    private func ahead() -> CallID { CallID(rawValue: Swift.max(1, self.opened &+ UInt32(1 + self.dice.below(20)))) }
}

/// A client that makes calls to a hostile server.
final class HostileServerModel {
    let client: ModelClient
    let dice: Dice
    var peer: HostilePeer
    var violation: ErrorCode?

    init(seed: UInt64) {
        self.dice = Dice(seed: seed)
        self.peer = HostilePeer(dice: self.dice)
        self.client = ModelClient(
            self.dice, limits: ClientLimits(maxTombstones: 20),
            streamLimits: StreamLimits(abuseTokens: self.dice.once(in: 2) ? 3 : 1000, abuseTokensPerSecond: 1),
            settings: self.peer.settings(),
            firstID: CallID(rawValue: self.dice.once(in: 2) ? 1 : .max - 10))
    }

    func run(operations: Int) throws {
        _ = try self.feed(.settings(self.peer.settings()))
        for _ in 0..<operations where self.violation == nil {
            try self.step()
            if self.violation == nil { try self.check() }
        }
        try self.client.close()
        for (number, call) in self.client.calls.enumerated() {
            try require(call.outcome != nil, "call \(number) waits for ever")
        }
        try require(self.client.machine.liveCount == 0 && !self.client.machine.hasBodies, "streams of nobody")
    }

    private func step() throws {
        switch self.dice.below(12) {
        case 0, 1:
            var plan = ModelPlan()
            if self.dice.once(in: 2) { plan.upload = self.dice.below(100_000) }
            plan.isOneWay = plan.upload == nil && self.dice.once(in: 4)
            plan.isSensitive = self.dice.once(in: 8)
            plan.milliseconds = self.dice.once(in: 2) ? UInt64(self.dice.below(50)) : nil
            try self.client.makeCall(plan)
        case 2:
            if !self.client.calls.isEmpty { try self.client.cancel(self.dice.below(self.client.calls.count)) }
        case 3:
            if !self.client.uploads.isEmpty {
                _ = self.client.uploadTurn(self.dice.below(self.client.uploads.count), whole: false)
            }
        case 4:
            if !self.client.downloads.isEmpty {
                self.client.consume(self.dice.below(self.client.downloads.count), whole: self.dice.once(in: 2))
            }
        case 5:
            self.client.now += .milliseconds(UInt64(self.dice.below(50)))
            try self.client.timePassed(unreadTimeout: .milliseconds(100))
            _ = self.client.flush()
            try self.client.admitWaiting()
        default:
            let live = self.client.calls.compactMap(\.id)
            self.peer.opened = live.last?.rawValue ?? 0
            let frame = self.peer.frame(live.suffix(8), isClient: false, number: 0)
            self.violation = try self.feed(frame)
        }
        self.client.drop()
    }

    /// - Returns: what ends the connection.
    private func feed(_ frame: ModelFrame) throws -> ErrorCode? {
        let before = self.client.machine
        do throws(WireError) {
            let effect = try self.client.feed(frame)
            do { try self.client.perform(effect, isHostile: true) } catch { throw WireError(.wrongMagic, "\(error)") }
            return nil
        } catch {
            guard case .violation(let code) = error.code else { throw ModelFailure(description: error.message) }
            guard self.dice.once(in: 20) else {
                self.client.machine = before
                return nil
            }
            return code
        }
    }

    private func check() throws {
        let machine = self.client.machine
        try require(machine.liveCount <= Swift.max(1000, machine.maxStreams), "\(machine.liveCount) streams")
        try require(machine.pendingCount >= 0 && machine.tombstoneCount >= 0, "negative counts")
        let pending = self.client.calls.count { $0.id != nil && $0.outcome == nil }
        try require(machine.pendingCount == pending, "\(machine.pendingCount) calls wait, not \(pending)")
        try require(machine.windows.count <= machine.liveCount, "windows of nobody")
        try require(machine.table.places.count <= Swift.max(16, 4 * self.client.calls.count), "places")
        let unread = self.client.downloads.reduce(0) { $0 + $1.unread }
        try require(machine.windows.receive.unread == unread, "\(machine.windows.receive), not \(unread) bytes unread")
        try require(unread <= self.client.settings.connectionCredit, "more data than credit was given")
    }
}

/// A server that answers a hostile client.
final class HostileClientModel {
    let server: ModelServer
    let dice: Dice
    var peer: HostilePeer
    let limits: StreamLimits
    var violation: ErrorCode?
    var number = 0
    var recent: [CallID] = []

    init(seed: UInt64) {
        self.dice = Dice(seed: seed)
        self.peer = HostilePeer(dice: self.dice, opened: self.dice.once(in: 2) ? 0 : .max - 10)
        self.limits = StreamLimits(
            maxHeldBytes: 100_000, abuseTokens: self.dice.once(in: 2) ? 3 : 1000, abuseTokensPerSecond: 1)
        var settings = self.peer.settings()
        settings.maxStreams = self.dice.below(8)
        self.server = ModelServer(self.dice, limits: self.limits, settings: settings)
    }

    func run(operations: Int) throws {
        _ = try self.feed(.settings(self.peer.settings()))
        for _ in 0..<operations where self.violation == nil {
            try self.step()
            if self.violation == nil { try self.check() }
        }
        try self.server.close()
        while let index = self.server.handlers.indices.last { try self.server.step(index, hurry: true) }
        for index in self.server.intakes.indices.reversed() { self.server.consume(index, whole: true) }
        let machine = self.server.machine
        try require(machine.liveCount == 0 && machine.held == 0 && !machine.hasBodies, "streams of nobody")
    }

    private func step() throws {
        switch self.dice.below(12) {
        case 0, 1:
            if !self.server.handlers.isEmpty {
                try self.server.step(self.dice.below(self.server.handlers.count), hurry: false)
            }
        case 2:
            if !self.server.answers.isEmpty {
                _ = self.server.answerTurn(self.dice.below(self.server.answers.count), whole: false)
            }
        case 3:
            if !self.server.intakes.isEmpty {
                self.server.consume(self.dice.below(self.server.intakes.count), whole: self.dice.once(in: 2))
            }
        case 4:
            self.server.now += .milliseconds(UInt64(self.dice.below(50)))
            try self.server.timePassed(unreadTimeout: .milliseconds(100))
        case 5:
            if self.dice.once(in: 20) { self.server.startDrain() }
            if self.dice.once(in: 30) { self.server.reachLastStream() }
            if let intake = self.dice.pick(self.server.intakes), self.dice.once(in: 4) {
                try self.server.breakOffRequest(intake.id, .malformed)
            }
        default:
            let frame = self.peer.frame(self.recent, isClient: true, number: self.number)
            if case .request(let id, _, _, _, _) = frame {
                self.number += 1
                self.recent = self.recent.suffix(7) + [id]
            }
            self.violation = try self.feed(frame)
        }
        self.server.outbox.removeAll()
    }

    private func feed(_ frame: ModelFrame) throws -> ErrorCode? {
        let before = self.server.machine
        do throws(WireError) {
            let effect = try self.server.feed(frame)
            do { try self.server.perform(effect, isHostile: true) } catch { throw WireError(.wrongMagic, "\(error)") }
            return nil
        } catch {
            guard case .violation(let code) = error.code else { throw ModelFailure(description: error.message) }
            guard self.dice.once(in: 20) else {
                self.server.machine = before
                return nil
            }
            return code
        }
    }

    private func check() throws {
        let (machine, most) = (self.server.machine, self.server.settings.maxStreams)
        try require(machine.inFlightCount == self.server.owed.count && machine.inFlightCount <= most, "in flight")
        try require(machine.liveCount <= 2 * most + 1000, "\(machine.liveCount) streams")
        try require(machine.held >= 0 && machine.held <= self.limits.maxHeldBytes, "\(machine.held) bytes")
        try require(machine.earlySecrets.count <= 1000, "SECRETS")
        try require(machine.windows.count <= machine.liveCount, "windows of nobody")
        try require(machine.table.places.count <= 4096, "places")
        let unread = self.server.intakes.reduce(0) { $0 + $1.unread }
        try require(machine.windows.receive.unread == unread, "\(machine.windows.receive), not \(unread) bytes unread")
        let credit = Swift.max(self.server.settings.connectionCredit, SettingsV1().connectionCredit)
        try require(unread <= credit, "more data than credit was given")
    }
}
