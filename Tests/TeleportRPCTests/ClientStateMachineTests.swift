import TeleportRPC
import TeleportTestKit
import TeleportWire
import TestTraits
import Testing

/// Admits and registers a call whose completion is a name.
extension ClientStateMachine<String> {
    @discardableResult
    mutating func call(_ name: String, deadline: Nanoseconds = .never) throws -> CallID {
        guard case .admit(let id) = self.callRequested() else {
            Issue.record("not admitted: \(name)")
            throw RPCError(.tooManyPending, "refused")
        }
        _ = self.callEncoded(id, deadline: deadline, completion: name)
        return id
    }

    mutating func answered(_ id: CallID) -> String? {
        guard case .complete(let name, _) = self.answerReceived(id) else { return nil }
        return name
    }
}

@Suite("Client state machine", .computing)
struct ClientStateMachineTests {
    @Test("answers find their calls in any order")
    func outOfOrder() throws {
        var machine = ClientStateMachine<String>(limits: .init())
        machine.connected()
        let ids = try (1...100).map { try machine.call("call \($0)") }
        #expect(ids.map(\.rawValue) == Array(1...100))
        for (index, id) in ids.enumerated().reversed() {
            #expect(machine.answered(id) == "call \(index + 1)")
        }
        #expect(machine.pendingCount == 0)
    }

    @Test("a limit of N admits exactly N (D13)", arguments: [0, 1, 2, 1000])
    func limit(count: Int) throws {
        var machine = ClientStateMachine<String>(limits: .init(maxPending: count))
        var last: CallID?
        for index in 0..<count { last = try machine.call("\(index)") }
        #expect(machine.callRequested() == .refuseTooManyPending)
        guard let last else { return }
        #expect(machine.answered(last) != nil)
        try machine.call("one more")
        #expect(machine.callRequested() == .refuseTooManyPending)
    }

    @Test("a call that was not encoded takes nothing")
    func encodingFailed() throws {
        var machine = ClientStateMachine<String>(limits: .init(maxPending: 1))
        #expect(machine.callRequested() == .admit(CallID(rawValue: 1)))
        #expect(machine.callRequested() == .admit(CallID(rawValue: 1)))
        #expect(machine.pendingCount == 0)
        #expect(try machine.call("a").rawValue == 1)
    }

    @Test("answers to nobody are dropped: unknown, 0, twice")
    func unknownAnswers() throws {
        var machine = ClientStateMachine<String>(limits: .init())
        guard case .dropUnknown = machine.answerReceived(CallID(rawValue: 7)) else {
            Issue.record("an empty table knows no id")
            return
        }
        let id = try machine.call("a")
        #expect(machine.answered(.oneWay) == nil)
        #expect(machine.answered(CallID(rawValue: id.rawValue + 16)) == nil)
        #expect(machine.answered(id) == "a")
        #expect(machine.answered(id) == nil)
    }

    @Test("a cancelled call returns at once and leaves a tombstone that swallows its answer")
    func cancellation() throws {
        var machine = ClientStateMachine<String>(limits: .init())
        let id = try machine.call("a")
        #expect(machine.callCancelled(id).completion == "a")
        #expect(machine.callCancelled(id).completion == nil)
        #expect(machine.tombstoneCount == 1)
        guard case .dropLate = machine.answerReceived(id) else {
            Issue.record("the late answer must be recognised")
            return
        }
        #expect(machine.tombstoneCount == 0)
    }

    @Test("a call times out, a million follow, its late answer arrives: dropped")
    func lateAnswer() throws {
        var machine = ClientStateMachine<String>(limits: .init())
        machine.connected()
        let late = try machine.call("late", deadline: 5)
        #expect(machine.deadlineReached(now: 5).expired == ["late"])
        for _ in 0..<1_000_000 {
            let id = try machine.call("x")
            #expect(id != late)
            guard machine.answered(id) == "x" else {
                Issue.record("lost an answer")
                return
            }
        }
        guard case .dropLate = machine.answerReceived(late) else {
            Issue.record("the late answer reached somebody")
            return
        }
    }

