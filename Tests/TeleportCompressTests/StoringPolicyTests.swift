import TestTraits
import Testing

import struct NIOCore.ByteBuffer

@testable import TeleportCompress
import TeleportTestKit

/// Rule V1-20: what is stored without an attempt.
@Suite(.computing) struct StoringPolicyTests {
    private static func looksLikeNoise(_ buffer: ByteBuffer) -> Bool {
        buffer.withUnsafeReadableBytes { CollisionProbe.looksLikeNoise($0) }
    }

    private static func tries(_ policy: inout StoringPolicy, _ buffer: ByteBuffer) -> Bool {
        buffer.withUnsafeReadableBytes { policy.isWorthTrying($0) }
    }

    private static func base64(_ bytes: some Collection<UInt8>) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        return bytes.map { alphabet[Int($0 & 63)] }
    }

    /// Blocks of one kind, at several lengths and seeds.
    private static func samples(_ make: (Int, UInt64) -> ByteBuffer) -> [ByteBuffer] {
        [256, 300, 511, 512, 1024, 6000].flatMap { length in (0..<30).map { make(length, $0) } }
    }

    @Test("noise is recognised from 512 bytes on, and nearly always from 256 on")
    func noiseIsNoise() {
        let samples = Self.samples { noise($0, seed: $1) }
        for sample in samples where sample.readableBytes >= 512 {
            #expect(Self.looksLikeNoise(sample))
        }
        #expect(samples.filter(Self.looksLikeNoise).count >= samples.count - 6)
    }

    @Test("messages, base64, hexadecimal and the like are not taken for noise")
    func textIsNotNoise() {
        let kinds: [(Int, UInt64) -> ByteBuffer] = [
            { sampleText($0, seed: $1) },
            { ByteBuffer(bytes: Self.base64(noise($0, seed: $1).readableBytesView)) },
            { ByteBuffer(bytes: noise($0, seed: $1).readableBytesView.map { $0 & 15 + 0x30 }) },
            { ByteBuffer(bytes: noise($0, seed: $1).readableBytesView.map { $0 & 0x7f }) },
            { ByteBuffer(repeating: UInt8($1), count: $0) },
            // Every byte value in turn: no two are equal near each other, but all of them far apart.
            { length, _ in ByteBuffer(bytes: (0..<length).map { UInt8($0 % 64 + 100) }) },
        ]
        for (index, kind) in kinds.enumerated() {
            for sample in Self.samples(kind) {
                #expect(!Self.looksLikeNoise(sample), "kind \(index), \(sample.readableBytes) bytes")
            }
        }
    }

    @Test("Chinese, Japanese and Korean in UTF-8 are not taken for noise")
    func scripts() throws {
        // Every character as likely as every other: no text is as near to noise.
        for range in [0x4e00...0x9fff, 0x3040...0x30ff, 0xac00...0xd7a3] {
            for sample in Self.samples({ length, seed in
                var random = SeededRandom(seed: seed)
                var text = ByteBuffer()
                while text.readableBytes < length {
                    let scalar = UnicodeScalar(UInt32(Int.random(in: range, using: &random)))
                    text.writeString(String(scalar.map(Character.init) ?? "?"))
                }
                return text
            }) {
                #expect(!Self.looksLikeNoise(sample))
            }
        }
    }

    @Test("a table with columns of noise is not taken for noise")
    func columns() {
        for width in [8, 16, 24, 32, 64] {
            var table = ByteBuffer()
            for row in 0..<1000 {
                table.writeImmutableBuffer(noise(width / 2, seed: UInt64(row)))
                table.writeRepeatingByte(0, count: width - width / 2)
            }
            #expect(!Self.looksLikeNoise(table), "rows of \(width) bytes")
        }
    }

    @Test("the end of a block counts as much as its beginning")
    func spread() {
        var mixed = noise(10_000)
        mixed.writeImmutableBuffer(sampleText(10_000))
        #expect(!Self.looksLikeNoise(mixed))
        mixed = sampleText(10_000)
        mixed.writeImmutableBuffer(noise(10_000))
        #expect(!Self.looksLikeNoise(mixed))
    }

    @Test("blocks of fewer than 32 bytes are not tried, and noise is not")
    func notTried() {
        var policy = StoringPolicy()
        #expect(!Self.tries(&policy, sampleText(31)))
        #expect(Self.tries(&policy, sampleText(32)))
        #expect(!Self.tries(&policy, noise(1000)))
        #expect(Self.tries(&policy, noise(200)), "too short to tell")
    }

    @Test("after failures 1, 2, 4 … 32 blocks are stored untried, and after a success none")
    func pauses() {
        var policy = StoringPolicy()
        let block = sampleText(1000)
        for expected in [1, 2, 4, 8, 16, 32, 32, 32] {
            #expect(Self.tries(&policy, block))
            policy.attemptFailed(length: 1000)
            for _ in 0..<expected {
                #expect(!Self.tries(&policy, block))
            }
        }
        #expect(Self.tries(&policy, block))
        policy.attemptSucceeded()
        #expect(Self.tries(&policy, block))
        policy.attemptFailed(length: 1000)
        #expect(!Self.tries(&policy, block))
        #expect(Self.tries(&policy, block))
    }

    @Test("what failed with short blocks does not keep long ones from being tried")
    func otherKind() {
        var policy = StoringPolicy()
        policy.attemptFailed(length: 100)
        policy.attemptFailed(length: 100)
        #expect(Self.tries(&policy, sampleText(400)))
        #expect(!Self.tries(&policy, sampleText(399)))
        #expect(!Self.tries(&policy, sampleText(100)))
        #expect(Self.tries(&policy, sampleText(100)))
    }
}
