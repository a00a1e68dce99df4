internal import Synchronization

/// Hands out numbers in turn, to spread work over things that are equally good.
@usableFromInline
package final class Turn: Sendable {
    private let next = Atomic<Int>(0)

    @usableFromInline
    package init() {}

    /// A number from 0 to below `count`.
    @usableFromInline
    package func take(of count: Int) -> Int {
        Int(UInt(bitPattern: self.next.wrappingAdd(1, ordering: .relaxed).oldValue) % UInt(count))
    }
}
