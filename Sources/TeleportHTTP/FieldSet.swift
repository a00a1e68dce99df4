/// A set of well-known field ids in one word.
///
/// Sets are put together with ``with(_:)``, which the compiler does beforehand: a set that is a constant costs nothing.
struct FieldSet: Hashable, Sendable {
    var bits: UInt64

    /// The empty set.
    @inline(__always)
    init() {
        bits = 0
    }

    @inline(__always)
    private init(bits: UInt64) {
        self.bits = bits
    }

    /// This set and one more id.
    @inline(__always)
    func with(_ id: UInt8) -> FieldSet {
        FieldSet(bits: bits | 1 &<< UInt64(id))
    }

    /// This set without an id.
    @inline(__always)
    func without(_ id: UInt8) -> FieldSet {
        FieldSet(bits: bits & ~(1 &<< UInt64(id)))
    }

    /// Id 0, every other name, is never a member.
    @inline(__always)
    func contains(_ id: UInt8) -> Bool {
        bits &>> UInt64(id) & 1 != 0
    }

    @inline(__always)
    mutating func insert(_ id: UInt8) {
        if id != 0 { bits |= 1 &<< UInt64(id) }
    }

    mutating func formUnion(_ other: FieldSet) {
        bits |= other.bits
    }

    mutating func subtract(_ other: FieldSet) {
        bits &= ~other.bits
    }
}

extension FieldSet {
    /// What belongs to one connection alone (RFC 9110 §7.6.1), `Transfer-Encoding` aside.
    @inline(__always)
    static var hopByHop: FieldSet {
        FieldSet().with(FieldID.connection).with(FieldID.keepAlive).with(FieldID.proxyConnection).with(FieldID.te)
            .with(FieldID.trailer).with(FieldID.upgrade)
    }

    /// Fields of one connection, which have no meaning in heads of protocol v1 (V1-63). `Trailer` is not one there.
    @inline(__always)
    static var ofConnection: FieldSet {
        hopByHop.without(FieldID.trailer).with(FieldID.expect).with(FieldID.transferEncoding)
    }

    /// Fields that nobody may learn from a trailer section: framing, routing, authentication (RFC 9110 §6.5.1).
    @inline(__always)
    static var forbiddenInTrailers: FieldSet {
        ofConnection.with(FieldID.host).with(FieldID.contentLength).with(FieldID.trailer).with(FieldID.cookie)
            .with(FieldID.setCookie).with(FieldID.authorization).with(FieldID.proxyAuthorization)
    }
}
