public import Synchronization

/// Counts the requests of a whole server against its limit.
@usableFromInline
package final class RequestLoad: Sendable {
    @usableFromInline let limit: Int
    @usableFromInline let count = Atomic<Int>(0)

    @usableFromInline
    package init(limit: Int) { self.limit = limit }

    /// Takes a place; false, and nothing taken, if all `limit` are.
    @inlinable
    package func enter() -> Bool { self.enter(upTo: self.limit) }

    /// The same with a limit that may change.
    @inlinable
    package func enter(upTo limit: Int) -> Bool {
        guard self.count.wrappingAdd(1, ordering: .relaxed).newValue <= limit else {
            self.count.wrappingSubtract(1, ordering: .relaxed)
            return false
        }
        return true
    }

    /// Places that are taken now.
    package var current: Int { Swift.max(0, self.count.load(ordering: .relaxed)) }

    /// Gives places back.
    @inlinable
    package func leave(_ places: Int = 1) {
        self.count.wrappingSubtract(places, ordering: .relaxed)
    }
}
