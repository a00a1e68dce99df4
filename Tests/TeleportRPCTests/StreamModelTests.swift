import TeleportTestKit
import TeleportWire
import TestTraits
import Testing

@testable import TeleportRPC

@Suite("Client and server streams together", .computing)
struct StreamModelTests {
    static let operations = 200

    /// Runs one sequence. Says in which it failed, if it did.
    func run(_ seed: UInt64) -> (failure: String?, counts: [String: Int]) {
        let model = StreamModel(seed: seed, operations: Self.operations)
        do {
            try model.run(operations: Self.operations)
            return (nil, model.counts)
        } catch {
            return ("seed \(seed) (\(model.ending)): \(error)", model.counts)
        }
    }

    @Test("whatever happens, every rule and every invariant is kept", arguments: 0..<8)
    func sequences(part: UInt64) {
        var counts: [String: Int] = [:]
        for index in 0..<250 as Range<UInt64> {
            let (failure, seen) = self.run(part * 1000 + index)
            counts.merge(seen, uniquingKeysWith: +)
            guard let failure else { continue }
            Issue.record("\(failure)")
            return
        }
        // What never happens is not tested.
        for kind in [
            "answered", "acknowledged", "cancelled", "expired", "notTaken", "notMade", "lost(possiblyExecuted: true)",
            "lost(possiblyExecuted: false)", "failed(REFUSED)", "failed(OVERLOADED)", "failed(INTERNAL)",
            "failed(DEADLINE)", "failed(MALFORMED)", "drain", "abruptDrain", "clientDrain", "loss",
            "answers broken off", "requests broken off",
        ] {
            #expect(counts[kind, default: 0] > 0, "\(kind): \(counts)")
        }
    }

    @Test("and with seeds that nobody has seen")
    func newSequences() {
        var random = SeededRandom()
        for _ in 0..<200 {
            guard let failure = self.run(random.next()).failure else { continue }
            Issue.record("\(failure)")
            return
        }
    }
}
