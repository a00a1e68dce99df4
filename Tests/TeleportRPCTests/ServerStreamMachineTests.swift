import TeleportWire
import Testing

@testable import TeleportRPC

/// Requests whose handlers are names.
extension ServerStreamMachine<String> {
    init(streams: Int = 1000, held: Int = 1 << 20, credit: Int = 262_144, tokens: Int = 1000) {
        var settings = SettingsV1()
        settings.maxStreams = streams
        settings.streamCredit = credit
        self.init(limits: StreamLimits(maxHeldBytes: held, abuseTokens: tokens), settings: settings)
    }

    @discardableResult
    mutating func dispatched(
        _ id: CallID, _ name: String? = nil, flags: FrameFlags = .end, bytes: Int = 10, deadline: Nanoseconds = .never
    ) throws -> StreamToken {
        let action = try self.requestReceived(id, flags: flags, bytes: bytes, deadline: deadline)
        guard case .dispatch(let token) = action else { throw ModelFailure(description: "\(id) came to \(action)") }
        if let name { _ = self.handlerStarted(token, handle: name) }
        return token
    }

    func isFinished(owing count: Int) -> Bool { self.inFlightCount == count && self.isFinished == (count == 0) }
}

@Suite("Server stream machine")
struct ServerStreamMachineTests {
    typealias Machine = ServerStreamMachine<String>

    // MARK: Places

    @Test("a limit of N admits exactly N; more are REFUSED (V1-43)", arguments: [0, 1, 2, 1000])
    func places(count: Int) throws {
        var machine = Machine(streams: count)
        var last: StreamToken?
        for id in 0..<count { last = try machine.dispatched(CallID(rawValue: UInt32(id + 1))) }
        var action = try machine.requestReceived(5000, flags: .end, bytes: 1)
        #expect(action == .refuse(.refused))
        #expect(machine.lastStream == 5000, "a drain has to count it as taken: it was answered")
        guard let last else { return }
        // A place is free with the terminal frame, not with CANCEL: opening and cancelling gains nothing.
        _ = try machine.cancelReceived(last.id, now: 0)
        action = try machine.requestReceived(5001, flags: .end, bytes: 1)
        #expect(action == .refuse(.refused))
        #expect(machine.requestAnswered(last) == .cancel(last.id, .cancelled))
        try machine.dispatched(5002)
    }

    @Test("heads and bodies are held up to the limit, and OVERLOADED beyond; an answer frees them (V1-43)")
    func held() throws {
        var machine = Machine(held: 100)
        let first = try machine.dispatched(1, bytes: 60)
        var action = try machine.requestReceived(2, flags: .end, bytes: 41)
        #expect(action == .refuse(.overloaded))
        let second = try machine.dispatched(3, bytes: 40)
        action = try machine.requestReceived(4, flags: .end, bytes: 1)
        #expect(action == .refuse(.overloaded) && machine.held == 100)
        // A streamed answer holds them until its end.
        _ = machine.answerBegun(first, now: 0)
        #expect(machine.held == 100)
        #expect(machine.dataEncoded(1, count: 0, ends: true) == false)
        #expect(machine.held == 40)
        _ = machine.requestAnswered(second)
        #expect(machine.held == 0)
    }

