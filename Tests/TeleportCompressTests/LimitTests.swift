import TestTraits
import Testing

import struct NIOCore.ByteBuffer

import TeleportCompress
import TeleportTestKit

@Suite(.computing) struct LimitTests {
    /// 1 GiB of zeros: what 1 MiB compresses to, 1024 times. Behind a release it refers to nothing before it.
    static func bomb(_ kind: CodecKind) throws -> ByteBuffer {
        let zeros = ByteBuffer(repeating: 0, count: 1 << 20)
        var compressor = Compressor(CompressionCodec(kind))
        var stream = ByteBuffer()
        var piece = ByteBuffer()
        try compressor.compress(zeros, into: &stream)
        compressor.release()
        try compressor.compress(zeros, into: &piece)
        stream.reserveCapacity(1024 * piece.readableBytes)
        for _ in 1..<1024 {
            stream.writeImmutableBuffer(piece)
        }
        return stream
    }

    @Test("1 GiB of zeros stops at the limit, in memory bounded by it", arguments: coded)
    func bombStops(kind: CodecKind) throws {
        let limit = 1 << 20
        var input = try Self.bomb(kind)
        let length = input.readableBytes
        var decompressor = Decompressor(kind)
        var output = ByteBuffer()
        #expect(throws: CompressionError(.outputLimitExceeded(limit: limit))) {
            try decompressor.decompressAll(&input, into: &output, limit: limit)
        }
        #expect(output.readableBytes <= limit)
        #expect(output.capacity <= limit)
        #expect(length - input.readableBytes <= length / 256, "input beyond the limit was worked on")
    }

    @Test("1 GiB of zeros passes through a buffer of 64 KiB", arguments: coded)
    func bombPasses(kind: CodecKind) throws {
        var input = try Self.bomb(kind)
        var decompressor = Decompressor(kind)
        var output = ByteBuffer()
        var total = 0
        var progress = Decompressor.Progress.outputFull
        while progress == .outputFull {
            output.clear()
            progress = try decompressor.decompress(&input, into: &output, limit: 65_536)
            total += output.readableBytes
        }
        #expect(total == 1 << 30)
        #expect(output.capacity <= 65_536)
    }

    @Test(
        "exactly the limit passes, one byte more fails", arguments: CodecKind.allCases,
        [1, 100, 65_536, 65_537, 300_000])
    func exactLimit(kind: CodecKind, length: Int) throws {
        let plain = sampleText(length)
        let stream = try compressed(plain, CompressionCodec(kind))
        #expect(try expanded(stream, kind, limit: length) == plain)
        #expect(try expanded(stream, kind, limit: .max) == plain)

        var input = stream
        var output = ByteBuffer()
        var decompressor = Decompressor(kind)
        #expect(throws: CompressionError(.outputLimitExceeded(limit: length - 1))) {
            try decompressor.decompressAll(&input, into: &output, limit: length - 1)
        }
        #expect(output.readableBytes == length - 1)
    }

    @Test("the limit counts the bytes of one call, not those of the stream", arguments: CodecKind.allCases)
    func limitOfOneCall(kind: CodecKind) throws {
        var compressor = Compressor(CompressionCodec(kind))
        var decompressor = Decompressor(kind)
        var output = ByteBuffer()
        for _ in 0..<5 {
            var link = ByteBuffer()
            try compressor.compress(sampleText(1000), into: &link)
            try decompressor.decompressAll(&link, into: &output, limit: 1000)
        }
        #expect(output.readableBytes == 5000)
    }

    @Test("pulled in pieces of any size, the output is the same", arguments: CodecKind.allCases, [1, 7, 1000, 65_535])
    func pieces(kind: CodecKind, limit: Int) throws {
        let plain = sampleText(min(3000 * limit, 20_000))
        let run = try verifyCuts(try compressed(plain, CompressionCodec(kind)), kind, limit: limit)
        #expect(run.events.first == plain)
        #expect(run.failure == nil)
    }

    @Test("with no room nothing is produced and nothing is lost", arguments: CodecKind.allCases)
    func noRoom(kind: CodecKind) throws {
        let plain = sampleText(1000)
        var input = try compressed(plain, CompressionCodec(kind))
        var decompressor = Decompressor(kind)
        var output = ByteBuffer()
        #expect(try decompressor.decompress(&input, into: &output, limit: 0) == .outputFull)
        #expect(output.readableBytes == 0)
        #expect(try decompressor.decompress(&input, into: &output, limit: 2000) == .needsInput)
        #expect(output == plain)
        #expect(try decompressor.decompress(&input, into: &output, limit: 0) == .needsInput)
    }

    @Test("a reused buffer of sufficient size is not replaced", arguments: coded)
    func reuse(kind: CodecKind) throws {
        var compressor = Compressor(CompressionCodec(kind))
        var decompressor = Decompressor(kind)
        var link = ByteBuffer()
        var output = ByteBuffer()
        let batch = sampleText(20_000)
        var places: Set<UInt> = []
        for _ in 0..<20 {
            link.clear()
            output.clear()
            try compressor.compress(batch, into: &link)
            places.insert(link.withVeryUnsafeBytes { UInt(bitPattern: $0.baseAddress) })
            try decompressor.decompressAll(&link, into: &output, limit: 20_000)
            places.insert(output.withVeryUnsafeBytes { UInt(bitPattern: $0.baseAddress) })
        }
        #expect(places.count <= 3, "the first batches may still grow their buffers")
    }
}
