import TeleportRPC
import TeleportWire
import Testing

@Suite("Server state machine")
struct ServerStateMachineTests {
    func dispatched<Handle>(_ machine: inout ServerStateMachine<Handle>, _ id: UInt32) throws -> RequestToken {
        guard case .dispatch(let token) = machine.requestReceived(CallID(rawValue: id)) else {
            Issue.record("not dispatched: \(id)")
            throw RPCError(.tooManyPending, "refused")
        }
        return token
    }

    @Test("requests are answered in any order, each once")
    func answers() throws {
        var machine = ServerStateMachine<Never>(limits: .init())
        let first = try self.dispatched(&machine, 1)
        let second = try self.dispatched(&machine, 2)
        #expect(machine.inFlightCount == 2)
        #expect(
            machine.requestAnswered(second) == .answer(CallID(rawValue: 2), resumeReading: false, finish: false))
        #expect(machine.requestAnswered(second) == .ignore)
        #expect(machine.requestAnswered(first) == .answer(CallID(rawValue: 1), resumeReading: false, finish: false))
        #expect(machine.inFlightCount == 0)
    }

    @Test("a token is not good for the next request in the same place")
    func staleToken() throws {
        var machine = ServerStateMachine<Never>(limits: .init())
        let stale = try self.dispatched(&machine, 1)
        _ = machine.requestAnswered(stale)
        let fresh = try self.dispatched(&machine, 1)
        #expect(machine.requestAnswered(stale) == .ignore)
        #expect(machine.requestAnswered(fresh) != .ignore)
    }

    @Test("a limit of N admits exactly N; one-way requests over it are dropped")
    func limit() throws {
        var machine = ServerStateMachine<Never>(limits: .init(maxConcurrent: 2))
        let first = try self.dispatched(&machine, 1)
        _ = try self.dispatched(&machine, 0)
        #expect(machine.requestReceived(CallID(rawValue: 3)) == .refuseTooManyConcurrent)
        #expect(machine.requestReceived(.oneWay) == .drop)
        _ = machine.requestAnswered(first)
        _ = try self.dispatched(&machine, 4)
    }

    @Test("one-way requests take a place and are not answered")
    func oneWay() throws {
        var machine = ServerStateMachine<Never>(limits: .init())
        let token = try self.dispatched(&machine, 0)
        #expect(machine.inFlightCount == 1)
        #expect(machine.requestAnswered(token) == .answer(nil, resumeReading: false, finish: false))
    }

    @Test("serial mode reads the next request after the answer to the one before")
    func serial() throws {
        var machine = ServerStateMachine<Never>(limits: .init(serial: true))
        #expect(machine.mayRead)
        let token = try self.dispatched(&machine, 1)
        #expect(!machine.mayRead)
        #expect(machine.requestAnswered(token) == .answer(CallID(rawValue: 1), resumeReading: true, finish: false))
        #expect(machine.mayRead)
    }

    @Test("a drain reads nothing more, answers what was read, then finishes")
    func drain() throws {
        var machine = ServerStateMachine<Never>(limits: .init())
        let first = try self.dispatched(&machine, 1)
        let second = try self.dispatched(&machine, 2)
        #expect(machine.drainStarted() == false)
        #expect(!machine.mayRead)
        #expect(machine.requestReceived(CallID(rawValue: 3)) == .drop)
        #expect(machine.requestAnswered(first) == .answer(CallID(rawValue: 1), resumeReading: false, finish: false))
        #expect(machine.requestAnswered(second) == .answer(CallID(rawValue: 2), resumeReading: false, finish: true))
        #expect(machine.isFinished)
    }

    @Test("an idle connection finishes at once, by a drain or by the end of its input")
    func idle() {
        var drained = ServerStateMachine<Never>(limits: .init())
        #expect(drained.drainStarted() == true)
        var halfClosed = ServerStateMachine<Never>(limits: .init())
        #expect(halfClosed.inputClosed() == true)
    }

    @Test("when the connection is gone, handlers still at work are stopped and their answers ignored")
    func connectionClosed() throws {
        var machine = ServerStateMachine<String>(limits: .init())
        let first = try self.dispatched(&machine, 1)
        let second = try self.dispatched(&machine, 2)
        let third = try self.dispatched(&machine, 3)
        machine.handlerStarted(first, handle: "first")
        machine.handlerStarted(second, handle: "second")
        _ = machine.requestAnswered(second)
        machine.handlerStarted(second, handle: "too late")
        #expect(machine.connectionClosed() == ["first"])
        #expect(machine.requestAnswered(first) == .ignore)
        #expect(machine.requestAnswered(third) == .ignore)
        #expect(machine.connectionClosed().isEmpty)
    }
}
