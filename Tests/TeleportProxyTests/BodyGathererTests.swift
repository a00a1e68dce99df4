import NIOCore
import NIOEmbedded
import Synchronization
import Teleport
import Testing

@testable import TeleportProxy

@Suite("Bodies that are taken out of their pipes")
struct BodyGathererTests {
    /// A gatherer and the pipe it takes from.
    private final class Bench {
        let loop = EmbeddedEventLoop()
        let pipe = BodyPipe()
        let budget: GatheredBytes
        private(set) var gatherer: BodyGatherer!
        private let outcomes = Mutex<[BodyGatherer.Outcome]>([])

        init(limit: Int = 100, budget: Int = 100, isEnough: @escaping @Sendable (Int) -> Bool = { _ in false }) {
            let counted = GatheredBytes(limit: budget)
            self.budget = counted
            let bound = NIOLoopBound(self, eventLoop: self.loop)
            self.gatherer = BodyGatherer(
                self.pipe, on: self.loop, limit: limit, budget: counted, isEnough: isEnough
            ) { outcome in
                bound.value.outcomes.withLock { $0.append(outcome) }
            }
            self.gatherer.start()
        }

        func give(_ text: String) { _ = self.pipe.append(ByteBuffer(string: text)) }

        /// What it came to, in words.
        var outcome: [String] {
            self.outcomes.withLock { all in
                all.map { outcome in
                    switch outcome {
                    case .whole(let bytes, let trailers): "\(String(buffer: bytes)) \(trailers?.first("A") ?? "-")"
                    case .goesOn: "goes on"
                    case .failed: "failed"
                    case .tooLarge: "too large"
                    case .noRoom: "no room"
                    }
                }
            }
        }

        /// Whether nothing is counted any more.
        var isGivenBack: Bool {
            defer { self.budget.giveBack(100) }
            return self.budget.take(100)
        }
    }

    @Test("all of it, with trailers, once it is complete")
    func whole() {
        let bench = Bench()
        bench.give("ab")
        bench.give("cd")
        #expect(bench.outcome == [])
        bench.pipe.finish(trailers: ["A": "1"] as Fields)
        #expect(bench.outcome == ["abcd 1"])
        #expect(bench.isGivenBack)
    }

    @Test("one that breaks off, and one that is given up")
    func failed() {
        let broken = Bench()
        broken.give("ab")
        broken.pipe.fail()
        #expect(broken.outcome == ["failed"])
        #expect(broken.isGivenBack)
        let givenUp = Bench()
        givenUp.give("ab")
        givenUp.gatherer.cancel()
        givenUp.pipe.finish()
        #expect(givenUp.outcome == ["failed"])
        #expect(givenUp.pipe.isCancelled && givenUp.isGivenBack)
    }

    @Test("a byte over the limit, or over what all may hold together")
    func limits() {
        let large = Bench(limit: 3)
        large.give("abc")
        #expect(large.outcome == [])
        large.give("d")
        #expect(large.outcome == ["too large"])
        #expect(large.pipe.isCancelled && large.isGivenBack)
        let crowded = Bench(limit: 200, budget: 100)
        _ = crowded.budget.take(97)
        crowded.give("abcd")
        #expect(crowded.outcome == ["no room"])
        crowded.budget.giveBack(97)
        #expect(crowded.pipe.isCancelled && crowded.isGivenBack)
    }

    @Test("enough: whoever goes on with the pipe finds all of it, from the beginning")
    func goesOn() {
        let bench = Bench { $0 >= 4 }
        bench.give("abc")
        bench.give("de")
        #expect(bench.outcome == ["goes on"])
        #expect(bench.isGivenBack)
        #expect(bench.pipe.isUntouched)
        bench.give("fg")
        bench.pipe.finish()
        var text = ""
        while case .piece(let piece)? = bench.pipe.next() { text += String(buffer: piece) }
        #expect(text == "abcdefg")
        #expect(bench.pipe.total == 7)
    }
}
