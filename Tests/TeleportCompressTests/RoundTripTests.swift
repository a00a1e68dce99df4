import TestTraits
import Testing

import struct NIOCore.ByteBuffer

import TeleportCompress
import TeleportTestKit

@Suite(.computing) struct RoundTripTests {
    static let codecs: [CompressionCodec] =
        [.none, .snappy, .lz4] + (1...9).compactMap { try? CompressionCodec.flate(level: $0) }
        + [1, 3, 5, 9, 13, 19].compactMap { try? CompressionCodec.zstd(level: $0) }
        + [10, 15].compactMap { try? CompressionCodec.zstd(level: 1, windowLog: $0) }

    @Test("each batch can be expanded as soon as it was flushed", arguments: codecs)
    func batches(codec: CompressionCodec) throws {
        var compressor = Compressor(codec)
        var decompressor = Decompressor(codec.kind)
        var link = ByteBuffer()
        var output = ByteBuffer()
        // Across the chunk length and across the whole of lz4's window, several times.
        let lengths = [1, 2, 100, 4096, 65_535, 65_536, 65_537, 200_000, 3, 131_072, 70_000, 70_000, 5]
        for (index, length) in lengths.enumerated() {
            let batch = index % 4 == 3 ? noise(length, seed: UInt64(index)) : sampleText(length, seed: UInt64(index))
            try compressor.compress(batch, into: &link)
            output.clear()
            try decompressor.decompressAll(&link, into: &output, limit: length)
            #expect(output == batch)
            #expect(link.readableBytes == 0)
        }
    }

    @Test("a batch of no bytes adds nothing", arguments: codecs)
    func emptyBatch(codec: CompressionCodec) throws {
        var compressor = Compressor(codec)
        var link = ByteBuffer()
        try compressor.compress(ByteBuffer(), into: &link)
        #expect(link.readableBytes == 0)
        try compressor.compress(sampleText(100), into: &link)
        let length = link.readableBytes
        try compressor.compress(ByteBuffer(), into: &link)
        #expect(link.readableBytes == length)
    }

    @Test("output is appended behind what the buffer holds, input read from where it stands", arguments: codecs)
    func offsets(codec: CompressionCodec) throws {
        var input = ByteBuffer(string: "skipped")
        input.moveReaderIndex(forwardBy: 7)
        input.writeImmutableBuffer(sampleText(5000))
        var compressor = Compressor(codec)
        var link = ByteBuffer(string: "before")
        try compressor.compress(input, into: &link)
        #expect(link.readString(length: 6) == "before")
        var decompressor = Decompressor(codec.kind)
        var output = ByteBuffer(string: "before")
        try decompressor.decompressAll(&link, into: &output, limit: 5000)
        #expect(output.readString(length: 6) == "before")
        #expect(output == input)
    }

    @Test("history makes the second copy of a batch short", arguments: [CompressionCodec.flate, .lz4, .zstd])
    func history(codec: CompressionCodec) throws {
        var compressor = Compressor(codec)
        // Of longer ones ISA-L, which looks in one place only, finds no more than half.
        let batch = noise(4000)
        var first = ByteBuffer()
        var second = ByteBuffer()
        try compressor.compress(batch, into: &first)
        try compressor.compress(batch, into: &second)
        #expect(first.readableBytes > 4000)
        #expect(second.readableBytes < 200)
    }

    @Test("bytes that do not compress grow by no more than the format's frame", arguments: codecs)
    func incompressible(codec: CompressionCodec) throws {
        let plain = noise(1_000_000)
        let link = try compressed(plain, codec)
        // Blocks of zstd are no longer than its window, and have three bytes of header.
        let share = codec.windowLog == 10 ? 300 : 1000
        #expect(link.readableBytes <= plain.readableBytes + plain.readableBytes / share + 64)
        #expect(try expanded(link, codec.kind) == plain)
    }

    @Test("streams in all cuts give the same output", arguments: CodecKind.allCases)
    func cuts(kind: CodecKind) throws {
        var compressor = Compressor(CompressionCodec(kind))
        var link = ByteBuffer()
        var plain = ByteBuffer()
        for index in 0..<20 {
            let batch = sampleText(1 + index * index * 20, seed: UInt64(index))
            try compressor.compress(batch, into: &link)
            plain.writeImmutableBuffer(batch)
        }
        #expect(try expandedInAllCuts(link, kind) == plain)
    }

    @Test("a sender may release its memory between batches and the receiver never notices", arguments: codecs)
    func releaseOfSender(codec: CompressionCodec) throws {
        var compressor = Compressor(codec)
        var decompressor = Decompressor(codec.kind)
        var link = ByteBuffer()
        compressor.release()
        for index in 0..<6 {
            let batch = sampleText(30_000, seed: UInt64(index / 2))
            try compressor.compress(batch, into: &link)
            var output = ByteBuffer()
            try decompressor.decompressAll(&link, into: &output, limit: 30_000)
            #expect(output == batch)
            compressor.release()
        }
    }

    @Test("both ends may start again, with or without their memory", arguments: codecs)
    func startAgain(codec: CompressionCodec) throws {
        var compressor = Compressor(codec)
        var decompressor = Decompressor(codec.kind)
        let batch = sampleText(30_000)
        for index in 0..<6 {
            var link = ByteBuffer()
            try compressor.compress(batch, into: &link)
            if codec != .snappy || index % 2 == 0 {
                #expect(try expanded(link, codec.kind) == batch, "a fresh stream refers to nothing before it")
            }
            var output = ByteBuffer()
            try decompressor.decompressAll(&link, into: &output, limit: 30_000)
            #expect(output == batch)
            if index % 2 == 0 {
                compressor.release()
                // Snappy's sender goes on with its stream, so its receiver has to.
                if codec != .snappy { decompressor.release() }
            } else {
                compressor.reset()
                decompressor.reset()
            }
        }
    }

    @Test("copies are handles to one stream")
    func handles() throws {
        var one = Compressor(.flate)
        var other = one
        var link = ByteBuffer()
        try one.compress(sampleText(1000), into: &link)
        try other.compress(sampleText(1000), into: &link)
        #expect(try expanded(link, .flate).readableBytes == 2000)
    }
}
