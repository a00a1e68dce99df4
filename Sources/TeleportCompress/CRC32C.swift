import CSnappy

/// CRC-32C (Castagnoli), the checksum of the snappy framing format.
///
/// The processor's instruction where there is one, tables of eight bytes a step elsewhere.
enum CRC32C {
    private static let isAccelerated = teleport_crc32c_is_available() != 0

    /// The checksum of some bytes.
    static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        guard self.isAccelerated else {
            return self.portableChecksum(bytes)
        }
        return ~teleport_crc32c_update(~0, bytes.baseAddress, bytes.count)
    }

    /// The checksum as snappy frames carry it: turned and offset, so that a checksum of data that holds checksums is
    /// not weakened (framing format, section 3).
    static func maskedChecksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        let checksum = self.checksum(bytes)
        return (checksum >> 15 | checksum << 17) &+ 0xa282_ead8
    }

    /// The checksum by tables alone.
    static func portableChecksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var state = ~UInt32(0)
        var index = 0
        self.tables.withUnsafeBufferPointer { tables in
            while bytes.count - index >= 8 {
                let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
                let mixed = word ^ UInt64(state)
                state = 0
                for byte in 0..<8 {
                    // The first byte has seven more to pass through, hence the tables in descending order.
                    state ^= tables[(7 - byte) << 8 | Int(truncatingIfNeeded: mixed >> (8 * UInt64(byte)) & 0xff)]
                }
                index += 8
            }
            while index < bytes.count {
                state = state >> 8 ^ tables[Int(UInt8(truncatingIfNeeded: state) ^ bytes[index])]
                index += 1
            }
        }
        return ~state
    }

    /// Eight tables of 256: entry `256 * k + b` is the effect of byte `b` with `k` zero bytes behind it.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var value = UInt32(byte)
            for _ in 0..<8 {
                value = value >> 1 ^ (value & 1 == 0 ? 0 : 0x82f6_3b78)
            }
            tables[byte] = value
        }
        for index in 256..<tables.count {
            let previous = tables[index - 256]
            tables[index] = previous >> 8 ^ tables[Int(previous & 0xff)]
        }
        return tables
    }()
}
