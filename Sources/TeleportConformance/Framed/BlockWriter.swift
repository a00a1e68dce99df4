internal import NIOCore
internal import TeleportCompress

/// Encodes what a check sends in coded blocks.
struct BlockWriter {
    private var codec: BlockCodec?
    private var compressor = BlockCompressor(.none)

    /// An encoded block, before it is known how its header is to lie.
    struct Encoded {
        let codec: BlockCodec
        let resets: Bool
        let bytes: [UInt8]
        let decodedLength: Int

        /// As it should be, or with a header that says something else.
        func block(resets: Bool? = nil, decodedLength: Int? = nil, bytes: [UInt8]? = nil) -> [UInt8] {
            let tag = self.codec.rawValue | (resets ?? self.resets ? Block.reset : 0)
            let bytes = bytes ?? self.bytes
            return Block.header(tag, encoded: bytes.count, decoded: decodedLength ?? self.decodedLength) + bytes
        }
    }

    /// Encodes up to 64 KiB.
    ///
    /// - Throws: ``NotObserved`` if the bytes do not shrink: a check sends what does.
    mutating func encode(_ bytes: [UInt8], in codec: BlockCodec) throws -> Encoded {
        if self.codec != codec {
            self.codec = codec
            self.compressor = BlockCompressor(CompressionCodec(codec.kind))
        }
        var output = ByteBuffer()
        guard case .encoded(let resets) = try self.compressor.compress(ByteBuffer(bytes: bytes), into: &output) else {
            throw NotObserved("the tool cannot make \(bytes.count) bytes shorter with \(codec)")
        }
        return Encoded(codec: codec, resets: resets, bytes: Array(output.readableBytesView), decodedLength: bytes.count)
    }

    /// Forgets the history: the next block begins anew.
    mutating func release() { self.codec = nil }
}
