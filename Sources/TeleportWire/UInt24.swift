internal import struct NIOCore.ByteBuffer

/// Integers of three bytes, little-endian, as blocks and frames have them.
extension ByteBuffer {
    /// - Parameter value: 0 to 2²⁴−1; callers see to it.
    mutating func writeUInt24(_ value: Int) {
        writeInteger(UInt16(truncatingIfNeeded: value), endianness: .little)
        writeInteger(UInt8(truncatingIfNeeded: value >> 16))
    }

    func getUInt24(at index: Int) -> Int? {
        guard let low = getInteger(at: index, endianness: .little, as: UInt16.self),
            let high = getInteger(at: index + 2, as: UInt8.self)
        else { return nil }
        return Int(high) << 16 | Int(low)
    }
}
