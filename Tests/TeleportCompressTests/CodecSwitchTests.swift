import TeleportTestKit
import TestTraits
import Testing

import struct NIOCore.ByteBuffer

import TeleportCompress

/// Rules V1-13 and V1-20: a sender may change codec and level, and store, at any block; the receiver needs nothing for it.
@Suite(.computing) struct CodecSwitchTests {
    @Test("a receiver follows random changes of codec and level, blocks stored between them, byte for byte")
    func random() throws {
        for _ in 0..<12 {
            var random = SeededRandom()
            let seed = random.seed
            var compressor = BlockCompressor(blockCodecs.randomElement(using: &random) ?? .zstd)
            var decompressor = BlockDecompressor()
            var kinds: Set<CodecKind> = []
            for number in 0..<120 {
                switch Int.random(in: 0..<8, using: &random) {
                case 0: compressor.change(to: .none)
                case 1: if compressor.release() { decompressor.release() }
                case 2, 3: break
                default: compressor.change(to: blockCodecs.randomElement(using: &random) ?? .zstd)
                }
                let length = Int.random(in: 1...(number.isMultiple(of: 10) ? 65_536 : 4096), using: &random)
                let isNoise = Int.random(in: 0..<6, using: &random) == 0
                let plain = isNoise ? noise(length, seed: random.next()) : sampleText(length, seed: random.next())
                let block = try compressor.send(plain)
                kinds.insert(block.kind)
                do {
                    try block.check(&decompressor)
                } catch {
                    Issue.record("block \(number), \(compressor.codec), seed \(seed): \(error)")
                    break
                }
            }
            #expect(kinds.count > 3, "seed \(seed)")
        }
    }

    @Test("a change begins a fresh history, one to the codec of now does not")
    func resets() throws {
        var compressor = BlockCompressor(.zstd)
        let text = sampleText(4000)
        var resets: [Bool] = []
        for codec in [CompressionCodec.zstd, .zstd, try .zstd(level: 6), .lz4, .lz4, .zstd] {
            compressor.change(to: codec)
            #expect(compressor.codec == codec)
            resets.append(try compressor.send(text).resets)
        }
        #expect(resets == [true, false, true, true, false, true])
    }

    @Test("stored blocks between leave the history as it is")
    func storedBetween() throws {
        var compressor = BlockCompressor(.zstd)
        var decompressor = BlockDecompressor()
        let text = sampleText(4000)
        try compressor.send(text).check(&decompressor)
        try SentBlock(encoded: noise(9000), plain: noise(9000)).check(&decompressor)
        let again = try compressor.send(text)
        #expect(!again.resets && again.encoded.readableBytes < 200)
        try again.check(&decompressor)
    }

    @Test("a zstd sender that changed its level sends what a new one at that level would")
    func sameAsNew() throws {
        for level in [1, 3, 6, 9, 19] {
            var changed = BlockCompressor(try .zstd(level: level == 6 ? 1 : 6))
            _ = try changed.send(sampleText(30_000))
            changed.change(to: try .zstd(level: level))
            var new = BlockCompressor(try .zstd(level: level))
            for seed in 1...4 as ClosedRange<UInt64> {
                let text = sampleText(20_000, seed: seed)
                let (left, right) = (try changed.send(text), try new.send(text))
                #expect(left.encoded == right.encoded, "level \(level)")
            }
        }
    }
}
