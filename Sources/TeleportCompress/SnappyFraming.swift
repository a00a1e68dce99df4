/// The numbers of the snappy framing format (`framing_format.txt` of the snappy project, 2013-10-25).
///
/// A stream is a row of chunks: `u8 type | u24 LE body length | body`.
enum SnappyFraming {
    /// The chunk every stream begins with, and that may be repeated (section 4.1).
    static let streamIdentifier: [UInt8] = [0xff, 6, 0, 0, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59]  // … "sNaPpY"

    /// Chunk types.
    enum ChunkType {
        /// Section 4.2: checksum, then bytes compressed by snappy.
        static let compressed: UInt8 = 0x00
        /// Section 4.3: checksum, then bytes as they are.
        static let uncompressed: UInt8 = 0x01
        /// Sections 4.4 and 4.6: padding and what a receiver need not know.
        static let skippable: ClosedRange<UInt8> = 0x80...0xfe
        /// Section 4.1.
        static let streamIdentifier: UInt8 = 0xff
    }

    /// Type and body length.
    static let headerLength = 4

    /// The masked checksum in front of the data of a chunk.
    static let checksumLength = 4

    /// The most plain bytes of a chunk (section 4.2).
    static let maximumPlain = 65_536

    /// The longest body of a data chunk: the checksum and the longest that snappy makes of `maximumPlain` bytes.
    static let maximumBody = checksumLength + 32 + maximumPlain + maximumPlain / 6
}
