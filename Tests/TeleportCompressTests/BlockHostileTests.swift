import TestTraits
import Testing

import struct NIOCore.ByteBuffer

import TeleportCompress
import TeleportTestKit

/// What a peer must not send in blocks. `BlockVectorTests` has more, made by other implementations.
@Suite(.computing) struct BlockHostileTests {
    /// Three blocks of a direction.
    private struct Direction {
        private let first: SentBlock
        private let second: SentBlock
        let third: SentBlock

        init(_ codec: CompressionCodec) throws {
            var compressor = BlockCompressor(codec)
            self.first = try compressor.send(sampleText(2000, seed: 1))
            self.second = try compressor.send(sampleText(2000, seed: 2))
            self.third = try compressor.send(sampleText(700, seed: 3))
        }

        /// A decompressor that has taken the first two.
        func decompressor() throws -> BlockDecompressor {
            var decompressor = BlockDecompressor()
            try self.first.check(&decompressor)
            try self.second.check(&decompressor)
            return decompressor
        }
    }

    @Test("a block cut at any byte is refused", arguments: blockCodecs)
    func truncated(codec: CompressionCodec) throws {
        let direction = try Direction(codec)
        let length = direction.third.encoded.readableBytes
        for count in 0..<length {
            var block = direction.third
            var decompressor = try direction.decompressor()
            block.encoded = try #require(block.encoded.getSlice(at: block.encoded.readerIndex, length: count))
            #expect(block.failure(&decompressor) != nil, "\(count) of \(length) bytes")
        }
    }

    @Test("a block with more bytes than it needs is refused", arguments: blockCodecs)
    func extended(codec: CompressionCodec) throws {
        let direction = try Direction(codec)
        let excesses: [[UInt8]] = [
            [0], [1], [0xff], [0, 0], [0, 0, 0], [0, 0, 0xff, 0xff], Array(repeating: 0, count: 20),
        ]
        // Three zeros are a block of zstd's own, an empty one.
        for excess in excesses where codec.kind != .zstd || excess != [0, 0, 0] {
            var block = direction.third
            var decompressor = try direction.decompressor()
            block.encoded.writeBytes(excess)
            #expect(block.failure(&decompressor) == .corruptInput, "\(excess)")
        }
    }

    @Test("a block that expands to another length than declared is refused", arguments: blockCodecs)
    func wrongLength(codec: CompressionCodec) throws {
        let direction = try Direction(codec)
        let encodedLength = direction.third.encoded.readableBytes
        for length in [699, 701, 65_536, encodedLength, encodedLength - 1, 1, 0, -1, .min] {
            var decompressor = try direction.decompressor()
            #expect(direction.third.failure(&decompressor, decodedLength: length) == .corruptInput)
        }
    }

