/// A set of well-known field ids in one word.
struct FieldSet: Hashable, Sendable {
    var bits: UInt64

    init(_ ids: UInt8...) {
        bits = ids.reduce(0) { $0 | 1 << UInt64($1) }
    }

    /// Id 0, every other name, is never a member.
    @inline(__always)
    func contains(_ id: UInt8) -> Bool {
        bits &>> UInt64(id) & 1 != 0
    }

    mutating func insert(_ id: UInt8) {
        if id != 0 { bits |= 1 << UInt64(id) }
    }

    mutating func formUnion(_ other: FieldSet) {
        bits |= other.bits
    }

    mutating func subtract(_ other: FieldSet) {
        bits &= ~other.bits
    }
}
