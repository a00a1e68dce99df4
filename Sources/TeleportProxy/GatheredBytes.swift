internal import Synchronization

/// What a process keeps of bodies that are not complete yet, on all connections together.
final class GatheredBytes: Sendable {
    private let limit: Int
    private let count = Atomic<Int>(0)

    init(limit: Int) { self.limit = limit }

    /// Counts `bytes`, which are to be given back in any case; false if that is more than there may be.
    func take(_ bytes: Int) -> Bool {
        self.count.wrappingAdd(bytes, ordering: .relaxed).newValue <= self.limit
    }

    func giveBack(_ bytes: Int) {
        self.count.wrappingSubtract(bytes, ordering: .relaxed)
    }
}
