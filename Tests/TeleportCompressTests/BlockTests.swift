import TestTraits
import Testing

import struct NIOCore.ByteBuffer

import TeleportCompress
import TeleportTestKit

/// Rules V1-11 to V1-20, from both ends.
@Suite(.computing) struct BlockTests {
    @Test(
        "blocks of every length come back", arguments: blockCodecs,
        [1, 2, 31, 32, 33, 100, 255, 256, 257, 1000, 4096, 65_535, 65_536])
    func lengths(codec: CompressionCodec, length: Int) throws {
        var compressor = BlockCompressor(codec)
        var decompressor = BlockDecompressor()
        for seed in 0..<4 {
            try compressor.send(sampleText(length, seed: UInt64(seed))).check(&decompressor)
            try compressor.send(ByteBuffer(repeating: 0x61, count: length)).check(&decompressor)
            try compressor.send(noise(length, seed: UInt64(seed))).check(&decompressor)
        }
    }

    @Test("blocks of equal bytes and of 64 KiB shrink", arguments: blockCodecs)
    func shrinks(codec: CompressionCodec) throws {
        var compressor = BlockCompressor(codec)
        #expect(try compressor.send(ByteBuffer(repeating: 0x61, count: 65_536)).encoded.readableBytes < 4000)
        #expect(try compressor.send(sampleText(65_536)).encoded.readableBytes < 40_000)
    }

    @Test("none stores everything, and keeps nothing")
    func none() throws {
        var compressor = BlockCompressor(.none)
        #expect(try compressor.send(sampleText(1000)).isStored)
        #expect(!compressor.hasHistory)
        let hadHistory = compressor.release()
        #expect(!hadHistory)
    }

    @Test("RESET stands on the first encoded block, and on no other", arguments: blockCodecs)
    func firstResets(codec: CompressionCodec) throws {
        var compressor = BlockCompressor(codec)
        #expect(try compressor.send(noise(1000)).isStored)
        for index in 0..<5 {
            let block = try compressor.send(sampleText(1000, seed: UInt64(index)))
            #expect(!block.isStored)
            #expect(block.resets == (index == 0))
        }
    }

    @Test("history makes the second copy of a block short", arguments: blockCodecs)
    func history(codec: CompressionCodec) throws {
        var compressor = BlockCompressor(codec)
        var decompressor = BlockDecompressor()
        let plain = sampleText(400)
        let first = try compressor.send(plain)
        let second = try compressor.send(plain)
        try first.check(&decompressor)
        try second.check(&decompressor)
        if codec.kind == .snappy {
            #expect(first.encoded == second.encoded)
        } else {
            #expect(second.encoded.readableBytes < first.encoded.readableBytes / 4)
        }
        #expect(decompressor.hasHistory == (codec.kind != .snappy))
    }

    @Test("noise is stored, and leaves the history as it was", arguments: blockCodecs)
    func noiseLeavesHistory(codec: CompressionCodec) throws {
        var compressor = BlockCompressor(codec)
        var decompressor = BlockDecompressor()
        try compressor.send(sampleText(1000)).check(&decompressor)
        for seed in 0..<10 {
            let block = try compressor.send(noise(10_000, seed: UInt64(seed)))
            #expect(block.isStored)
            try block.check(&decompressor)
        }
        let again = try compressor.send(sampleText(1000))
        #expect(!again.isStored && !again.resets)
        try again.check(&decompressor)
    }

    @Test("an attempt that failed is stored, and the next encoded block resets", arguments: blockCodecs)
    func failedAttempt(codec: CompressionCodec) throws {
        var compressor = BlockCompressor(codec)
        var decompressor = BlockDecompressor()
        try compressor.send(sampleText(1000)).check(&decompressor)
        // Too short for noise to be recognised as such.
        let failed = try compressor.send(noise(200, seed: 77))
        #expect(failed.isStored)
        try failed.check(&decompressor)
        let next = try compressor.send(sampleText(1000))
        #expect(!next.isStored && next.resets)
        try next.check(&decompressor)
    }

