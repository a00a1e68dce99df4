import TeleportTestKit
import TeleportWire
import TestTraits
import Testing

@testable import TeleportRPC

@Suite("Streams against peers that keep no rule", .computing)
struct HostileStreamTests {
    static let operations = 300

    @Test(
        "whatever a server sends, calls end once, memory is bounded, and nothing traps",
        arguments: [0, 1000, 2000, nil] as [UInt64?])
    func server(first: UInt64?) {
        var random = SeededRandom()
        var violations: Set<ErrorCode> = []
        for index in 0..<300 as Range<UInt64> {
            let seed = first.map { $0 + index } ?? random.next()
            let model = HostileServerModel(seed: seed)
            do {
                try model.run(operations: Self.operations)
            } catch {
                Issue.record("seed \(seed): \(error)")
                return
            }
            if let violation = model.violation { violations.insert(violation) }
        }
        // What never happens is not tested.
        let all: Set<ErrorCode> = [.stream, .credit, .secret, .settings, .abuse, .frame]
        if first != nil { #expect(violations == all) }
    }

    @Test(
        "whatever a client sends, each request is answered once, memory is bounded, and nothing traps",
        arguments: [0, 1000, 2000, nil] as [UInt64?])
    func client(first: UInt64?) {
        var random = SeededRandom()
        var violations: Set<ErrorCode> = []
        for index in 0..<300 as Range<UInt64> {
            let seed = first.map { $0 + index } ?? random.next()
            let model = HostileClientModel(seed: seed)
            do {
                try model.run(operations: Self.operations)
            } catch {
                Issue.record("seed \(seed): \(error)")
                return
            }
            if let violation = model.violation { violations.insert(violation) }
        }
        // What never happens is not tested.
        let all: Set<ErrorCode> = [.stream, .credit, .secret, .settings, .abuse, .frame]
        if first != nil { #expect(violations == all) }
    }
}
