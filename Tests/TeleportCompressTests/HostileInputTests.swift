import TestTraits
import Testing

import struct NIOCore.ByteBuffer

@testable import TeleportCompress
import TeleportTestKit

@Suite(.computing) struct HostileInputTests {
    @Test("a stream cut at any byte gives a prefix and asks for more", arguments: CodecKind.allCases)
    func truncated(kind: CodecKind) throws {
        var compressor = Compressor(CompressionCodec(kind))
        var stream = ByteBuffer()
        var plain = ByteBuffer()
        for index in 0..<4 {
            let batch = sampleText(400, seed: UInt64(index))
            try compressor.compress(batch, into: &stream)
            plain.writeImmutableBuffer(batch)
        }
        for length in 0..<stream.readableBytes {
            var input = try #require(stream.getSlice(at: 0, length: length))
            var output = ByteBuffer()
            var decompressor = Decompressor(kind)
            try decompressor.decompressAll(&input, into: &output, limit: plain.readableBytes)
            #expect(output == plain.getSlice(at: 0, length: output.readableBytes))
            // The rest of the stream completes it.
            input.writeImmutableBuffer(try #require(stream.getSlice(at: length, length: stream.readableBytes - length)))
            try decompressor.decompressAll(&input, into: &output, limit: plain.readableBytes)
            #expect(output == plain)
        }
    }

    @Test(
        "random damage never crashes, never exceeds the limit, and gives the same however it is cut", arguments: coded)
    func mutations(kind: CodecKind) throws {
        var random = SeededRandom()
        let stream = Array(try compressed(sampleText(1500), CompressionCodec(kind)).readableBytesView)
        for _ in 0..<200 {
            var damaged = stream
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let index = Int.random(in: 0..<damaged.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: damaged[index] = UInt8.random(in: .min ... .max, using: &random)
                case 1: damaged[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 2: damaged.remove(at: index)
                default: damaged.insert(contentsOf: damaged[index...].prefix(20), at: index)
                }
            }
            let input = ByteBuffer(bytes: damaged)
            do {
                _ = try verifyCuts(input, kind, seed: random.next(), limit: 1000)
            } catch {
                Issue.record("\(random): \(error)")
                return
            }
            let limit = Int.random(in: 0...2000, using: &random)
            var rest = input
            var output = ByteBuffer()
            var decompressor = Decompressor(kind)
            try? decompressor.decompressAll(&rest, into: &output, limit: limit)
            #expect(output.readableBytes <= limit, "\(random)")
            #expect(output.capacity <= 8192, "\(random)")
        }
    }

    @Test("the first error is final until the stream is started again", arguments: coded)
    func finalError(kind: CodecKind) throws {
        let good = try compressed(sampleText(100), CompressionCodec(kind))
        var decompressor = Decompressor(kind)
        var output = ByteBuffer()
        var bad = ByteBuffer(bytes: [0, 0, 5, 0, 0])
        let error = try #require(throws: CompressionError.self) {
            try decompressor.decompressAll(&bad, into: &output, limit: 1000)
        }
        var input = good
        #expect(throws: error) { try decompressor.decompressAll(&input, into: &output, limit: 1000) }
        #expect(input == good, "input is not touched any more")
        decompressor.reset()
        try decompressor.decompressAll(&input, into: &output, limit: 1000)
        #expect(output == sampleText(100))
    }

    @Test("an exceeded limit is final too", arguments: CodecKind.allCases)
    func finalLimit(kind: CodecKind) throws {
        var input = try compressed(sampleText(100), CompressionCodec(kind))
        var decompressor = Decompressor(kind)
        var output = ByteBuffer()
        #expect(throws: CompressionError(.outputLimitExceeded(limit: 99))) {
            try decompressor.decompressAll(&input, into: &output, limit: 99)
        }
        #expect(throws: CompressionError(.outputLimitExceeded(limit: 99))) {
            try decompressor.decompress(&input, into: &output, limit: 1000)
        }
    }
}
