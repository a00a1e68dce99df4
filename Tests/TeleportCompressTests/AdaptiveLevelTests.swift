import TeleportTestKit
import TestTraits
import Testing

@testable import TeleportCompress

/// Rule V1-20: how the level follows time and gain. Clock and codecs are the test's own: a codec takes so many nanoseconds
/// a byte and makes so much of it.
@Suite(.computing) struct AdaptiveLevelTests {
    /// What a codec does to the data of a scenario.
    struct Behaviour {
        var cost: Double
        var ratio: Double
    }

    /// About what was measured of requests of 2 KB.
    static func likeRequests(_ codec: CompressionCodec) -> Behaviour {
        switch (codec.kind, codec.level) {
        case (.lz4, _): Behaviour(cost: 1.3, ratio: 0.31)
        case (.zstd, 1): Behaviour(cost: 2.5, ratio: 0.173)
        case (.zstd, 6): Behaviour(cost: 9.6, ratio: 0.159)
        case (.zstd, 9): Behaviour(cost: 13.9, ratio: 0.152)
        case (.flate, 1): Behaviour(cost: 6.4, ratio: 0.241)
        case (.flate, 4): Behaviour(cost: 9.5, ratio: 0.203)
        case (.flate, 6): Behaviour(cost: 15.4, ratio: 0.183)
        case (.flate, 9): Behaviour(cost: 34.9, ratio: 0.175)
        default: Behaviour(cost: 1.2, ratio: 0.35)
        }
    }

    /// Text that has no more to give than the fastest finds.
    static func flat(_ codec: CompressionCodec) -> Behaviour {
        Behaviour(cost: Self.likeRequests(codec).cost, ratio: 0.3)
    }

    /// One loop with some connections that send blocks in turn.
    struct Loop {
        var now: UInt64 = 1_000_000_000
        var account: CompressionAccount
        var levels: [AdaptiveLevel]
        /// The codec of each connection, and how often it changed.
        var changes = 0
        /// Nanoseconds in compression, in all.
        var taken: UInt64 = 0
        var stored = 0
        var sent = 0
        private var turn = 0

        init(_ percent: Int, _ codec: CompressionCodec, connections: Int = 1, usesLZ4: Bool = true) throws {
            self.account = CompressionAccount(try CompressionBudget(percent: percent), now: self.now)
            self.levels = (0..<connections).map { [now] _ in AdaptiveLevel(codec, usesLZ4: usesLZ4, now: now) }
        }

        /// So many bytes a second, for some windows.
        mutating func run(
            windows: Int, rate: Double, block: Int = 16384, _ behaviour: (CompressionCodec) -> Behaviour
        ) {
            let end = self.now + UInt64(windows) * CompressionBudget.window
            let pause = UInt64(Double(block) / rate * 1e9)
            while self.now < end {
                let begin = self.now
                self.send(block, behaviour)
                self.now = max(self.now, begin + pause)
            }
        }

        mutating func send(_ block: Int, _ behaviour: (CompressionCodec) -> Behaviour) {
            self.turn = (self.turn + 1) % self.levels.count
            let before = self.levels[self.turn].codec
            let decision = self.levels[self.turn].next(length: block, now: self.now, account: &self.account)
            if before != self.levels[self.turn].codec { self.changes += 1 }
            self.sent += 1
            guard case .compress(let codec) = decision else {
                self.stored += 1
                return
            }
            #expect(codec == self.levels[self.turn].codec)
            let what = behaviour(codec)
            let took = UInt64(what.cost * Double(block))
            self.now += took
            self.taken += took
            self.levels[self.turn].compressed(
                plain: block, encoded: min(block, Int(what.ratio * Double(block))), nanoseconds: took, now: self.now,
                account: &self.account)
        }

        var codecs: [CompressionCodec] { self.levels.map(\.codec) }
    }

    static let zstd9 = try? CompressionCodec.zstd(level: 9)

