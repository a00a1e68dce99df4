public import TeleportWire
import Testing

@testable import TeleportRPC

extension CallID: ExpressibleByIntegerLiteral {
    public init(integerLiteral value: UInt32) { self.init(rawValue: value) }
}

/// Calls whose completion is a name, and frames by their names.
extension ClientStreamMachine<String> {
    init(
        open: Bool = true, tombstones: Int = 1000, firstID: CallID = 1, limits: StreamLimits = .init(),
        settings: SettingsV1 = SettingsV1()
    ) {
        self.init(
            limits: ClientLimits(maxTombstones: tombstones), streamLimits: limits, settings: settings,
            firstID: firstID)
        if open { self.opened() }
    }

    @discardableResult
    mutating func call(
        _ name: String, deadline: Nanoseconds = .never, flags: CallFlags = []
    ) throws -> CallID {
        guard case .admit(let id) = self.callRequested() else {
            throw ModelFailure(description: "not admitted: \(name)")
        }
        _ = self.callEncoded(id, deadline: deadline, flags: flags, call: name)
        return id
    }

    /// The name of the call that a whole answer completes.
    mutating func answered(_ id: CallID) throws -> String? {
        switch try self.responseReceived(id, ends: true, isInterim: false, isEmpty: false, isSensitive: false) {
        case .complete(let name), .completeEarly(let name): name
        default: nil
        }
    }

    mutating func begun(_ id: CallID) throws -> String? {
        switch try self.responseReceived(id, ends: false, isInterim: false, isEmpty: false, isSensitive: false) {
        case .begin(let name): name
        default: nil
        }
    }

    mutating func informed(_ id: CallID) throws -> ResponseAction {
        try self.responseReceived(id, ends: false, isInterim: true, isEmpty: false, isSensitive: false)
    }

    mutating func refusedBy(_ lastID: CallID) -> [String] {
        self.goAwayReceived(GoAway(lastID: lastID, code: .noError)).map(\.call).sorted()
    }
}

@Suite("Client stream machine")
struct ClientStreamMachineTests {
    typealias Machine = ClientStreamMachine<String>

    func settings(streams: Int) -> SettingsV1 {
        var settings = SettingsV1()
        settings.maxStreams = streams
        return settings
    }

    // MARK: Places

    @Test("answers find their calls in any order")
    func outOfOrder() throws {
        var machine = Machine()
        let ids = try (1...100).map { try machine.call("call \($0)") }
        #expect(ids.map(\.rawValue) == Array(1...100))
        for (index, id) in ids.enumerated().reversed() {
            let answered = try machine.answered(id)
            #expect(answered == "call \(index + 1)")
        }
        #expect(machine.pendingCount == 0 && machine.liveCount == 0)
    }

    @Test("a limit of N admits exactly N; more wait until a terminal frame came (V1-43)", arguments: [0, 1, 2, 1000])
    func places(count: Int) throws {
        var machine = Machine()
        try machine.settingsReceived(self.settings(streams: count))
        var last: CallID?
        for index in 0..<count { last = try machine.call("\(index)") }
        #expect(machine.callRequested() == .wait)
        guard let last else { return }
        // Giving up frees no place.
        guard case .cancel = machine.callCancelled(last) else {
            Issue.record("not cancelled")
            return
        }
        #expect(machine.callRequested() == .wait)
        _ = try machine.answered(last)
        #expect(machine.mayAdmit)
        try machine.call("one more")
        #expect(machine.callRequested() == .wait)
    }