    @Test("ids skip 0, pending calls and tombstones across the wrap, and a late answer still reaches nobody")
    func wrap() throws {
        var machine = ClientStateMachine<String>(limits: .init(), firstID: CallID(rawValue: .max - 2))
        machine.connected()
        let early = try machine.call("early", deadline: 1)
        let slow = try machine.call("slow")
        #expect(machine.deadlineReached(now: 1).expired == ["early"])
        var seen: [UInt32] = []
        for _ in 0..<4 {
            let id = try machine.call("x")
            seen.append(id.rawValue)
            #expect(machine.answered(id) == "x")
        }
        #expect(seen == [.max, 1, 2, 3])
        // The ring has 16 places: the ids that share a place with the two that are still owed are passed over.
        var ids: Set<UInt32> = []
        for _ in 0..<200 {
            let id = try machine.call("x")
            ids.insert(id.rawValue & 15)
            #expect(machine.answered(id) == "x")
        }
        #expect(!ids.contains(early.rawValue & 15))
        #expect(!ids.contains(slow.rawValue & 15))
        #expect(machine.answered(slow) == "slow")
        #expect(machine.answered(early) == nil)
    }

    @Test("at the limit of tombstones the connection is retired, then closed when the pending calls ended")
    func tombstoneLimit() throws {
        var machine = ClientStateMachine<String>(limits: .init(maxPending: 10, maxTombstones: 2))
        machine.connected()
        let first = try machine.call("1")
        let second = try machine.call("2")
        let third = try machine.call("3")
        #expect(machine.callCancelled(first).action == .none)
        #expect(machine.callCancelled(second).action == .retire)
        #expect(machine.callRequested() == .refuseNotAccepting)
        guard case .complete("3", thenClose: true) = machine.answerReceived(third) else {
            Issue.record("the last pending call closes a retired connection")
            return
        }
    }

    @Test("deadlines: never early, the timer moves only for an earlier one, a crowd shares one wake-up")
    func deadlines() throws {
        var machine = ClientStateMachine<String>(limits: .init(deadlineSlack: 2))
        machine.connected()
        func add(_ name: String, _ deadline: Nanoseconds) -> Bool {
            guard case .admit(let id) = machine.callRequested() else { return false }
            return machine.callEncoded(id, deadline: deadline, completion: name)
        }
        #expect(machine.nextDeadline == .never)
        #expect(add("a", 100))
        #expect(!add("b", 101))
        #expect(!add("c", .never))
        #expect(add("d", 50))
        #expect(machine.nextDeadline == 50)
        #expect(machine.deadlineReached(now: 49).expired == [])
        #expect(machine.deadlineReached(now: 50).expired == ["d"])
        #expect(machine.nextDeadline == 100)
        #expect(machine.deadlineReached(now: 100).expired == ["a"])
        #expect(machine.nextDeadline == 102, "no sooner than one slack later")
        #expect(machine.deadlineReached(now: 102).expired == ["b"])
        #expect(machine.nextDeadline == .never)
        #expect(machine.pendingCount == 1)
    }

    @Test("the timer may outlive the call it was set for, and then expires nobody")
    func staleTimer() throws {
        var machine = ClientStateMachine<String>(limits: .init())
        let id = try machine.call("a", deadline: 10)
        #expect(machine.answered(id) == "a")
        #expect(machine.nextDeadline == 10)
        #expect(machine.deadlineReached(now: 10).expired == [])
        #expect(machine.nextDeadline == .never)
    }

    @Test("when the connection ends, every call fails once, and only what was sent may have been executed")
    func connectionClosed() throws {
        var machine = ClientStateMachine<String>(limits: .init())
        machine.connected()
        try machine.call("sent")
        machine.outboundFlushed()
        try machine.call("queued")
        let gone = try machine.call("gone")
        _ = machine.callCancelled(gone)
        let failed = machine.connectionClosed()
        #expect(failed.map(\.completion) == ["sent", "queued"])
        #expect(failed.map(\.possiblyExecuted) == [true, false])
        #expect(machine.connectionClosed().isEmpty)
        #expect(machine.callRequested() == .refuseNotAccepting)
        #expect(machine.nextDeadline == .never)
    }