    @Test("an idle loop comes to the highest level, and stays there")
    func up() throws {
        for (codec, top) in [
            (CompressionCodec.zstd, try CompressionCodec.zstd(level: 9)), (.flate, try .flate(level: 9)),
        ] {
            var loop = try Loop(30, codec)
            loop.run(windows: 60, rate: 5e6, Self.likeRequests)
            #expect(loop.codecs == [top])
            #expect(loop.stored == 0)
            let changes = loop.changes
            loop.run(windows: 100, rate: 5e6, Self.likeRequests)
            #expect(loop.changes == changes)
        }
    }

    @Test("a busy loop comes to the fastest level within two windows, and stays there without storing")
    func down() throws {
        var loop = try Loop(30, try .zstd(level: 9))
        loop.run(windows: 5, rate: 150e6, Self.likeRequests)
        #expect(loop.codecs == [.lz4])
        let (stored, changes) = (loop.stored, loop.changes)
        loop.run(windows: 60, rate: 150e6, Self.likeRequests)
        #expect(loop.stored - stored < 20)
        #expect(loop.changes == changes)
    }

    @Test("where not even the fastest level can keep up, what is over the budget is stored, and the level stands still")
    func beyond() throws {
        var loop = try Loop(5, .zstd)
        loop.run(windows: 10, rate: 300e6, Self.likeRequests)
        #expect(loop.codecs == [.lz4])
        let (changes, taken, begin) = (loop.changes, loop.taken, loop.now)
        loop.run(windows: 100, rate: 300e6, Self.likeRequests)
        #expect(loop.changes == changes)
        let share = Double(loop.taken - taken) / Double(loop.now - begin)
        #expect((0.04...0.05).contains(share), "the budget is used, and no more")
    }

    @Test("without lz4 at the other end, zstd's level 1 is the lowest")
    func noLZ4() throws {
        var loop = try Loop(5, .zstd, usesLZ4: false)
        loop.run(windows: 20, rate: 300e6, Self.likeRequests)
        #expect(loop.codecs == [.zstd])
    }

    @Test(
        "a codec without levels is compressed within the budget and else stored",
        arguments: [CompressionCodec.lz4, .snappy])
    func noLevels(_ codec: CompressionCodec) throws {
        var loop = try Loop(10, codec)
        loop.run(windows: 20, rate: 300e6, Self.likeRequests)
        #expect(loop.codecs == [codec])
        #expect(loop.stored > 0 && loop.stored < loop.sent)
    }

    @Test("load that comes and goes moves the level down and up again")
    func recovers() throws {
        var loop = try Loop(30, .zstd)
        for _ in 0..<3 {
            loop.run(windows: 10, rate: 150e6, Self.likeRequests)
            #expect(loop.codecs == [.lz4])
            loop.run(windows: 80, rate: 4e6, Self.likeRequests)
            #expect(loop.codecs == [Self.zstd9])
        }
    }

    @Test("a level that saves nothing is left again, and tried ever more seldom")
    func doesNotPay() throws {
        var loop = try Loop(30, .zstd)
        loop.run(windows: 200, rate: 10e6, Self.flat)
        #expect(loop.codecs == [.zstd])
        let changes = loop.changes
        #expect(changes >= 2, "it was tried")
        loop.run(windows: 600, rate: 10e6, Self.flat)
        #expect(loop.changes - changes <= 10, "two changes an attempt, at most an attempt in 160 windows by then")
    }

    @Test("a level that came to pay is found again")
    func paysLater() throws {
        var loop = try Loop(30, .zstd)
        loop.run(windows: 100, rate: 10e6, Self.flat)
        #expect(loop.codecs == [.zstd])
        loop.run(windows: 400, rate: 10e6, Self.likeRequests)
        #expect(loop.codecs == [Self.zstd9])
    }

    @Test("noise neither raises the level nor uses time")
    func noise() throws {
        var loop = try Loop(30, .zstd)
        loop.run(windows: 100, rate: 200e6) { _ in Behaviour(cost: 0.02, ratio: 1) }
        #expect(loop.codecs == [.zstd])
        #expect(loop.changes == 0)
        #expect(loop.stored == 0)
    }

