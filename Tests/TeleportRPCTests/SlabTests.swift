import TeleportTestKit
import TestTraits
import Testing

@testable import TeleportRPC

@Suite("Values under small numbers", .computing)
struct SlabTests {
    @Test("each number gives back its own value, once, whatever the order; numbers are used again")
    func random() {
        var random = SeededRandom()
        var slab = Slab<Int>()
        var model: [Int: Int] = [:]
        for value in 0..<10_000 {
            if Int.random(in: 0..<100, using: &random) < (value / 1000 % 2 == 0 ? 70 : 30) {
                let number = slab.insert(value)
                #expect(model[number] == nil, "\(random)")
                model[number] = value
            } else if let number = model.keys.sorted().randomElement(using: &random) {
                #expect(slab.take(number) == model.removeValue(forKey: number), "\(random)")
            }
            #expect(slab.elements.count - slab.free.count == model.count, "\(random)")
        }
        #expect(slab.removeAll().sorted() == model.values.sorted(), "\(random)")
        #expect(slab.elements.isEmpty)
        #expect(slab.free.isEmpty)
    }

    @Test("when the last value is gone, so is the memory")
    func empty() {
        var slab = Slab<String>()
        let numbers = ["a", "b", "c"].map { slab.insert($0) }
        #expect(numbers == [0, 1, 2])
        #expect(numbers.map { slab.take($0) } == ["a", "b", "c"])
        #expect(slab.elements.capacity == 0)
        #expect(slab.insert("d") == 0)
    }
}
