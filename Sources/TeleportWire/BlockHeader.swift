public import struct NIOCore.ByteBuffer

/// The seven bytes in front of each block (rules V1-10, V1-11, V1-14).
///
/// ```
/// +-------------+---------------------+---------------------+
/// | codec|flags | encoded length, u24 | decoded length, u24 |
/// +-------------+---------------------+---------------------+
/// ```
public struct BlockHeader: Sendable, Hashable {
    /// How the bytes behind it are encoded.
    public var codec: BlockCodec
    /// A fresh history begins with this block.
    public var resets: Bool
    /// The sender's history is gone. Such a block is empty.
    public var releases: Bool
    /// Bytes behind the header.
    public var encodedLength: Int
    /// What they decode to.
    public var decodedLength: Int

    /// Bytes of a header.
    public static let length = 7
    /// The most that one block decodes to.
    public static let maximumDecodedLength = 65536

    private static let resetFlag: UInt8 = 0x10
    private static let releaseFlag: UInt8 = 0x20

    /// The header of a block with content.
    @inlinable
    public init(codec: BlockCodec, resets: Bool = false, encodedLength: Int, decodedLength: Int) {
        self.codec = codec
        self.resets = resets
        self.releases = false
        self.encodedLength = encodedLength
        self.decodedLength = decodedLength
    }

    /// The block that says that the sender's history is gone.
    public static let release: BlockHeader = {
        var header = BlockHeader(codec: .stored, encodedLength: 0, decodedLength: 0)
        header.releases = true
        return header
    }()

    /// Appends the header to `buffer`.
    public func encode(into buffer: inout ByteBuffer) {
        let start = buffer.writerIndex
        buffer.reserveCapacity(minimumWritableBytes: Self.length)
        buffer.moveWriterIndex(forwardBy: Self.length)
        self.set(at: start, in: &buffer)
    }

    /// Writes the header over seven bytes of `buffer`.
    public func set(at index: Int, in buffer: inout ByteBuffer) {
        let flags = (self.resets ? Self.resetFlag : 0) | (self.releases ? Self.releaseFlag : 0)
        let lengths = UInt64(self.encodedLength & 0xFF_FFFF) << 8 | UInt64(self.decodedLength & 0xFF_FFFF) << 32
        let word = UInt64(self.codec.rawValue | flags) | lengths
        buffer.withVeryUnsafeMutableBytes { memory in
            withUnsafeBytes(of: word.littleEndian) { bytes in
                UnsafeMutableRawBufferPointer(rebasing: memory[index..<index + Self.length])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes.prefix(Self.length)))
            }
        }
    }

    /// Takes one header from the front of `buffer`. All that can be judged without the block is judged.
    ///
    /// - Parameter offered: what this side said that it decodes.
    /// - Returns: the header, or `nil` if more bytes are needed; `buffer` is then untouched.
    /// - Throws: ``WireError`` `.violation(.block)`; `buffer` is then untouched.
    public static func decode(
        offered: BlockCodecSet, from buffer: inout ByteBuffer
    ) throws(WireError) -> BlockHeader? {
        var word: UInt64 = 0
        let count = buffer.withUnsafeReadableBytes { bytes in
            let head = bytes.prefix(self.length)
            withUnsafeMutableBytes(of: &word) { $0.copyBytes(from: head) }
            return head.count
        }
        word = UInt64(littleEndian: word)
        guard count > 0 else { return nil }
        let tag = UInt8(truncatingIfNeeded: word)
        guard tag & ~(0x0F | self.resetFlag | self.releaseFlag) == 0, let codec = BlockCodec(rawValue: tag & 0x0F),
            offered.decodes(codec)
        else {
            throw WireError(.violation(.block), "A block has an unknown flag, or a codec that was not offered (V1-11).")
        }
        guard count == self.length else { return nil }
        var header = BlockHeader(
            codec: codec, resets: tag & self.resetFlag != 0, encodedLength: Int(word >> 8 & 0xFF_FFFF),
            decodedLength: Int(word >> 32 & 0xFF_FFFF))
        header.releases = tag & self.releaseFlag != 0
        try header.check()
        buffer.moveReaderIndex(forwardBy: self.length)
        return header
    }

    private func check() throws(WireError) {
        if self.releases {
            guard self.codec == .stored, !self.resets, self.encodedLength == 0, self.decodedLength == 0 else {
                throw WireError(.violation(.block), "A block with RELEASE is not empty (V1-14).")
            }
            return
        }
        guard (1...Self.maximumDecodedLength).contains(self.decodedLength) else {
            throw WireError(.violation(.block), "A block decodes to nothing, or to more than 64 KiB (V1-11).")
        }
        if self.codec == .stored {
            guard self.encodedLength == self.decodedLength, !self.resets else {
                throw WireError(.violation(.block), "A stored block has two lengths, or RESET (V1-11, V1-13).")
            }
        } else {
            guard (1..<self.decodedLength).contains(self.encodedLength) else {
                throw WireError(.violation(.block), "A coded block is empty, or did not shrink (V1-11).")
            }
        }
    }
}
