public import struct TeleportWire.CallID

/// The live streams of one v1 connection, found by id in a few nanoseconds.
///
/// Open addressing with linear probing, indexed by the low bits of the id. Ids that count up fill neighbouring places, so
/// a peer that keeps to the rules meets no collisions; one that spreads its ids costs itself a longer walk, at most over
/// the streams that it is allowed, and no memory. Never more than half full. Value type with one owner.
@usableFromInline
struct StreamTable<Value> {
    @usableFromInline
    struct Place {
        /// 0: the place is free.
        @usableFromInline var id: UInt32
        @usableFromInline var value: Value?

        @inlinable
        init(id: UInt32, value: Value?) {
            self.id = id
            self.value = value
        }
    }

    @usableFromInline var places: [Place] = []
    @usableFromInline var mask = 0
    @usableFromInline private(set) var count = 0
    /// Streams that are not at the place that their id points to. While there are none, a removal leaves no gap to close.
    @usableFromInline var displaced = 0

    @inlinable
    init() {}

    /// Where the stream is; valid until the next insertion or removal.
    @inlinable
    func index(of id: CallID) -> Int? {
        guard self.count > 0 else { return nil }
        var index = Int(truncatingIfNeeded: id.rawValue) & self.mask
        while self.places[index].id != 0 {
            if self.places[index].id == id.rawValue { return index }
            index = (index + 1) & self.mask
        }
        return nil
    }

    @inlinable
    func contains(_ id: CallID) -> Bool { self.index(of: id) != nil }

    /// Inserts a stream whose id is not there.
    @inlinable
    mutating func insert(_ id: CallID, _ value: consuming Value) {
        if (self.count + 1) * 2 > self.places.count { self.grow() }
        var index = Int(truncatingIfNeeded: id.rawValue) & self.mask
        if self.places[index].id != 0 {
            repeat { index = (index + 1) & self.mask } while self.places[index].id != 0
            self.displaced += 1
        }
        self.places[index].id = id.rawValue
        self.places[index].value = consume value
        self.count += 1
    }

    /// Removes what is at a place that ``index(of:)`` gave, and closes the gap.
    @inlinable
    @discardableResult
    mutating func remove(at index: Int) -> Value? {
        let removed = self.places[index].value.take()
        self.count -= 1
        guard self.displaced > 0 else {
            self.places[index].id = 0
            return removed
        }
        self.closeGap(at: index)
        return removed
    }

    @usableFromInline
    mutating func closeGap(at index: Int) {
        if Int(truncatingIfNeeded: self.places[index].id) & self.mask != index { self.displaced -= 1 }
        var gap = index
        var next = (gap + 1) & self.mask
        while self.places[next].id != 0 {
            let home = Int(truncatingIfNeeded: self.places[next].id) & self.mask
            // It may move back unless its home lies behind the gap.
            if (next &- home) & self.mask >= (next &- gap) & self.mask {
                self.places.swapAt(gap, next)
                if home != next, home == gap { self.displaced -= 1 }
                gap = next
            }
            next = (next + 1) & self.mask
        }
        self.places[gap].id = 0
    }

    /// Calls `body` with each stream.
    @inlinable
    mutating func forEach(_ body: (CallID, inout Value) -> Void) {
        for index in self.places.indices where self.places[index].id != 0 {
            let id = CallID(rawValue: self.places[index].id)
            guard var value = self.places[index].value.take() else { continue }
            body(id, &value)
            self.places[index].value = value
        }
    }

    /// Empties the table and gives back its memory.
    @inlinable
    mutating func removeAll() -> [(id: CallID, value: Value)] {
        var all: [(id: CallID, value: Value)] = []
        all.reserveCapacity(self.count)
        for index in self.places.indices where self.places[index].id != 0 {
            if let value = self.places[index].value.take() {
                all.append((CallID(rawValue: self.places[index].id), value))
            }
        }
        self.places = []
        self.mask = 0
        self.count = 0
        self.displaced = 0
        return all
    }

    @usableFromInline
    mutating func grow() {
        var old: [Place] = []
        swap(&old, &self.places)
        let size = Swift.max(16, old.count * 2)
        self.places = (0..<size).map { _ in Place(id: 0, value: nil) }
        self.mask = size - 1
        self.count = 0
        self.displaced = 0
        for index in old.indices where old[index].id != 0 {
            guard let value = old[index].value.take() else { continue }
            self.insert(CallID(rawValue: old[index].id), value)
        }
    }
}

extension StreamTable: Sendable where Value: Sendable {}
extension StreamTable.Place: Sendable where Value: Sendable {}
