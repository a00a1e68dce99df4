import TeleportWire
import Testing

@testable import TeleportRPC

/// Rule V1-70: the halves of a tunnel end each for itself.
@Suite("Server stream machine: tunnels")
struct ServerTunnelTests {
    typealias Machine = ServerStreamMachine<String>

    private func opened(_ machine: inout Machine) throws -> StreamToken {
        let token = try machine.dispatched(1, "handler", flags: .tunnel)
        #expect(machine.asksForTunnel(token))
        let action = machine.answerBegun(token, now: 0, grantsTunnel: true)
        #expect(action == .answer(1, isSensitive: false, stopsRequest: false))
        #expect(!machine.asksForTunnel(token), "it has its answer")
        return token
    }

    @Test("the server's end stops nobody, and the client's bytes are still taken, and paid for")
    func serverFirst() throws {
        var machine = Machine(streams: 1)
        _ = try self.opened(&machine)
        let stops = machine.dataEncoded(1, count: 0, ends: true)
        #expect(!stops, "no CANCEL(NO_ERROR)")
        #expect(machine.inFlightCount == 0 && machine.liveCount == 1)
        var action = try machine.dataReceived(1, count: 200_000, ends: false, isSensitive: false, now: 0)
        #expect(action == .deliver(ends: false))
        let grant = machine.dataConsumed(1, count: 200_000, now: 0)
        #expect(grant.stream != nil)
        // It takes a place, and a drain waits for it.
        let other = try machine.requestReceived(2, flags: .end, bytes: 1)
        #expect(other == .refuse(.refused))
        _ = machine.drainStarted()
        _ = machine.lastStreamReached()
        #expect(!machine.isFinished)
        action = try machine.dataReceived(1, count: 0, ends: true, isSensitive: false, now: 0)
        #expect(action == .deliver(ends: true))
        #expect(machine.isFinished && machine.liveCount == 0)
    }

    @Test("the client's end leaves the answer as it is")
    func clientFirst() throws {
        var machine = Machine()
        _ = try self.opened(&machine)
        let action = try machine.dataReceived(1, count: 0, ends: true, isSensitive: false, now: 0)
        #expect(action == .deliver(ends: true))
        #expect(machine.isAnswering(1) && machine.liveCount == 1)
        let stops = machine.dataEncoded(1, count: 5, ends: true)
        #expect(!stops)
        #expect(machine.liveCount == 0)
    }

    @Test("CANCEL ends both halves; behind the server's end it needs no second terminal frame")
    func cancel() throws {
        var machine = Machine()
        _ = try self.opened(&machine)
        guard case .breakOff = try machine.cancelReceived(1, now: 0) else {
            Issue.record("The answer goes on.")
            return
        }
        #expect(machine.liveCount == 0)
        machine = Machine()
        _ = try self.opened(&machine)
        _ = machine.dataEncoded(1, count: 0, ends: true)
        guard case .none = try machine.cancelReceived(1, now: 0) else {
            Issue.record("A second terminal frame.")
            return
        }
        #expect(machine.liveCount == 0 && machine.halfClosed == 0)
    }

    @Test("a client's half that nobody takes is stopped with CANCEL(NO_ERROR), once")
    func unwanted() throws {
        var machine = Machine()
        _ = try self.opened(&machine)
        let tooEarly = machine.tunnelUnwanted(1)
        #expect(!tooEarly, "the answer goes on, and its end tells")
        _ = machine.dataEncoded(1, count: 0, ends: true)
        let (first, second) = (machine.tunnelUnwanted(1), machine.tunnelUnwanted(1))
        #expect(first && !second)
        guard case .drop = try machine.dataReceived(1, count: 10, ends: true, isSensitive: false, now: 0) else {
            Issue.record("It was delivered.")
            return
        }
        #expect(machine.liveCount == 0 && machine.halfClosed == 0)
    }

    @Test("an answer that breaks off ends both halves; one that grants nothing stops the request as any other")
    func others() throws {
        var machine = Machine()
        _ = try self.opened(&machine)
        let wasOwed = machine.answerBrokenOff(1)
        #expect(wasOwed)
        guard case .drop = try machine.dataReceived(1, count: 10, ends: true, isSensitive: false, now: 0) else {
            Issue.record("It was delivered.")
            return
        }
        #expect(machine.liveCount == 0 && machine.halfClosed == 0)
        let plain = try machine.dispatched(2, flags: .tunnel)
        _ = machine.answerBegun(plain, now: 0)
        let stops = machine.dataEncoded(2, count: 0, ends: true)
        #expect(stops, "CANCEL(NO_ERROR)")
        let whole = try machine.dispatched(3, flags: .tunnel)
        let action = machine.requestAnswered(whole)
        #expect(action == .answer(3, isSensitive: false, stopsRequest: true))
        let ordinary = try machine.dispatched(4)
        #expect(!machine.asksForTunnel(ordinary))
    }
}
