import NIOCore
import NIOEmbedded
import TeleportRPC
import TeleportTestKit
import TeleportTransport
import TeleportWire
import TestTraits
import Testing

@testable import TeleportEndpoint

@Suite("Random operations on a v1 connection", .computing, .timeLimit(.minutes(10)))
struct FramedModelTests {
    static let seeds = 40

    /// Other seeds each time; those of a failure are printed with it.
    private static func seed(_ index: Int) -> UInt64 { UInt64.random(in: .min ... .max) }

    @Test(
        "every call ends once, every body arrives whole or fails, and nothing is left, credit included",
        arguments: 0..<seeds)
    func comesToRest(index: Int) throws {
        try Self.run(Self.seed(index))
    }

    static func run(_ seed: UInt64) throws {
        let model = try FramedModel(seed: seed)
        for _ in 0..<400 { try model.step() }
        try model.settle()
        model.check()
        let pair = model.pair
        #expect(pair.client.closed == 0, "seed \(seed)")
        #expect(pair.client.leftovers == [], "seed \(seed)")
        try model.forget()
        #expect(pair.clientWatch.living == 0, "seed \(seed)")
        #expect(pair.serverWatch.living == 0, "seed \(seed)")
        // All credit is there: a body larger than all of it passes.
        let (up, down) = (FramedModel.Source(seed: 1), FramedModel.Source(seed: 2))
        try pair.client.call("last", PieceMessage("last", pipe: up.pipe), timeout: .hours(1))
        try model.carry()
        let served = try #require(model.served.first, "seed \(seed)")
        served.responder.respond(PieceMessage("last", pipe: down.pipe))
        try model.carry()
        let received = try #require(served.taker)
        let taker = Taker(try #require(try pair.client.outcomes.only("last")?.get().pipe), takes: false)
        let size = 5 << 20
        var rounds = 0
        while up.given < size || down.given < size, rounds < 20_000 {
            if up.given < size { up.give(50_000) }
            if down.given < size { down.give(50_000) }
            try model.carry()
            received.take()
            taker.take()
            rounds += 1
        }
        up.finish()
        for _ in 0..<200 where !received.isComplete {
            try model.carry()
            received.take()
            taker.take()
        }
        down.finish()
        for _ in 0..<200 where !taker.isComplete {
            try model.carry()
            taker.take()
        }
        #expect(received.isComplete && received.count >= size, "seed \(seed): \(received.count)")
        #expect(taker.isComplete && taker.count >= size, "seed \(seed): \(taker.count)")
    }

    @Test(
        "a connection that is cut anywhere ends every call once, and says which requests cannot have been executed",
        arguments: 0..<seeds)
    func cut(index: Int) throws {
        let seed = Self.seed(index)
        let model = try FramedModel(seed: seed)
        let steps = Int.random(in: 1...400, using: &model.random)
        for _ in 0..<steps { try model.step() }
        try model.collect()
        let pair = model.pair
        let before = Set(model.calls.map(\.name).filter { !pair.client.outcomes[$0].isEmpty })
        let wasOpen = !pair.client.established.isEmpty
        try pair.client.channel.close().wait()
        try pair.server.channel.close().wait()
        pair.loop.run()
        for call in model.calls {
            let outcome = try #require(pair.client.outcomes.only(call.name), "seed \(seed)")
            guard !before.contains(call.name), case .failure(let error) = outcome else { continue }
            #expect(error.code == (wasOpen ? .connectionClosed : .handshakeFailed), "seed \(seed): \(error)")
            #expect(error.possiblyExecuted == model.sent.contains(call.name), "seed \(seed): \(call.name)")
        }
        for call in model.calls {
            call.taker?.take()
            if let taker = call.taker {
                #expect(taker.isComplete || taker.error != nil || taker.pipe.isCancelled, "seed \(seed)")
            }
            #expect(call.source?.isOver ?? true || !model.sent.contains(call.name), "seed \(seed)")
        }
        for served in model.served {
            served.taker?.take()
            if let taker = served.taker {
                #expect(taker.isComplete || taker.error != nil || taker.pipe.isCancelled, "seed \(seed)")
            }
        }
        #expect(pair.client.closed == 1)
        #expect(pair.server.server.connectionCount == 0)
    }
}