    @Test("between pictures it is the text that decides: a level that pays for it is found")
    func mixed() throws {
        for (behaviour, expected) in [(Self.likeRequests, Self.zstd9), (Self.flat, .zstd)] {
            var loop = try Loop(30, .zstd)
            var number = 0
            loop.run(windows: 160, rate: 40e6) { codec in
                number += 1
                return number.isMultiple(of: 6) ? behaviour(codec) : Behaviour(cost: 0.02, ratio: 1)
            }
            #expect(loop.codecs == [expected])
        }
    }

    @Test("a load at the border between two levels does not move it to and fro")
    func noFlapping() throws {
        for rate in stride(from: 10e6, through: 250e6, by: 24e6) {
            var loop = try Loop(30, .zstd)
            loop.run(windows: 40, rate: rate, block: 65_536, Self.likeRequests)
            let changes = loop.changes
            loop.run(windows: 200, rate: rate, block: 65_536, Self.likeRequests)
            #expect(loop.changes - changes <= 6, "at \(rate) bytes a second")
        }
    }

    @Test("connections of a loop share its budget, and do not all answer to the same shortage")
    func shared() throws {
        var loop = try Loop(30, .zstd, connections: 16)
        loop.run(windows: 200, rate: 100e6, Self.likeRequests)
        let (taken, begin, changes, stored, sent) = (loop.taken, loop.now, loop.changes, loop.stored, loop.sent)
        loop.run(windows: 200, rate: 100e6, Self.likeRequests)
        let share = Double(loop.taken - taken) / Double(loop.now - begin)
        #expect((0.12...0.3).contains(share), "\(share)")
        #expect(loop.changes - changes <= 40)
        #expect(Double(loop.stored - stored) < 0.03 * Double(loop.sent - sent))
    }

    @Test("whatever comes, the budget holds in every window, the level is one of the codec's, and changes are rare")
    func anything() throws {
        for _ in 0..<25 {
            var random = SeededRandom()
            let seed = random.seed
            let percent = Int.random(in: 1...99, using: &random)
            let codec =
                [CompressionCodec.zstd, .flate, .lz4, try .zstd(level: 19)].randomElement(using: &random) ?? .zstd
            let connections = Int.random(in: 1...8, using: &random)
            var loop = try Loop(percent, codec, connections: connections, usesLZ4: Bool.random(using: &random))
            var blocks: [(end: UInt64, took: UInt64)] = []
            let allowed: Set<CodecKind> = [codec.kind, .lz4]
            for _ in 0..<12 {
                let factor = Double.random(in: 0.2...5, using: &random)
                let pays = Bool.random(using: &random)
                let pause = UInt64.random(in: 0...2_000_000, using: &random)
                let end = loop.now + UInt64.random(in: 1...20, using: &random) * CompressionBudget.window / 2
                var count = 0
                while loop.now < end, count < 20_000 {
                    count += 1
                    let before = loop.taken
                    loop.send(Int.random(in: 1...65_536, using: &random)) { codec in
                        var what = pays ? Self.likeRequests(codec) : Self.flat(codec)
                        what.cost *= factor * Double.random(in: 0.7...1.4, using: &random)
                        what.ratio *= Double.random(in: 0.8...1.2, using: &random)
                        return what
                    }
                    if loop.taken > before { blocks.append((loop.now, loop.taken - before)) }
                    loop.now += pause
                }
                #expect(loop.codecs.allSatisfy { allowed.contains($0.kind) }, "seed \(seed)")
            }
            let limit = Double(percent) / 100 * Double(CompressionBudget.window) * 1.000_001
            var (first, sum) = (0, UInt64(0))
            for block in blocks {
                while blocks[first].end + CompressionBudget.window <= block.end {
                    sum -= blocks[first].took
                    first += 1
                }
                guard Double(sum) <= limit else {
                    Issue.record("\(sum) ns in a window, of \(limit); seed \(seed)")
                    break
                }
                sum += block.took
            }
            let windows = Int((loop.now - 1_000_000_000) / CompressionBudget.window) + 1
            #expect(loop.changes <= windows * connections, "more than one change in a window, seed \(seed)")
        }
    }
}
