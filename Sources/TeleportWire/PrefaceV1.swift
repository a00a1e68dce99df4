public import struct NIOCore.ByteBuffer

/// The first bytes of a v1 connection in each direction (rules V1-1 and V1-2).
///
/// ```
/// +----------------+---------+-------------+------+
/// | "httpteleport" | version | decodes     | 0    |
/// | 12 bytes       | 1 byte  | 1 byte mask | 1    |
/// +----------------+---------+-------------+------+
/// ```
public struct PrefaceV1: Sendable, Hashable {
    /// The codecs that the sender of the preface decodes, for the other direction to choose from.
    public var decodes: BlockCodecSet

    /// A preface that offers to decode these codecs.
    @inlinable
    public init(decodes: BlockCodecSet) {
        self.decodes = decodes
    }

    /// Appends the preface to `buffer`.
    ///
    /// - Parameter identity: the magic; and the version, which is 1 for HTTP's.
    public func encode(identity: ProtocolIdentity, into buffer: inout ByteBuffer) {
        buffer.writeBytes(identity.magic)
        buffer.writeInteger(identity.version)
        buffer.writeInteger(self.decodes.rawValue)
        buffer.writeInteger(0, as: UInt8.self)
    }

    /// The number of bytes a preface takes under `identity`.
    public static func encodedLength(identity: ProtocolIdentity) -> Int {
        identity.magic.count + 3
    }

    /// Takes one preface from the front of `buffer`. A wrong byte is reported as soon as it is there.
    ///
    /// - Returns: the preface, or `nil` if more bytes are needed; `buffer` is then untouched.
    /// - Throws: ``WireError`` `.wrongMagic`, `.wrongVersion`, `.unusablePreface`; `buffer` is then untouched.
    public static func decode(
        identity: ProtocolIdentity, from buffer: inout ByteBuffer
    ) throws(WireError) -> PrefaceV1? {
        guard let start = try identity.find(in: buffer) else { return nil }
        let bytes = buffer.readableBytesView
        guard bytes.endIndex > start + 1 else { return nil }
        guard bytes[start + 1] == 0 else {
            throw WireError(.unusablePreface, "The last byte of the peer's preface is not 0, as version 1 wants it.")
        }
        let decodes = BlockCodecSet(rawValue: bytes[start]).intersection(.all)
        buffer.moveReaderIndex(forwardBy: Self.encodedLength(identity: identity))
        return PrefaceV1(decodes: decodes)
    }
}