    @Test("a release frees both ends, is told once, and the next block resets", arguments: blockCodecs)
    func release(codec: CompressionCodec) throws {
        var compressor = BlockCompressor(codec)
        var decompressor = BlockDecompressor()
        let hasHistory = codec.kind != .snappy
        var isTold = compressor.release()
        #expect(!isTold, "there was nothing yet")
        for _ in 0..<3 {
            let block = try compressor.send(sampleText(5000))
            #expect(block.resets)
            try block.check(&decompressor)
            #expect(compressor.hasHistory == hasHistory)
            #expect(decompressor.hasHistory == hasHistory)
            isTold = compressor.release()
            #expect(isTold == hasHistory)
            isTold = compressor.release()
            #expect(!isTold)
            decompressor.release()
            #expect(!compressor.hasHistory)
            #expect(!decompressor.hasHistory)
        }
    }

    @Test("what only failed attempts took is freed, and need not be told", arguments: blockCodecs)
    func releaseAfterFailure(codec: CompressionCodec) throws {
        var compressor = BlockCompressor(codec)
        #expect(try compressor.send(noise(200)).isStored)
        #expect(compressor.hasHistory == (codec.kind != .snappy))
        let isTold = compressor.release()
        #expect(!isTold)
        #expect(!compressor.hasHistory)
    }

    @Test("nothing is taken for blocks that are stored", arguments: blockCodecs)
    func storedTakesNothing(codec: CompressionCodec) throws {
        var compressor = BlockCompressor(codec)
        var decompressor = BlockDecompressor()
        for plain in [noise(10_000), sampleText(31), ByteBuffer(string: "a")] {
            let block = try compressor.send(plain)
            #expect(block.isStored)
            try block.check(&decompressor)
        }
        #expect(!compressor.hasHistory)
        #expect(!decompressor.hasHistory)
    }

    @Test("a peer may change its codec, and reset whenever it likes")
    func codecChange() throws {
        var decompressor = BlockDecompressor()
        for round in 0..<3 {
            for codec in blockCodecs {
                var compressor = BlockCompressor(codec)
                for index in 0..<3 {
                    let block = try compressor.send(sampleText(3000, seed: UInt64(index)))
                    #expect(block.resets == (index == 0), "\(codec), round \(round)")
                    try block.check(&decompressor)
                }
            }
        }
    }

    @Test("copies are handles to one direction")
    func handles() throws {
        var one = BlockCompressor(.flate)
        var other = one
        var decompressor = BlockDecompressor()
        var sameDecompressor = decompressor
        try one.send(sampleText(1000)).check(&decompressor)
        let second = try other.send(sampleText(1000))
        #expect(!second.resets)
        try second.check(&sameDecompressor)
    }

    @Test("lz4's history is what its own blocks carried, through every move of the windows")
    func lz4History() throws {
        var compressor = BlockCompressor(.lz4)
        var decompressor = BlockDecompressor()
        for index in 0..<300 {
            let plain = sampleText(1 + index * 733 % 65_536, seed: UInt64(index / 2))
            try compressor.send(plain).check(&decompressor)
            if index % 3 == 0 {
                try compressor.send(noise(2000, seed: UInt64(index))).check(&decompressor)
            }
        }
    }

    @Test("any sequence of blocks, releases and codecs arrives", arguments: 0..<8)
    func sequences(_: Int) throws {
        var random = SeededRandom()
        var decompressor = BlockDecompressor()
        var compressor = BlockCompressor(.zstd)
        do {
            for _ in 0..<600 {
                switch Int.random(in: 0..<40, using: &random) {
                case 0:
                    if compressor.release() {
                        decompressor.release()
                    }
                case 1:
                    compressor = BlockCompressor(try #require(blockCodecs.randomElement(using: &random)))
                default:
                    try compressor.send(anything(upTo: 16, using: &random)).check(&decompressor)
                }
            }
        } catch {
            Issue.record("\(random): \(error)")
        }
    }
}