    @Test("requests over the limit with a body are remembered until they end, and not without a limit")
    func refusedBodies() throws {
        var machine = Machine(streams: 0)
        for id in 1...1000 as ClosedRange<UInt32> {
            let action = try machine.requestReceived(CallID(rawValue: id), flags: [], bytes: 1)
            #expect(action == .refuse(.refused))
        }
        #expect(machine.liveCount == 1000 && !machine.hasBodies)
        var other = machine
        #expect(
            outcome { () throws(WireError) in
                _ = try other.requestReceived(1001, flags: [], bytes: 1); return ""
            } == "!ABUSE")
        _ = try machine.cancelReceived(7, now: 0)
        let dropped = try machine.dataReceived(8, count: 100, ends: true, isSensitive: false, now: 0)
        #expect(dropped == .drop(CreditGrant()))
        #expect(machine.liveCount == 998)
        _ = try machine.requestReceived(1001, flags: [], bytes: 1)
        _ = try machine.requestReceived(1002, flags: .end, bytes: 1)
        #expect(machine.liveCount == 999)
    }

    // MARK: Ids

    @Test("ids rise by less than 2^31, across the wrap (V1-30)")
    func ids() throws {
        for (last, next, isTaken) in [
            (1, 2, true), (1, 1, false), (5, 4, false), (1, 1 + 0x7FFF_FFFF, true), (1, 1 + 0x8000_0000, false),
            (.max, 1, true), (.max - 1, 0x7FFF_FFFD, true), (.max - 1, 0x7FFF_FFFE, false), (1, .max, false),
        ] as [(UInt32, UInt32, Bool)] {
            var machine = Machine()
            let token = try machine.dispatched(CallID(rawValue: last))
            _ = machine.requestAnswered(token)
            let result = outcome { () throws(WireError) in
                _ = try machine.requestReceived(CallID(rawValue: next), flags: .end, bytes: 1)
                return "taken"
            }
            #expect(result == (isTaken ? "taken" : "!STREAM"), "\(next) behind \(last)")
        }
    }

    @Test("an id that is live is not taken again, however long it lives")
    func liveID() throws {
        var machine = Machine()
        try machine.dispatched(7)
        try machine.dispatched(0x7000_0000)
        try machine.dispatched(0xE000_0000)
        #expect(throws: WireError.self) { try machine.requestReceived(7, flags: .end, bytes: 1) }
    }

    @Test("a token is not good for a later stream with the same id")
    func staleToken() throws {
        var machine = Machine()
        let stale = try machine.dispatched(7)
        _ = machine.requestAnswered(stale)
        machine.lastOpened = 6
        let fresh = try machine.dispatched(7)
        #expect(machine.requestAnswered(stale) == .ignore && machine.answerBegun(stale, now: 0) == .ignore)
        #expect(machine.mayInform(stale) == nil)
        #expect(machine.requestAnswered(fresh) == .answer(7, isSensitive: false, stopsRequest: false))
    }

    // MARK: Secrets

    @Test("SECRETS come before their requests, in any order, once each (V1-31, V1-65)")
    func secrets() throws {
        var machine = Machine()
        for id in [3, 1, 2] as [CallID] {
            let isWanted = try machine.secretsReceived(id, bytes: 5, isSensitive: true)
            #expect(isWanted)
        }
        #expect(throws: WireError.self) { try machine.secretsReceived(2, bytes: 5, isSensitive: true) }
        #expect(machine.held == 15)
        let token = try machine.dispatched(1, bytes: 10)
        #expect(machine.held == 25)
        _ = machine.requestAnswered(token)
        #expect(machine.held == 10)
        #expect(throws: WireError.self) { try machine.secretsReceived(1, bytes: 5, isSensitive: true) }
    }

    @Test("SECRETS that there is no room for cost their request, not the connection (V1-43)")
    func secretsOverLimit() throws {
        var machine = Machine(held: 100)
        let first = try machine.dispatched(1, bytes: 90)
        var isWanted = try machine.secretsReceived(2, bytes: 11, isSensitive: true)
        #expect(!isWanted)
        #expect(throws: WireError.self) { try machine.secretsReceived(2, bytes: 1, isSensitive: true) }
        isWanted = try machine.secretsReceived(3, bytes: 10, isSensitive: true)
        #expect(isWanted)
        _ = machine.requestAnswered(first)
        let action = try machine.requestReceived(2, flags: .end, bytes: 1)
        #expect(action == .refuse(.overloaded))
        try machine.dispatched(3, bytes: 90)
        #expect(machine.held == 100 && machine.earlySecrets.isEmpty)
    }

    @Test("as many SECRETS as there may be streams, or as a client assumes that there may be, and no more")
    func secretsCount() throws {
        for (streams, most) in [(10, 1000), (1500, 1500)] {
            var machine = Machine(streams: streams)
            for id in 1...most {
                _ = try machine.secretsReceived(CallID(rawValue: UInt32(id)), bytes: 1, isSensitive: true)
            }
            let next = CallID(rawValue: UInt32(most + 1))
            #expect(throws: WireError.self) { try machine.secretsReceived(next, bytes: 1, isSensitive: true) }
        }
    }

    @Test("SECRETS of requests that were refused, or that a drain leaves out, are held no longer")
    func secretsReleased() throws {
        var machine = Machine(streams: 0)
        _ = try machine.secretsReceived(1, bytes: 5, isSensitive: true)
        _ = try machine.requestReceived(1, flags: .end, bytes: 5)
        #expect(machine.held == 0)
        _ = try machine.secretsReceived(2, bytes: 5, isSensitive: true)
        _ = machine.lastStreamReached()
        #expect(machine.held == 0 && machine.earlySecrets.isEmpty)
        let action = try machine.requestReceived(2, flags: .end, bytes: 5)
        #expect(action == .drop && machine.held == 0)
    }

    // MARK: Bodies

    @Test("a request whose body came leaves nothing behind when it is answered whole")
    func bodyThenWhole() throws {
        var machine = Machine()
        let token = try machine.dispatched(1, flags: [])
        _ = try machine.dataReceived(1, count: 100, ends: true, isSensitive: false, now: 0)
        #expect(machine.requestAnswered(token) == .answer(1, isSensitive: false, stopsRequest: false))
        #expect(!machine.hasBodies && machine.liveCount == 0)
    }

    @Test("a handler that has read the whole request may take its time to answer (V1-42)")
    func notSlow() throws {
        var machine = Machine(credit: 1000)
        try machine.dispatched(1, flags: [])
        try machine.dispatched(2, flags: [])
        for id in [1, 2] as [CallID] {
            _ = try machine.dataReceived(id, count: 1000, ends: true, isSensitive: false, now: 10)
        }
        #expect(machine.dataConsumed(1, count: 1000, now: 20).stream == nil)
        #expect(machine.slowStreams(limit: 50, now: 1000) == [2])
        // One that was cancelled is not slow either: nobody is to read it.
        _ = try machine.cancelReceived(2, now: 30)
        #expect(machine.slowStreams(limit: 50, now: 1000).isEmpty)
    }

    @Test("a client that does not know the SETTINGS yet may send as much DATA as it assumes (V1-25)")
    func earlyData() throws {
        var machine = Machine(credit: 1000)
        try machine.dispatched(1, flags: [])
        let action = try machine.dataReceived(1, count: 262_144, ends: false, isSensitive: false, now: 0)
        #expect(action == .deliver(ends: false))
        #expect(
            outcome { () throws(WireError) in
                _ = try machine.dataReceived(1, count: 1, ends: false, isSensitive: false, now: 0)
                return ""
            } == "!CREDIT")
    }

    @Test("the end of an answer that is over already ends nothing again")
    func doubleEnd() throws {
        var machine = Machine()
        let token = try machine.dispatched(1, flags: [])
        _ = machine.answerBegun(token, now: 0)
        #expect(machine.answerBrokenOff(1) == true)
        #expect(machine.dataEncoded(1, count: 5, ends: true) == false && machine.answerBrokenOff(1) == false)
        if case .none = machine.requestBrokenOff(1, code: .malformed) {} else { Issue.record("broken off again") }
        #expect(machine.inFlightCount == 0 && machine.held == 0)
        let fresh = try machine.dispatched(2, flags: [])
        #expect(machine.dataEncoded(2, count: 0, ends: true) == false, "an answer that has not begun")
        #expect(machine.inFlightCount == 1)
        #expect(machine.requestAnswered(fresh) == .answer(2, isSensitive: false, stopsRequest: true))
    }

    @Test("a one-way request on a sensitive stream is acknowledged by a sensitive frame (V1-23)")
    func sensitiveOneWay() throws {
        var machine = Machine()
        let secret = try machine.dispatched(1, flags: [.end, .noReply, .sensitive])
        let plain = try machine.dispatched(2, flags: [.end, .noReply])
        #expect(machine.requestAnswered(secret) == .acknowledge(1, isSensitive: true))
        #expect(machine.answerBegun(plain, now: 0) == .acknowledge(2, isSensitive: false))
    }

    // MARK: Handlers

    @Test("a handler is stopped once: when CANCEL comes, when it starts too late, when the connection is gone")
    func stopping() throws {
        var machine = Machine()
        let tokens = try (1...4).map { try machine.dispatched(CallID(rawValue: $0)) }
        #expect(machine.handlerStarted(tokens[0], handle: "1") == true)
        guard case .stop("1") = try machine.cancelReceived(1, now: 0) else {
            Issue.record("not stopped")
            return
        }
        guard case .none = try machine.cancelReceived(1, now: 0) else {
            Issue.record("stopped twice")
            return
        }
        guard case .stop(nil) = try machine.cancelReceived(2, now: 0) else {
            Issue.record("nobody is there to be stopped")
            return
        }
        #expect(machine.handlerStarted(tokens[1], handle: "2") == false)
        #expect(machine.handlerStarted(tokens[2], handle: "3") == true)
        let handles = machine.connectionClosed()
        #expect(handles == ["3"])
        #expect(machine.handlerStarted(tokens[3], handle: "4") == false)
        for token in tokens { #expect(machine.requestAnswered(token) == .ignore) }
        #expect(machine.connectionClosed().isEmpty)
        let action = try machine.requestReceived(9, flags: .end, bytes: 1)
        #expect(action == .drop)
    }

    @Test("a deadline stops a handler that has not given its head, and its answer is CANCEL(DEADLINE) (V1-38)")
    func deadlines() throws {
        var machine = Machine()
        let tokens = try (1...4).map {
            try machine.dispatched(CallID(rawValue: $0), "\($0)", deadline: $0 == 4 ? 5000 : 1000)
        }
        let waiting = try machine.dispatched(5, deadline: 1000)
        let oneWay = try machine.dispatched(6, "6", flags: [.end, .noReply], deadline: 1000)
        _ = machine.answerBegun(tokens[0], now: 0)
        _ = machine.requestAnswered(tokens[1])
        #expect(machine.nextDeadline == 1000)
        #expect(machine.deadlineReached(now: 999).isEmpty)
        #expect(machine.deadlineReached(now: 1000).sorted() == ["3", "6"])
        #expect(machine.nextDeadline <= 5000 + .milliseconds(2) && machine.nextDeadline >= 5000)
        #expect(machine.handlerStarted(waiting, handle: "5") == false)
        // CANCEL crossed: the reason stays.
        _ = try machine.cancelReceived(3, now: 0)
        #expect(machine.requestAnswered(tokens[2]) == .cancel(3, .deadline))
        #expect(machine.answerBegun(waiting, now: 0) == .cancel(5, .deadline))
        #expect(machine.requestAnswered(oneWay) == .cancel(6, .deadline))
        #expect(machine.requestAnswered(tokens[3]) == .answer(4, isSensitive: false, stopsRequest: false))
        _ = machine.deadlineReached(now: .seconds(1))
        #expect(machine.nextDeadline == .never)
    }

    @Test("deadlines at the end of time trap nobody")
    func hugeTimes() throws {
        var machine = Machine()
        try machine.dispatched(1, "1", deadline: .max - 5)
        try machine.dispatched(2, "2", deadline: .max - 1)
        #expect(machine.deadlineReached(now: .max - 5) == ["1"])
        #expect(machine.nextDeadline == .max)
    }

    // MARK: The end

    @Test("a drain in two steps: what comes before the PONG is taken, what lies behind it is not (V1-51)")
    func drain() throws {
        var machine = Machine()
        let first = try machine.dispatched(1)
        #expect(machine.drainStarted() == true)
        #expect(machine.drainStarted() == false && !machine.isFinished)
        let second = try machine.dispatched(2)
        #expect(machine.lastStreamReached() == 2)
        #expect(machine.lastStreamReached() == nil)
        let action = try machine.requestReceived(3, flags: [], bytes: 10)
        #expect(action == .drop && machine.lastStream == 2)
        let body = try machine.dataReceived(3, count: 3_000_000, ends: true, isSensitive: true, now: 0)
        #expect(body == .drop(CreditGrant(connection: 3_000_000)))
        #expect(machine.isFinished(owing: 2))
        _ = machine.requestAnswered(first)
        _ = machine.answerBegun(second, now: 0)
        #expect(machine.isFinished(owing: 1))
        #expect(machine.dataEncoded(2, count: 10, ends: true) == false)
        #expect(machine.isFinished(owing: 0))
    }

    @Test("a connection that had no stream drains to 0, and is finished")
    func emptyDrain() {
        var machine = Machine()
        #expect(machine.lastStreamReached() == 0)
        #expect(machine.isFinished && machine.drainStarted() == false)
    }

    @Test("a stream that goes on after its answer keeps no drain waiting")
    func drainWithUpload() throws {
        var machine = Machine()
        let token = try machine.dispatched(1, flags: [])
        _ = machine.lastStreamReached()
        #expect(machine.requestAnswered(token) == .answer(1, isSensitive: false, stopsRequest: true))
        #expect(machine.isFinished && machine.liveCount == 1)
        let rest = try machine.dataReceived(1, count: 10, ends: true, isSensitive: false, now: 0)
        #expect(rest == .drop(CreditGrant()))
        #expect(machine.liveCount == 0 && !machine.hasBodies)
    }

    @Test("nothing is kept when the connection is gone")
    func connectionClosed() throws {
        var machine = Machine()
        let token = try machine.dispatched(1, "1", flags: [], deadline: 5)
        try machine.dispatched(2, "2")
        _ = try machine.secretsReceived(9, bytes: 5, isSensitive: true)
        _ = machine.answerBegun(token, now: 0)
        #expect(machine.connectionClosed().sorted() == ["1", "2"])
        #expect(machine.liveCount == 0 && machine.inFlightCount == 0 && machine.held == 0 && !machine.hasBodies)
        #expect(machine.earlySecrets.isEmpty && machine.table.places.isEmpty && machine.nextDeadline == .never)
        #expect(machine.dataEncoded(1, count: 5, ends: true) == false && machine.allowance(1) == 0)
        #expect(machine.deadlineReached(now: .max).isEmpty && !machine.isFinished)
        _ = machine.dataConsumed(1, count: 0, now: 0)
    }

    // MARK: Abuse

    @Test("CANCEL, PING, small credit and empty DATA are paid for; SETTINGS come once, and first (V1-77, V1-25)")
    func tokens() throws {
        var machine = Machine(tokens: 4)
        #expect(throws: WireError.self) { try machine.checkSettled() }
        try machine.settingsReceived(SettingsV1())
        try machine.checkSettled()
        #expect(throws: WireError.self) { try machine.settingsReceived(SettingsV1()) }
        try machine.dispatched(1, flags: [])
        for _ in 0..<10 {
            _ = try machine.dataReceived(1, count: 1, ends: false, isSensitive: false, now: 0)
            try machine.creditReceived(1, bytes: 1024, now: 0)
        }
        _ = try machine.dataReceived(1, count: 0, ends: false, isSensitive: false, now: 0)
        try machine.creditReceived(nil, bytes: 1023, now: 0)
        try machine.cheapFrameReceived(now: 0)
        // CANCEL frees no place, and is free on a stream that is live; its answer pays for a frame.
        let token = try machine.dispatched(2)
        _ = try machine.cancelReceived(2, now: 0)
        _ = try machine.cancelReceived(2, now: 0)
        _ = machine.requestAnswered(token)
        try machine.cheapFrameReceived(now: 0)
        _ = try machine.cancelReceived(2, now: 0)
        let result = outcome { () throws(WireError) in
            _ = try machine.cancelReceived(2, now: 0)
            return ""
        }
        #expect(result == "!ABUSE")
    }

    @Test("each stream that ends pays for a frame, however it ends (V1-77)", arguments: 0..<5)
    func endsPay(kind: Int) throws {
        var machine = Machine(tokens: 1)
        let token = try machine.dispatched(1, flags: [])
        try machine.cheapFrameReceived(now: 0)
        #expect(throws: WireError.self) { try machine.cheapFrameReceived(now: 0) }
        if kind == 1 || kind == 2 { _ = machine.answerBegun(token, now: 0) }
        switch kind {
        case 0: _ = machine.requestAnswered(token)
        case 1: _ = machine.dataEncoded(1, count: 0, ends: true)
        case 2: _ = machine.answerBrokenOff(1)
        case 3:
            _ = machine.requestBrokenOff(1, code: .malformed)
            #expect(throws: WireError.self) { try machine.cheapFrameReceived(now: 0) }
            #expect(machine.requestAnswered(token) == .cancel(1, .malformed))
        default:
            _ = machine.answerBegun(token, now: 0)
            _ = machine.requestBrokenOff(1, code: .malformed)
        }
        try machine.cheapFrameReceived(now: 0)
        #expect(throws: WireError.self) { try machine.cheapFrameReceived(now: 0) }
    }
}