    @Test("before the SETTINGS the default is assumed; fewer that come later stop calls, and end none")
    func lateSettings() throws {
        var machine = Machine()
        #expect(throws: WireError.self) { try machine.checkSettled() }
        let ids = try (0..<1000).map { try machine.call("\($0)") }
        #expect(machine.callRequested() == .wait)
        try machine.settingsReceived(self.settings(streams: 10))
        try machine.checkSettled()
        for id in ids.dropFirst(9) {
            #expect(machine.callRequested() == .wait)
            _ = try machine.answered(id)
        }
        #expect(machine.mayAdmit)
        #expect(throws: WireError(.violation(.settings), "SETTINGS came twice (V1-25).")) {
            try machine.settingsReceived(SettingsV1())
        }
    }

    @Test("while connecting calls wait; when it takes no more they are refused")
    func lifecycle() throws {
        var machine = Machine(open: false)
        #expect(machine.callRequested() == .wait)
        machine.opened()
        #expect(machine.callRequested() == .admit(1))
        machine.drainStarted()
        #expect(machine.callRequested() == .refuseNotAccepting)
        #expect(machine.isFinished)
        machine.opened()
        #expect(!machine.isAccepting)
    }

    @Test("a call that was not encoded takes nothing")
    func encodingFailed() throws {
        var machine = Machine()
        #expect(machine.callRequested() == .admit(1))
        #expect(machine.callRequested() == .admit(1))
        #expect(machine.liveCount == 0)
        let id = try machine.call("a")
        #expect(id == 1)
    }

    @Test("ids skip 0, the last of all, and those that are live, across the wrap (V1-30)")
    func wrap() throws {
        var machine = Machine(firstID: CallID(rawValue: .max - 2))
        let ids = try (0..<4).map { try machine.call("\($0)") }
        #expect(ids == [CallID(rawValue: .max - 2), CallID(rawValue: .max - 1), 1, 2])
        machine = Machine(firstID: 3)
        try machine.call("lives")
        machine.candidate = CallID(rawValue: .max)
        let around = try (0..<3).map { try machine.call("\($0)") }
        #expect(around == [1, 2, 4])
    }

    // MARK: Tombstones

    @Test("at the limit of tombstones the connection is retired, and finished when nothing else is live")
    func tombstones() throws {
        var machine = Machine(tombstones: 2)
        let ids = try (0..<3).map { try machine.call("\($0)") }
        _ = machine.callCancelled(ids[0])
        #expect(machine.isAccepting)
        _ = machine.callCancelled(ids[1])
        #expect(!machine.isAccepting && !machine.isFinished && machine.tombstoneCount == 2)
        let last = try machine.answered(ids[2])
        #expect(last == "2" && machine.isFinished)
    }

    @Test("a tombstone is gone with the terminal frame, whichever it is, and with nothing less")
    func burial() throws {
        var machine = Machine()
        let ids = try (0..<4).map { try machine.call("\($0)", flags: .streamsBody) }
        for id in ids { _ = machine.callCancelled(id) }
        #expect(machine.tombstoneCount == 4 && machine.pendingCount == 0)
        _ = try machine.begun(ids[0])
        _ = try machine.informed(ids[0])
        _ = try machine.secretsReceived(ids[0], isSensitive: true)
        _ = try machine.dataReceived(ids[0], count: 5, ends: false, isSensitive: false, now: 0)
        _ = try machine.cancelReceived(ids[0], code: .noError, now: 0)
        #expect(machine.tombstoneCount == 4)
        _ = try machine.dataReceived(ids[0], count: 5, ends: true, isSensitive: false, now: 0)
        _ = try machine.answered(ids[1])
        _ = try machine.cancelReceived(ids[2], code: .refused, now: 0)
        _ = try machine.trailersReceived(ids[3], ends: true, isSensitive: false)
        #expect(machine.tombstoneCount == 0 && machine.liveCount == 0 && !machine.hasBodies)
        // The server's CANCEL(NO_ERROR) behind its END crossed with the client's CANCEL.
        let action = try machine.cancelReceived(ids[1], code: .noError, now: 0)
        guard case .none = action else {
            Issue.record("\(action)")
            return
        }
    }

    // MARK: Answers

    @Test("eight informational answers, and the ninth ends the stream (V1-32)")
    func interims() throws {
        var machine = Machine()
        let id = try machine.call("a")
        for _ in 0..<8 {
            guard case .inform("a") = try machine.informed(id) else {
                Issue.record("not told")
                return
            }
        }
        var other = machine
        let answered = try other.answered(id)
        #expect(answered == "a")
        guard case .violated("a", .protocol) = try machine.informed(id) else {
            Issue.record("not refused")
            return
        }
        #expect(machine.tombstoneCount == 1 && machine.pendingCount == 0)
        _ = try machine.informed(id)
        _ = try machine.answered(id)
        #expect(machine.liveCount == 0)
    }

    @Test("SECRETS belong to one head, of informational answers too (V1-65)")
    func secrets() throws {
        var machine = Machine()
        let id = try machine.call("a")
        for _ in 0..<3 {
            let isWanted = try machine.secretsReceived(id, isSensitive: true)
            #expect(isWanted)
            #expect(throws: WireError.self) { try machine.secretsReceived(id, isSensitive: true) }
            _ = try machine.informed(id)
        }
        _ = try machine.secretsReceived(id, isSensitive: true)
        let answered = try machine.answered(id)
        #expect(answered == "a")
    }

    @Test("a body that was uploaded leaves nothing behind when a whole answer comes")
    func uploadThenWhole() throws {
        var machine = Machine()
        let id = try machine.call("a", flags: .streamsBody)
        machine.dataEncoded(id, count: 100, ends: true)
        let answered = try machine.answered(id)
        #expect(answered == "a")
        #expect(!machine.hasBodies && machine.liveCount == 0)
    }

    @Test("credit for an upload that has ended is no violation, though a streamed answer began: it was under way")
    func lateCredit() throws {
        var settings = SettingsV1()
        settings.streamCredit = SettingsV1.maximumCredit
        settings.connectionCredit = SettingsV1.maximumCredit
        var machine = Machine()
        try machine.settingsReceived(settings)
        let id = try machine.call("a", flags: .streamsBody)
        machine.dataEncoded(id, count: 5000, ends: true)
        _ = try machine.begun(id)
        try machine.creditReceived(id, bytes: 5000, now: 0)
        #expect(throws: WireError.self) { try machine.creditReceived(id, bytes: 1, now: 0) }
    }

    @Test("an upload goes on behind the answer until it ends or is not wanted (V1-37)")
    func earlyAnswer() throws {
        var machine = Machine()
        let ids = try (0..<3).map { try machine.call("\($0)", flags: .streamsBody) }
        for id in ids {
            guard
                case .completeEarly = try machine.responseReceived(
                    id, ends: true, isInterim: false, isEmpty: false, isSensitive: false)
            else {
                Issue.record("not early")
                return
            }
            #expect(machine.isUploading(id) && machine.allowance(id) > 0)
        }
        #expect(machine.pendingCount == 0 && machine.liveCount == 3)
        machine.dataEncoded(ids[0], count: 1, ends: true)
        guard case .stopRequest = try machine.cancelReceived(ids[1], code: .noError, now: 0) else {
            Issue.record("not stopped")
            return
        }
        guard case .stop = machine.callCancelled(ids[2]) else {
            Issue.record("not given up")
            return
        }
        #expect(machine.liveCount == 0 && machine.tombstoneCount == 0 && !machine.hasBodies)
        // It crossed with the end.
        _ = try machine.cancelReceived(ids[0], code: .noError, now: 0)
    }

    @Test("a caller that has read all of an answer is not slow, though its upload goes on (V1-42)")
    func notSlow() throws {
        var settings = SettingsV1()
        settings.streamCredit = 1000
        var machine = Machine(settings: settings)
        let id = try machine.call("a", flags: .streamsBody)
        _ = try machine.begun(id)
        _ = try machine.dataReceived(id, count: 1000, ends: true, isSensitive: false, now: 10)
        #expect(machine.slowStreams(limit: 50, now: 60) == [id])
        let grant = machine.dataConsumed(id, count: 1000, now: 20)
        #expect(grant.stream == nil)
        #expect(machine.slowStreams(limit: 50, now: 1000).isEmpty)
        #expect(machine.isUploading(id))
    }

    @Test("data of a tombstone gives the connection its credit back at once, and of a stream when it was taken")
    func credit() throws {
        var settings = SettingsV1()
        settings.streamCredit = 1000
        settings.connectionCredit = 2000
        var machine = Machine(settings: settings)
        let (first, second) = (try machine.call("a"), try machine.call("b"))
        _ = try machine.begun(first)
        _ = try machine.begun(second)
        var action = try machine.dataReceived(first, count: 1000, ends: false, isSensitive: false, now: 0)
        #expect(action == .deliver(ends: false))
        #expect(throws: WireError.self) {
            try machine.dataReceived(first, count: 1, ends: false, isSensitive: false, now: 0)
        }
        machine = Machine(settings: settings)
        _ = (try machine.call("a"), try machine.call("b"))
        _ = try machine.begun(first)
        _ = try machine.begun(second)
        action = try machine.dataReceived(first, count: 900, ends: false, isSensitive: false, now: 0)
        _ = machine.callCancelled(second)
        action = try machine.dataReceived(second, count: 1000, ends: false, isSensitive: false, now: 0)
        #expect(action == .drop(CreditGrant(connection: 1000)))
        #expect(machine.dataConsumed(first, count: 400, now: 0) == CreditGrant())
        #expect(machine.dataConsumed(first, count: 100, now: 0) == CreditGrant(stream: 500))
        action = try machine.dataReceived(first, count: 100, ends: true, isSensitive: false, now: 0)
        // The stream is over; what is taken now counts for the connection.
        #expect(machine.dataConsumed(first, count: 500, now: 0) == CreditGrant(connection: 1000))
        #expect(machine.windows.receive.granted == 2000)
    }

    // MARK: The end

    @Test("a GOAWAY gives back the calls behind its last id, and only those (V1-51)")
    func goAway() throws {
        var machine = Machine()
        let ids = try (1...6).map { try machine.call("\($0)", flags: $0 == 5 ? .streamsBody : []) }
        _ = machine.callCancelled(ids[5])
        _ = machine.callCancelled(ids[0])
        #expect(machine.refusedBy(GoAway.everything).isEmpty)
        #expect(!machine.isAccepting && machine.pendingCount == 4)
        #expect(machine.refusedBy(3) == ["4", "5"])
        #expect(machine.pendingCount == 2 && machine.liveCount == 3 && machine.tombstoneCount == 1)
        #expect(!machine.isUploading(ids[4]) && !machine.hasBodies)
        #expect(!machine.isFinished)
        _ = try machine.answered(ids[1])
        let last = try machine.answered(ids[2])
        #expect(last == "3" && machine.isFinished)
        // What the server had not seen when it sent that.
        _ = try machine.cancelReceived(ids[3], code: .refused, now: 0)
        try machine.creditReceived(ids[4], bytes: 5000, now: 0)
    }

    @Test("a call whose answer has begun is taken, whatever a GOAWAY says, and its caller gets the rest")
    func goAwayWhileStreaming() throws {
        var machine = Machine()
        let (answering, early) = (try machine.call("a"), try machine.call("b", flags: .streamsBody))
        try machine.call("c")
        _ = try machine.begun(answering)
        _ = try machine.answered(early)
        #expect(machine.refusedBy(0) == ["c"])
        #expect(machine.liveCount == 2 && machine.isUploading(early) && !machine.isFinished)
        let action = try machine.dataReceived(answering, count: 5, ends: true, isSensitive: false, now: 0)
        #expect(action == .deliver(ends: true))
    }

    @Test(
        "a GOAWAY with 0 takes nothing, one beyond the last stream takes all, wherever the ids are",
        arguments: [1, 1 << 31, UInt32.max - 2])
    func goAwayLimits(first: UInt32) throws {
        var machine = Machine(firstID: CallID(rawValue: first))
        let ids = try (0..<5).map { try machine.call("\($0)") }
        var other = machine
        #expect(other.refusedBy(0).count == 5)
        #expect(other.isFinished)
        #expect(machine.refusedBy(CallID(rawValue: ids[4].rawValue &+ 1000)).isEmpty)
        #expect(machine.refusedBy(ids[4]).isEmpty)
        #expect(machine.refusedBy(ids[1]) == ["2", "3", "4"])
        #expect(machine.refusedBy(ids[0]) == ["1"])
    }

    @Test("a stream that lived while 2^31 others came and went was taken, and was sent")
    func old() throws {
        var machine = Machine()
        _ = machine.callEncoded(5, deadline: .never, call: "old")
        machine.outboundFlushed()
        _ = machine.callEncoded(0xA000_0000, deadline: .never, call: "sent")
        machine.outboundFlushed()
        _ = machine.callEncoded(0xA000_0001, deadline: .never, call: "new")
        var other = machine
        #expect(other.refusedBy(0xA000_0000) == ["new"])
        let lost = machine.connectionClosed().sorted { $0.call < $1.call }
        #expect(lost.map(\.call) == ["new", "old", "sent"])
        #expect(lost.map(\.possiblyExecuted) == [false, true, true])
    }

    @Test("the end fails every call that waits, once; possibly executed if it was sent (V1-54)")
    func connectionClosed() throws {
        var machine = Machine(firstID: CallID(rawValue: .max - 3))
        let ids = try (0..<3).map { try machine.call("sent \($0)", flags: .streamsBody) }
        #expect(!machine.hasSent)
        machine.outboundFlushed()
        try (0..<3).forEach { try machine.call("kept \($0)") }
        _ = try machine.begun(ids[1])
        _ = machine.callCancelled(ids[2])
        let lost = machine.connectionClosed().sorted { $0.call < $1.call }
        #expect(lost.map(\.call) == ["kept 0", "kept 1", "kept 2", "sent 0"])
        #expect(lost.map(\.possiblyExecuted) == [false, false, false, true])
        #expect(machine.liveCount == 0 && machine.pendingCount == 0 && machine.tombstoneCount == 0)
        #expect(!machine.hasBodies && machine.nextDeadline == .never && machine.table.places.isEmpty)
        #expect(machine.connectionClosed().isEmpty)
        #expect(machine.callRequested() == .refuseNotAccepting)
        #expect(machine.deadlineReached(now: .max).isEmpty)
        // Callers go on reading what had come.
        _ = machine.dataConsumed(ids[1], count: 0, now: 0)
    }

    // MARK: Time

    @Test("deadlines are never early and at most a slack late; a crowd shares a wake-up; behind the head there is none")
    func deadlines() throws {
        var machine = Machine()
        let slack = ClientLimits().deadlineSlack
        let begun = try machine.call("begun", deadline: 50)
        _ = try machine.begun(begun)
        #expect(machine.nextDeadline == 50)
        #expect(machine.deadlineReached(now: 49).isEmpty)
        #expect(machine.deadlineReached(now: 50).isEmpty)
        #expect(machine.nextDeadline == .never)
        for index in 0..<100 { try machine.call("\(index)", deadline: 1000 + Nanoseconds(index)) }
        try machine.call("later", deadline: .seconds(1))
        #expect(machine.nextDeadline == 1000)
        #expect(machine.deadlineReached(now: 1000).map(\.call) == ["0"])
        #expect(machine.nextDeadline == 1000 + slack)
        #expect(machine.deadlineReached(now: 1000 + slack).count == 99)
        #expect(machine.nextDeadline == .seconds(1))
        #expect(machine.tombstoneCount == 100 && machine.pendingCount == 1)
        let isSooner = machine.callEncoded(500, deadline: 5, call: "past")
        #expect(isSooner && machine.nextDeadline == 5)
    }

    @Test("deadlines at the end of time trap nobody")
    func hugeTimes() throws {
        var machine = ClientStreamMachine<String>(
            limits: ClientLimits(deadlineSlack: .max), streamLimits: .init(), settings: SettingsV1())
        machine.opened()
        try machine.call("a", deadline: .max - 10)
        try machine.call("b", deadline: .max - 5)
        #expect(machine.deadlineReached(now: .max - 10).map(\.call) == ["a"])
        #expect(machine.nextDeadline == .max)
    }

    // MARK: Abuse

    /// Sends a frame that costs a token; 1 is live, 2 was.
    func sendCostly(_ kind: Int, _ machine: inout Machine) -> String {
        do throws(WireError) {
            switch kind {
            case 0: _ = try machine.dataReceived(1, count: 0, ends: false, isSensitive: false, now: 0)
            case 1: try machine.creditReceived(1, bytes: 1023, now: 0)
            case 2: try machine.creditReceived(nil, bytes: 1, now: 0)
            case 3: try machine.cheapFrameReceived(now: 0)
            default: _ = try machine.cancelReceived(2, code: .internal, now: 0)
            }
            return "taken"
        } catch {
            return outcome { () throws(WireError) in throw error }
        }
    }

    @Test("frames that cost more than they say are paid for, others are not (V1-77)")
    func tokens() throws {
        var machine = Machine(limits: StreamLimits(abuseTokens: 5, abuseTokensPerSecond: 1))
        try machine.call("a")
        try machine.call("b")
        _ = try machine.begun(1)
        _ = try machine.answered(2)
        for _ in 0..<10 {
            _ = try machine.dataReceived(1, count: 1, ends: false, isSensitive: false, now: 0)
            try machine.creditReceived(1, bytes: 1024, now: 0)
            try machine.creditReceived(nil, bytes: 1024, now: 0)
        }
        for kind in 0..<5 { #expect(self.sendCostly(kind, &machine) == "taken") }
        for kind in 0..<5 {
            var other = machine
            #expect(self.sendCostly(kind, &other) == "!ABUSE", "\(kind)")
        }
        // On a stream that is live CANCEL is an answer, and a stream that ends pays for one frame.
        _ = try machine.cancelReceived(1, code: .internal, now: 0)
        try machine.cheapFrameReceived(now: 0)
        try machine.cheapFrameReceived(now: .seconds(1))
        #expect(throws: WireError.self) { try machine.cheapFrameReceived(now: .seconds(1)) }
    }

    @Test("each stream that ends pays for a frame, however it ends (V1-77)", arguments: 0..<7)
    func endsPay(kind: Int) throws {
        var machine = Machine(limits: StreamLimits(abuseTokens: 1, abuseTokensPerSecond: 0))
        let id = try machine.call("a", flags: kind == 1 ? .streamsBody : kind == 6 ? .oneWay : [])
        #expect(self.sendCostly(3, &machine) == "taken")
        #expect(self.sendCostly(3, &machine) == "!ABUSE")
        switch kind {
        case 0, 1:
            _ = try machine.answered(id)
        case 2:
            _ = try machine.begun(id)
            _ = try machine.dataReceived(id, count: 0, ends: true, isSensitive: false, now: 0)
        case 3:
            _ = try machine.begun(id)
            _ = try machine.trailersReceived(id, ends: true, isSensitive: false)
        case 4:
            _ = try machine.cancelReceived(id, code: .refused, now: 0)
        case 5:
            _ = machine.callCancelled(id)
            _ = try machine.cancelReceived(id, code: .cancelled, now: 0)
        default:
            _ = try machine.responseReceived(id, ends: true, isInterim: false, isEmpty: true, isSensitive: false)
        }
        #expect(self.sendCostly(3, &machine) == "taken")
        #expect(self.sendCostly(3, &machine) == "!ABUSE")
    }

    @Test("an end without bytes costs nothing")
    func emptyEnd() throws {
        var machine = Machine(limits: StreamLimits(abuseTokens: 0))
        let id = try machine.call("a")
        _ = try machine.begun(id)
        let action = try machine.dataReceived(id, count: 0, ends: true, isSensitive: false, now: 0)
        #expect(action == .deliver(ends: true))
    }
}
