public import struct NIOCore.ByteBuffer

/// The first bytes of a v0 connection in each direction (rules V0-1 to V0-5).
///
/// ```
/// +---------------------+---------+-------------+-----+
/// | magic, e.g.         | version | compression | TLS |
/// | "httpteleport" (12) |  1 byte |  1 byte     | 1   |
/// +---------------------+---------+-------------+-----+
/// ```
///
/// The client sends first, the server answers. Each side announces the compression of *its own* writes.
public struct PrefaceV0: Sendable, Hashable {
    /// How the sender compresses everything after its preface.
    public var compression: CompressionTag
    /// From a client: "I want TLS next". From a server: "TLS follows". Any non-zero byte counts as true.
    public var tls: Bool

    /// A preface that announces `compression` and, if `tls`, a TLS handshake right after it.
    @inlinable
    public init(compression: CompressionTag, tls: Bool) {
        self.compression = compression
        self.tls = tls
    }

    /// Appends the preface to `buffer`.
    public func encode(identity: ProtocolIdentity, into buffer: inout ByteBuffer) {
        buffer.writeBytes(identity.magic)
        buffer.writeInteger(identity.version)
        buffer.writeInteger(self.compression.rawValue)
        buffer.writeInteger(self.tls ? 1 : 0, as: UInt8.self)
    }

    /// The number of bytes a preface takes under `identity`.
    public static func encodedLength(identity: ProtocolIdentity) -> Int {
        identity.magic.count + 3
    }

    /// Takes one preface from the front of `buffer`.
    ///
    /// A wrong byte is reported as soon as it is there: a peer that speaks something else need not send 15 bytes of it
    /// to be told so.
    ///
    /// - Returns: the preface, or `nil` if more bytes are needed; `buffer` is then untouched.
    /// - Throws: ``WireError`` `.wrongMagic`, `.wrongVersion`, `.unknownCompression`; `buffer` is then untouched.
    public static func decode(
        identity: ProtocolIdentity, from buffer: inout ByteBuffer
    ) throws(WireError) -> PrefaceV0? {
        guard let start = try identity.find(in: buffer) else { return nil }
        let bytes = buffer.readableBytesView
        guard bytes.endIndex > start else { return nil }
        let tag = bytes[start]
        guard let compression = CompressionTag(rawValue: tag) else {
            throw WireError(
                .unknownCompression(tag), "The peer announces compression \(tag), which no codec here answers to.")
        }
        guard bytes.endIndex > start + 1 else { return nil }

        let tls = bytes[start + 1] != 0
        buffer.moveReaderIndex(forwardBy: Self.encodedLength(identity: identity))
        return PrefaceV0(compression: compression, tls: tls)
    }
}
