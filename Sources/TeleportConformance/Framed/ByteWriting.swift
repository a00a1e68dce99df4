/// Integers as the protocol writes them, little-endian.
extension [UInt8] {
    mutating func append<Value: FixedWidthInteger>(littleEndian value: Value) {
        for shift in stride(from: 0, to: Value.bitWidth, by: 8) {
            self.append(UInt8(truncatingIfNeeded: value >> Value(shift)))
        }
    }

    mutating func append(u24 value: Int) {
        for shift in [0, 8, 16] { self.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    /// LEB128, no longer than needed.
    mutating func append(varint value: Int) {
        var rest = value
        while rest > 0x7F {
            self.append(UInt8(rest & 0x7F | 0x80))
            rest >>= 7
        }
        self.append(UInt8(rest))
    }

    init<Value: FixedWidthInteger>(littleEndian value: Value) {
        self = []
        self.append(littleEndian: value)
    }
}

/// Takes bytes from the front of a piece that is all there.
struct ByteReader {
    private var bytes: ArraySlice<UInt8>

    init(_ bytes: some Sequence<UInt8>) { self.bytes = ArraySlice(bytes) }

    var count: Int { self.bytes.count }

    mutating func byte() -> UInt8? { self.bytes.popFirst() }

    mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) -> Value? {
        guard let bytes = self.take(Value.bitWidth / 8) else { return nil }
        return bytes.reversed().reduce(0) { $0 << 8 | Value(truncatingIfNeeded: $1) }
    }

    mutating func u24() -> Int? {
        self.take(3).map { $0.reversed().reduce(0) { $0 << 8 | Int($1) } }
    }

    mutating func take(_ count: Int) -> [UInt8]? {
        guard count >= 0, self.bytes.count >= count else { return nil }
        defer { self.bytes = self.bytes.dropFirst(count) }
        return Array(self.bytes.prefix(count))
    }

    mutating func rest() -> [UInt8] {
        defer { self.bytes = [] }
        return Array(self.bytes)
    }
}