    @Test("nothing sent before the handshake: nothing executed")
    func closedWhileConnecting() throws {
        var machine = ClientStateMachine<String>(limits: .init())
        try machine.call("a")
        #expect(machine.connectionClosed().map(\.possiblyExecuted) == [false])
    }

    @Test("a drain refuses new calls, lets the pending ones end, then closes")
    func drain() throws {
        var machine = ClientStateMachine<String>(limits: .init())
        machine.connected()
        let id = try machine.call("a")
        #expect(machine.drainStarted() == .none)
        #expect(machine.callRequested() == .refuseNotAccepting)
        guard case .complete("a", thenClose: true) = machine.answerReceived(id) else {
            Issue.record("must close after the last answer")
            return
        }
        var idle = ClientStateMachine<String>(limits: .init())
        idle.connected()
        #expect(idle.drainStarted() == .close)
    }

    @Test("a draining connection also closes when its last call gives up")
    func drainThenTimeout() throws {
        var machine = ClientStateMachine<String>(limits: .init())
        machine.connected()
        try machine.call("a", deadline: 5)
        #expect(machine.drainStarted() == .none)
        let outcome = machine.deadlineReached(now: 5)
        #expect(outcome.expired == ["a"])
        #expect(outcome.action == .close)
    }

    @Test("random sequences: every call ends exactly once, in agreement with a model")
    func randomSequences() throws {
        let seed = UInt64.random(in: .min ... .max)
        print("ClientStateMachine random sequences: seed \(seed)")
        var random = SeededRandom(seed: seed)
        for _ in 0..<200 {
            var machine = ClientStateMachine<Int>(
                limits: .init(maxPending: 20, maxTombstones: 10_000, deadlineSlack: 3),
                firstID: CallID(rawValue: UInt32.max - UInt32(random.next() % 64)))
            machine.connected()
            var pending: [(id: CallID, name: Int, deadline: Nanoseconds)] = []
            var owed: [CallID] = []
            var now: Nanoseconds = 0
            for step in 0..<500 {
                switch random.next() % 5 {
                case 0, 1:
                    guard case .admit(let id) = machine.callRequested() else {
                        #expect(pending.count == 20)
                        continue
                    }
                    #expect(id.rawValue != 0)
                    #expect(!pending.contains { $0.id == id } && !owed.contains(id), "seed \(seed)")
                    let deadline = now + random.next() % 40 + 1
                    _ = machine.callEncoded(id, deadline: deadline, completion: step)
                    pending.append((id, step, deadline))
                case 2 where !pending.isEmpty:
                    let call = pending.remove(at: Int(random.next() % UInt64(pending.count)))
                    guard case .complete(call.name, thenClose: false) = machine.answerReceived(call.id) else {
                        Issue.record("answer lost, seed \(seed)")
                        return
                    }
                case 3 where !pending.isEmpty:
                    let call = pending.remove(at: Int(random.next() % UInt64(pending.count)))
                    #expect(machine.callCancelled(call.id).completion == call.name, "seed \(seed)")
                    owed.append(call.id)
                case 4 where !owed.isEmpty && random.next() % 2 == 0:
                    let id = owed.remove(at: Int(random.next() % UInt64(owed.count)))
                    guard case .dropLate = machine.answerReceived(id) else {
                        Issue.record("late answer not dropped, seed \(seed)")
                        return
                    }
                default:
                    now += random.next() % 10
                    let due = machine.nextDeadline
                    let expired = Set(machine.deadlineReached(now: now).expired)
                    if now >= due {
                        let expected = pending.filter { $0.deadline <= now }
                        #expect(expired == Set(expected.map(\.name)), "seed \(seed)")
                        owed += expected.map(\.id)
                        pending.removeAll { $0.deadline <= now }
                    } else {
                        #expect(expired.isEmpty)
                    }
                    let earliest = pending.map(\.deadline).min() ?? .never
                    if earliest != .never { #expect(machine.nextDeadline <= Swift.max(earliest, now + 3)) }
                }
                #expect(machine.pendingCount == pending.count)
                #expect(machine.tombstoneCount == owed.count)
            }
            #expect(Set(machine.connectionClosed().map(\.completion)) == Set(pending.map(\.name)), "seed \(seed)")
        }
    }
}
