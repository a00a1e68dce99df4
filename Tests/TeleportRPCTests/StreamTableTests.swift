import TeleportTestKit
import TeleportWire
import Testing

@testable import TeleportRPC

@Suite("Stream table")
struct StreamTableTests {
    /// Does the same to a table and to a dictionary, and compares.
    struct Pair {
        var table = StreamTable<UInt64>()
        var model: [UInt32: UInt64] = [:]
        var most = 0

        mutating func insert(_ id: UInt32, _ value: UInt64) {
            guard self.model[id] == nil else { return }
            self.table.insert(CallID(rawValue: id), value)
            self.model[id] = value
            self.most = Swift.max(self.most, self.model.count)
        }

        mutating func remove(_ id: UInt32) {
            let index = self.table.index(of: CallID(rawValue: id))
            let expected = self.model.removeValue(forKey: id)
            #expect((index == nil) == (expected == nil))
            if let index {
                let removed = self.table.remove(at: index)
                #expect(removed == expected)
            }
        }

        func value(_ id: UInt32) -> UInt64? {
            self.table.index(of: CallID(rawValue: id)).flatMap { self.table.places[$0].value }
        }

        /// Every entry is found, and nothing else is there; a free place holds no value, and a quarter is the least
        /// that a table is filled that had to grow.
        mutating func check(_ absent: [UInt32] = [], _ comment: Comment? = nil) {
            #expect(self.table.count == self.model.count, comment)
            for (id, value) in self.model { #expect(self.value(id) == value, comment) }
            for id in absent where self.model[id] == nil { #expect(self.value(id) == nil, comment) }
            var seen: [UInt32: UInt64] = [:]
            self.table.forEach { id, value in seen[id.rawValue] = value }
            #expect(seen == self.model, comment)
            #expect(!self.table.places.contains { ($0.id == 0) != ($0.value == nil) }, comment)
            #expect(self.table.places.count <= Swift.max(16, 4 * self.most), comment)
        }
    }

    @Test("it does what a dictionary does, whatever is inserted and removed", arguments: 0..<20)
    func random(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var pair = Pair()
        // Few or many ids, dense or spread, at the wrap or not.
        let spread = ([1, 1, 16, 1 << 10, 1 << 20] as [UInt32]).randomElement(using: &random) ?? 1
        let base = ([0, .max - 40, 1 << 31] as [UInt32]).randomElement(using: &random) ?? 0
        let span = UInt32.random(in: 2...300, using: &random)
        for step in 0..<2000 {
            let id = base &+ UInt32.random(in: 1...span, using: &random) &* spread
            guard id != 0 else { continue }
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1: pair.insert(id, random.next())
            case 2, 3: pair.remove(id)
            default: #expect(pair.value(id) == pair.model[id], "\(random)")
            }
            if step % 100 == 0 { pair.check([id &+ 1, id &- 1], "\(random)") }
        }
        pair.check([], "\(random)")
        let all = pair.table.removeAll()
        #expect(Dictionary(uniqueKeysWithValues: all.map { ($0.id.rawValue, $0.value) }) == pair.model, "\(random)")
        #expect(pair.table.places.isEmpty && pair.table.count == 0)
    }

    @Test("ids that all belong to the same place are kept apart, in every order of removal", arguments: 4..<32)
    func collisions(shift: UInt32) {
        var random = SeededRandom(seed: UInt64(shift))
        var pair = Pair()
        let ids = (1...40).map { UInt32($0) << shift | 5 }.reduce(into: [UInt32]()) { unique, id in
            if !unique.contains(id) { unique.append(id) }
        }
        for id in ids { pair.insert(id, UInt64(id)) }
        pair.check(ids.map { $0 &+ 1 }, "shift \(shift)")
        for id in ids.shuffled(using: &random) {
            pair.remove(id)
            pair.check(ids, "shift \(shift)")
        }
    }

    @Test("closing a gap moves back what was pushed on, and leaves alone what is at home, also round the end")
    func backwardShift() {
        // 16 places: 14, 30 and 46 belong to place 14, 15 and 31 to 15, 16 to 0.
        let ids: [UInt32] = [14, 30, 15, 46, 16, 31]
        for removed in ids {
            var pair = Pair()
            for id in ids { pair.insert(id, UInt64(id)) }
            #expect(pair.table.places.count == 16)
            #expect(pair.table.places[0].id != 0 && pair.table.places[3].id != 0)
            pair.remove(removed)
            pair.check(ids, "without \(removed)")
        }
        var apart = Pair()
        for id in [3, 19, 4, 5] as [UInt32] { apart.insert(id, UInt64(id)) }
        #expect([3, 4, 5, 6].map { apart.table.places[$0].id } == [3, 19, 4, 5])
        apart.remove(19)
        #expect([3, 4, 5, 6].map { apart.table.places[$0].id } == [3, 4, 5, 0])
    }

    @Test("ids that count up across the wrap stay where they belong, beside some that live long")
    func wrap() {
        var pair = Pair()
        var id = CallID(rawValue: .max - 500)
        var live: [UInt32] = []
        for step in 0..<1000 {
            pair.insert(id.rawValue, UInt64(step))
            live.append(id.rawValue)
            // Every seventh stays.
            if live.count > 8, step % 7 != 0 { pair.remove(live.removeFirst()) }
            id = id.next
        }
        pair.check([id.rawValue])
        #expect(pair.model.count > 100)
    }

    @Test("it takes no memory before the first stream, and stays half empty")
    func memory() {
        var pair = Pair()
        #expect(pair.table.places.isEmpty)
        #expect(pair.value(1) == nil)
        for id in 1...1000 as ClosedRange<UInt32> {
            pair.insert(id, 0)
            #expect(pair.table.places.count >= 2 * pair.model.count)
        }
        #expect(pair.table.places.count == 2048)
        for id in 1...1000 as ClosedRange<UInt32> { pair.remove(id) }
        pair.check()
    }

    @Test("what is removed is released at once")
    func release() throws {
        final class Thing {}
        var table = StreamTable<Thing>()
        weak var watched: Thing?
        do {
            let thing = Thing()
            watched = thing
            table.insert(CallID(rawValue: 1), thing)
        }
        table.insert(CallID(rawValue: 17), Thing())
        #expect(watched != nil)
        let index = try #require(table.index(of: CallID(rawValue: 1)))
        table.remove(at: index)
        #expect(watched == nil)
        #expect(table.contains(CallID(rawValue: 17)))
    }
}
