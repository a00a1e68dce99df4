internal import NIOCore
internal import TeleportCompress

/// Decodes the blocks that a peer sends, as strictly as the specification has them (rules V1-10 to V1-14).
struct BlockReader {
    /// What one block decoded to.
    struct Piece {
        /// Counts the blocks of the direction.
        let number: Int
        let codec: BlockCodec
        let bytes: [UInt8]
    }

    /// What this side said that it decodes.
    let offered: UInt8
    private var input = ByteBuffer()
    private var number = 0
    private var history: BlockCodec?
    private var decompressor: BlockDecompressor
    private(set) var releases = 0
    /// Blocks of each codec that came.
    private(set) var counts: [BlockCodec: Int] = [:]

    init(offered: UInt8, windowLog: Int = 17) {
        self.offered = offered
        self.decompressor = BlockDecompressor(zstdWindowLog: windowLog)
    }

    /// Whether the peer stopped within a block.
    var isWithinBlock: Bool { self.input.readableBytes > 0 }

    /// - Returns: the blocks that are complete now.
    mutating func feed(_ bytes: ByteBuffer) throws(Fault) -> [Piece] {
        self.input.writeImmutableBuffer(bytes)
        var pieces: [Piece] = []
        while let piece = try self.next() {
            // A RELEASE holds nothing.
            if !piece.bytes.isEmpty { pieces.append(piece) }
        }
        self.input.discardReadBytes()
        return pieces
    }

    private mutating func next() throws(Fault) -> Piece? {
        guard let header = self.input.getBytes(at: self.input.readerIndex, length: Block.headerLength) else {
            return nil
        }
        var reader = ByteReader(header)
        guard let tag = reader.byte(), let encoded = reader.u24(), let decoded = reader.u24() else { return nil }
        let codec = try self.check(tag, encoded: encoded, decoded: decoded)
        guard self.input.readableBytes >= Block.headerLength + encoded else { return nil }
        self.input.moveReaderIndex(forwardBy: Block.headerLength)
        guard let slice = self.input.readSlice(length: encoded) else { return nil }
        self.number += 1
        if tag & Block.release != 0 {
            self.history = nil
            self.decompressor.release()
            self.releases += 1
            return Piece(number: self.number, codec: .stored, bytes: [])
        }
        self.counts[codec, default: 0] += 1
        return Piece(
            number: self.number, codec: codec,
            bytes: try self.decode(slice, codec, resets: tag & Block.reset != 0, decoded: decoded))
    }

    private mutating func check(_ tag: UInt8, encoded: Int, decoded: Int) throws(Fault) -> BlockCodec {
        guard tag & 0xC0 == 0 else { throw Fault("V1-11", "a block with the unknown flags \(hex: tag & 0xC0)") }
        guard let codec = BlockCodec(rawValue: tag & 0x0F) else {
            throw Fault("V1-11", "a block of the unknown codec \(tag & 0x0F)")
        }
        guard codec.isDecoded(by: self.offered) else {
            throw Fault("V1-1", "a block in \(codec), which was not offered")
        }
        if tag & Block.release != 0 {
            guard codec == .stored, tag & Block.reset == 0, encoded == 0, decoded == 0 else {
                throw Fault("V1-14", "a block with RELEASE that is not empty")
            }
            return codec
        }
        guard (1...Block.maximumLength).contains(decoded) else {
            throw Fault("V1-11", "a block with decoded length \(decoded)")
        }
        if codec == .stored {
            guard encoded == decoded else { throw Fault("V1-11", "a stored block with two lengths") }
            guard tag & Block.reset == 0 else { throw Fault("V1-13", "RESET on a stored block") }
        } else {
            guard (1..<decoded).contains(encoded) else {
                throw Fault("V1-11", "a coded block of \(encoded) bytes for \(decoded)")
            }
        }
        return codec
    }

    private mutating func decode(
        _ bytes: ByteBuffer, _ codec: BlockCodec, resets: Bool, decoded: Int
    ) throws(Fault) -> [UInt8] {
        guard codec != .stored else { return Array(bytes.readableBytesView) }
        guard resets || self.history == codec else {
            throw Fault("V1-13", "a block in \(codec) without RESET, though nothing of that codec precedes it")
        }
        self.history = codec
        var plain = ByteBuffer()
        do {
            try self.decompressor.decompress(
                codec.kind, resets: resets, bytes, decodedLength: decoded, into: &plain)
        } catch {
            if case .windowTooLarge = error.code { throw Fault("V1-16", "a zstd window over what was allowed") }
            throw Fault("V1-12", "a block in \(codec) that does not decode to its \(decoded) bytes")
        }
        return Array(plain.readableBytesView)
    }
}
