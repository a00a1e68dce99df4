public import struct TeleportWire.CallID

/// The calls of one connection that wait for an answer, found by id in about a nanosecond.
///
/// A ring indexed by `id & mask` in which every place stores the whole id. Ids rise by one; one whose place is still
/// occupied is skipped, so an id on the wire belongs to exactly one call until its answer came. A call that gave up
/// (deadline, cancellation) leaves a **tombstone**: the place stays taken, without a completion, until the late answer
/// arrives and is dropped. That is what keeps a late answer from ever reaching another caller, also after ids wrapped.
///
/// The ring grows by doubling and never holds more than half its places, so skipping stays rare. Growing keeps all ids:
/// ids that differ under a mask differ under a wider one.
///
/// Value type with one owner; memory is freed with it.
@usableFromInline
struct PendingTable<Completion> {
    @usableFromInline
    struct Slot {
        /// 0: the place is free.
        @usableFromInline var id: UInt32
        /// `nil` in an occupied place: a tombstone.
        @usableFromInline var completion: Completion?
        @usableFromInline var deadline: Nanoseconds

        @inlinable
        init() {
            self.id = 0
            self.completion = nil
            self.deadline = .never
        }
    }

    /// What an id that came from the peer refers to.
    @usableFromInline
    enum Removal {
        case pending(Completion)
        case tombstone
        case unknown
    }

    @usableFromInline var slots: [Slot]
    @usableFromInline var mask: UInt32
    /// Where the search for the next id begins.
    @usableFromInline var candidate: CallID
    /// The id inserted last; `nil` before the first.
    @usableFromInline var lastInserted: CallID?
    @usableFromInline var pending = 0
    @usableFromInline var tombstones = 0

    @inlinable
    init(firstID: CallID) {
        self.slots = []
        self.mask = 0
        self.candidate = firstID
    }

    /// The id that the next insertion will use. Makes room for it; takes nothing yet.
    @inlinable
    mutating func nextID() -> CallID {
        if (self.pending + self.tombstones + 1) * 2 > self.slots.count {
            self.grow()
        }
        while self.slots[self.index(of: self.candidate)].id != 0 {
            self.candidate = self.candidate.next
        }
        return self.candidate
    }

    /// Fills the place of the id that ``nextID()`` returned.
    @inlinable
    mutating func insert(_ id: CallID, deadline: Nanoseconds, completion: Completion) {
        let index = self.index(of: id)
        self.slots[index].id = id.rawValue
        self.slots[index].deadline = deadline
        self.slots[index].completion = completion
        self.pending += 1
        self.lastInserted = id
        self.candidate = id.next
    }

    /// Frees the place of `id`, because its answer came.
    @inlinable
    mutating func remove(_ id: CallID) -> Removal {
        guard id.rawValue != 0, !self.slots.isEmpty else { return .unknown }
        let index = self.index(of: id)
        guard self.slots[index].id == id.rawValue else { return .unknown }
        self.slots[index].id = 0
        guard let completion = self.slots[index].completion.take() else {
            self.tombstones -= 1
            return .tombstone
        }
        self.pending -= 1
        return .pending(completion)
    }

    /// Turns a pending call into a tombstone; `nil` if it is not pending any more.
    @inlinable
    mutating func abandon(_ id: CallID) -> Completion? {
        guard id.rawValue != 0, !self.slots.isEmpty else { return nil }
        let index = self.index(of: id)
        guard self.slots[index].id == id.rawValue else { return nil }
        return self.abandon(at: index)
    }

    /// Turns every call whose deadline is at or before `now` into a tombstone, and finds the earliest deadline left.
    ///
    /// Looks at every place: the caller limits how often (``ClientStateMachine`` asks at most once per slack).
    mutating func abandonExpired(now: Nanoseconds) -> (expired: [Completion], earliest: Nanoseconds) {
        var expired: [Completion] = []
        var earliest = Nanoseconds.never
        for index in self.slots.indices where self.slots[index].completion != nil {
            let deadline = self.slots[index].deadline
            if deadline <= now {
                if let completion = self.abandon(at: index) { expired.append(completion) }
            } else if deadline < earliest {
                earliest = deadline
            }
        }
        return (expired, earliest)
    }

    /// Empties the table: the connection is gone. Tombstones vanish with it.
    mutating func removeAll() -> [(id: CallID, completion: Completion)] {
        var all: [(id: CallID, completion: Completion)] = []
        all.reserveCapacity(self.pending)
        for index in self.slots.indices {
            if let completion = self.slots[index].completion.take() {
                all.append((CallID(rawValue: self.slots[index].id), completion))
            }
        }
        self.slots = []
        self.mask = 0
        self.pending = 0
        self.tombstones = 0
        return all
    }

    @inlinable
    func index(of id: CallID) -> Int {
        Int(truncatingIfNeeded: id.rawValue & self.mask)
    }

    @inlinable
    mutating func abandon(at index: Int) -> Completion? {
        guard let completion = self.slots[index].completion.take() else { return nil }
        self.pending -= 1
        self.tombstones += 1
        return completion
    }

    @usableFromInline
    mutating func grow() {
        let capacity = Swift.max(16, self.slots.count * 2)
        var grown = [Slot](repeating: Slot(), count: capacity)
        let mask = UInt32(truncatingIfNeeded: capacity - 1)
        for slot in self.slots where slot.id != 0 {
            grown[Int(truncatingIfNeeded: slot.id & mask)] = slot
        }
        self.slots = grown
        self.mask = mask
    }
}

extension PendingTable: Sendable where Completion: Sendable {}
extension PendingTable.Slot: Sendable where Completion: Sendable {}
