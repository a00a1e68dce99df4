import TeleportFuzzing
import TeleportTestKit
import TestTraits
import Testing

/// Random operations on the machines that have the most states, without libFuzzer.
///
/// A property that does not hold traps: the seed is told before, and each round has one of its own.
@Suite(.computing) struct RandomStreamTests {
    @Test("random operations keep the properties", arguments: ["FuzzServerStreams", "FuzzClientStreams"])
    func play(name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        var random = SeededRandom()
        print("\(name): \(random)")
        for _ in 0..<30_000 {
            let input = (0..<Int.random(in: 1...600, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            input.withUnsafeBytes { target.check($0) }
        }
    }
}
