public import struct NIOCore.ByteBuffer

/// v0 framing (rule V0-6): `u32 id, little-endian`, then one message that delimits itself.
///
/// There is no length on the wire, so this is all of the framing that can be decoded without knowing the messages; the
/// message codec finds where each one ends.
extension CallID {
    /// The number of bytes an id takes.
    public static let encodedLength = 4

    /// Appends the id to `buffer`.
    @inlinable
    public func encode(into buffer: inout ByteBuffer) {
        buffer.writeInteger(self.rawValue, endianness: .little)
    }

    /// Takes an id from the front of `buffer`; `nil`, with `buffer` untouched, if fewer than four bytes are there.
    @inlinable
    public static func decode(from buffer: inout ByteBuffer) -> CallID? {
        guard let rawValue = buffer.readInteger(endianness: .little, as: UInt32.self) else { return nil }
        return CallID(rawValue: rawValue)
    }
}
