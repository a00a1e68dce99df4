internal import Synchronization

/// Counts up to a bound, once, and is nearly free after that.
@usableFromInline
final class FirstCalls: Sendable {
    private let count = Atomic<Int>(0)

    @usableFromInline
    init() {}

    /// The next number from 0 on; `nil` when `bound` of them were given.
    @usableFromInline
    func next(below bound: Int) -> Int? {
        guard self.count.load(ordering: .relaxed) < bound else { return nil }
        let number = self.count.wrappingAdd(1, ordering: .relaxed).oldValue
        return number < bound ? number : nil
    }
}
