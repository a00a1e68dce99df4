import TeleportTestKit
import TestTraits
import Testing

@testable import TeleportCompress

/// Rule V1-20: the time that compression may take of a loop, on a clock of the test's own.
@Suite(.computing) struct CompressionAccountTests {
    static let window = CompressionBudget.window

    @Test("a budget is 1 to 100 percent")
    func budgets() throws {
        for percent in [1, 30, 100] { #expect(try CompressionBudget(percent: percent).percent == percent) }
        for percent in [-1, 0, 101] {
            #expect(throws: CompressionError(.invalidBudget(percent))) { try CompressionBudget(percent: percent) }
        }
    }

    @Test("in no window, whenever it begins, is more taken than the budget and the last block")
    func neverMore() throws {
        for _ in 0..<40 {
            var random = SeededRandom()
            let seed = random.seed
            let percent = Int.random(in: 1...99, using: &random)
            let budget = try CompressionBudget(percent: percent)
            var now = UInt64.random(in: 0...(1 << 40), using: &random)
            var account = CompressionAccount(budget, now: now)
            let longest = UInt64.random(in: 1_000...30_000_000, using: &random)
            let longestPause = UInt64.random(in: 1...20_000_000, using: &random)
            var blocks: [(end: UInt64, took: UInt64)] = []
            let end = now + 6 * Self.window
            while now < end {
                if account.mayCompress(now: now) {
                    let took = UInt64.random(in: 1...longest, using: &random)
                    now += took
                    account.compressed(nanoseconds: took, now: now)
                    blocks.append((now, took))
                } else {
                    now += UInt64.random(in: 1...longestPause, using: &random)
                }
                if Int.random(in: 0..<50, using: &random) == 0 {
                    now += UInt64.random(in: 0...Self.window, using: &random)
                }
            }
            #expect(blocks.count > 1, "seed \(seed)")
            // The sum of the blocks that ended in the window that ends with a block, without that one.
            var (first, sum) = (0, UInt64(0))
            let limit = Double(percent) / 100 * Double(Self.window)
            for (index, block) in blocks.enumerated() {
                while blocks[first].end + Self.window <= block.end {
                    sum -= blocks[first].took
                    first += 1
                }
                #expect(Double(sum) <= limit * 1.000_001, "block \(index), seed \(seed)")
                sum += block.took
            }
        }
    }

    @Test("what a block took too much is waited for, and no longer than a window even if the process stood still")
    func debt() throws {
        var account = CompressionAccount(try CompressionBudget(percent: 50), now: 0)
        account.compressed(nanoseconds: 3_600_000_000_000, now: 1)
        let after = [1, 2].map { account.mayCompress(now: $0 * Self.window) }
        #expect(after == [false, true])
    }

    @Test("with 100 percent no block is stored for want of time")
    func everything() throws {
        var account = CompressionAccount(try CompressionBudget(percent: 100), now: 0)
        account.compressed(nanoseconds: 10_000_000_000, now: 1)
        let may = account.mayCompress(now: 2)
        #expect(may)
    }

    @Test("the demand is what was compressed and what would have been, and is forgotten in time")
    func demand() throws {
        var account = CompressionAccount(try CompressionBudget(percent: 20), now: 0)
        var now: UInt64 = 0
        for _ in 0..<4000 {
            now += 1_000_000
            if account.mayCompress(now: now) {
                account.compressed(nanoseconds: 500_000, now: now)
            } else {
                account.denied(nanoseconds: 500_000)
            }
        }
        #expect((0.45...0.55).contains(account.demand))
        account.demandChanges(by: -2)
        #expect(account.demand == 0)
        account.demandChanges(by: 0.5)
        _ = account.mayCompress(now: now + 20 * Self.window)
        #expect(account.demand < 0.01)
    }
}