    @Test("more than 64 KiB is refused before anything is expanded", arguments: coded + [.none])
    func tooLarge(kind: CodecKind) throws {
        var decompressor = BlockDecompressor()
        let block = SentBlock(kind: kind, resets: true, encoded: noise(100), plain: ByteBuffer())
        for length in [65_537, 1 << 24, .max] {
            var output = ByteBuffer()
            #expect(throws: CompressionError(.chunkTooLarge)) {
                try decompressor.decompress(
                    block.kind, resets: block.resets, block.encoded, decodedLength: length, into: &output)
            }
            #expect(output.capacity == 0)
        }
    }

    @Test("V1-13: the first encoded block must reset", arguments: blockCodecs)
    func firstWithoutReset(codec: CompressionCodec) throws {
        var decompressor = BlockDecompressor()
        var block = try Direction(codec).third
        #expect(block.failure(&decompressor) == .missingReset)
        block.resets = true
        // History or not: it is at fault now, if it has one.
        let isRefused = block.failure(&decompressor) != nil
        #expect(isRefused == (codec.kind != .snappy))
    }

    @Test("V1-13: behind a release, an error or another codec a block must reset", arguments: blockCodecs)
    func laterWithoutReset(codec: CompressionCodec) throws {
        let direction = try Direction(codec)
        let block = direction.third
        var decompressor = try direction.decompressor()
        decompressor.release()
        #expect(block.failure(&decompressor) == .missingReset)

        decompressor = try direction.decompressor()
        #expect(block.failure(&decompressor, decodedLength: 701) == .corruptInput)
        #expect(block.failure(&decompressor) == .missingReset)

        decompressor = try direction.decompressor()
        var other = BlockCompressor(codec.kind == .lz4 ? .snappy : .lz4)
        try other.send(sampleText(700)).check(&decompressor)
        #expect(block.failure(&decompressor) == .missingReset)
    }

    @Test("a stored block has as many bytes as it declares, and no RESET")
    func stored() throws {
        var decompressor = BlockDecompressor()
        var block = SentBlock(encoded: ByteBuffer(string: "abc"), plain: ByteBuffer(string: "abc"))
        try block.check(&decompressor)
        #expect(block.failure(&decompressor, decodedLength: 2) == .corruptInput)
        #expect(block.failure(&decompressor, decodedLength: 4) == .corruptInput)
        block.resets = true
        #expect(block.failure(&decompressor) == .corruptInput)
        block = SentBlock(encoded: ByteBuffer(), plain: ByteBuffer())
        #expect(block.failure(&decompressor) == .corruptInput)
    }

    @Test(
        "random damage is refused or gives the declared length, never more, and never crashes", arguments: blockCodecs)
    func damaged(codec: CompressionCodec) throws {
        var random = SeededRandom()
        var refused = 0
        let direction = try Direction(codec)
        var compressor = BlockCompressor(codec)
        let first = try compressor.send(sampleText(3000))
        for _ in 0..<300 {
            var block = Bool.random(using: &random) ? first : direction.third
            var decompressor = try direction.decompressor()
            var bytes = Array(block.encoded.readableBytesView)
            for _ in 0..<Int.random(in: 1...6, using: &random) where !bytes.isEmpty {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[index] = UInt8.random(in: .min ... .max, using: &random)
                case 1: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 2: bytes.remove(at: index)
                default: bytes.insert(contentsOf: bytes[index...].prefix(20), at: index)
                }
            }
            block.encoded = ByteBuffer(bytes: bytes)
            var output = ByteBuffer()
            do throws(CompressionError) {
                try decompressor.decompress(
                    block.kind, resets: block.resets, block.encoded, decodedLength: block.plain.readableBytes,
                    into: &output)
                #expect(output.readableBytes == block.plain.readableBytes, "\(random)")
            } catch {
                refused += 1
                #expect(output.readableBytes == 0, "\(random)")
            }
            #expect(output.capacity <= 2 * block.plain.readableBytes, "\(random)")
        }
        #expect(refused > 75, "\(random)")
    }

    @Test("64 KiB of zeros in a few bytes take no more memory than they are", arguments: coded)
    func bomb(kind: CodecKind) throws {
        var compressor = BlockCompressor(CompressionCodec(kind))
        var decompressor = BlockDecompressor()
        let block = try compressor.send(ByteBuffer(repeating: 0, count: 65_536))
        try block.check(&decompressor)
        decompressor.release()
        // Declared as less, it is refused, and not expanded first.
        var output = ByteBuffer()
        #expect(throws: CompressionError(.corruptInput)) {
            try decompressor.decompress(
                kind, resets: true, block.encoded, decodedLength: block.encoded.readableBytes + 1, into: &output)
        }
        #expect(output.capacity <= 2 * block.encoded.readableBytes + 64)
    }

    @Test("V1-16: a window over the limit is refused before memory is taken for it")
    func window() throws {
        var compressor = BlockCompressor(try .zstd(level: 1, windowLog: 20))
        let block = try compressor.send(sampleText(1000))
        var narrow = BlockDecompressor()
        #expect(block.failure(&narrow) == .windowTooLarge(limit: 1 << 17))
        var wide = BlockDecompressor(zstdWindowLog: 20)
        try block.check(&wide)
        compressor = BlockCompressor(.zstd)
        var narrowest = BlockDecompressor(zstdWindowLog: 10)
        #expect(try compressor.send(sampleText(1000)).failure(&narrowest) == .windowTooLarge(limit: 1024))
    }

    @Test("V1-16: no other frame in the middle of a direction, and none that ends")
    func frames() throws {
        let pieces: [[UInt8]] = [
            [1, 0, 0], [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38], [0], [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0],
        ]
        let direction = try Direction(.zstd)
        for piece in pieces {
            var block = direction.third
            var decompressor = try direction.decompressor()
            block.encoded.writeBytes(piece)
            #expect(block.failure(&decompressor) == .corruptInput)
            block = direction.third
            decompressor = try direction.decompressor()
            block.encoded = ByteBuffer(bytes: piece + Array(block.encoded.readableBytesView))
            #expect(block.failure(&decompressor) == .corruptInput)
        }
        // An end without its frame, which the stream face reads over.
        var compressor = BlockCompressor(.zstd)
        var block = try compressor.send(sampleText(700))
        block.encoded = ByteBuffer(bytes: [1, 0, 0] + Array(block.encoded.readableBytesView))
        var decompressor = BlockDecompressor()
        #expect(block.failure(&decompressor) == .corruptInput)
    }

    @Test("V1-15: a final block is refused, also when it gives the right bytes")
    func finalBlock() throws {
        // `zlib.compressobj(6, zlib.DEFLATED, -15)` of Python over "hello hello hello".
        let block = SentBlock(
            kind: .flate, resets: true, encoded: ByteBuffer(bytes: FlateTests.ended),
            plain: ByteBuffer(string: "hello hello hello"))
        var decompressor = BlockDecompressor()
        #expect(block.failure(&decompressor) == .corruptInput)
    }
}
