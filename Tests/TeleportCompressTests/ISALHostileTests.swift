#if ISAL
    import TestTraits
    import Testing

    import struct NIOCore.ByteBuffer

    @testable import TeleportCompress
    import TeleportTestKit

    /// What ISA-L makes of blocks that no peer should send, with zlib as the judge.
    @Suite(.computing) struct ISALHostileTests {
        static func damaged(_ bytes: [UInt8], using random: inout SeededRandom) -> [UInt8] {
            var bytes = bytes
            for _ in 0..<Int.random(in: 1...6, using: &random) where !bytes.isEmpty {
                // Headers are the most interesting part, and they stand in front.
                let range = Bool.random(using: &random) ? bytes.count : min(bytes.count, 100)
                let index = Int.random(in: 0..<range, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[index] = UInt8.random(in: .min ... .max, using: &random)
                case 1: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 2: bytes.remove(at: index)
                default: bytes.insert(contentsOf: bytes[index...].prefix(20), at: index)
                }
            }
            return bytes
        }

        @Test("a damaged block that zlib takes gives the same, and one that it refuses gives nothing", arguments: 0..<4)
        func damaged(_: Int) throws {
            var random = SeededRandom()
            var (refused, taken) = (0, 0)
            var fresh = ByteBuffer()
            #expect(try FlateBlockEncoder(level: 6).encode(sampleText(500), into: &fresh))
            for _ in 0..<800 {
                let encoder: any BlockEncoder =
                    Bool.random(using: &random)
                    ? try FlateBlockEncoder(level: Int.random(in: 1...9, using: &random))
                    : try ISALBlockEncoder(level: ISALLevel(Int.random(in: 1...6, using: &random)))
                let (judge, decoder) = (try FlateBlockDecoder(), try ISALBlockDecoder())
                // A history for it first, or none.
                var block = ByteBuffer()
                var encoded = ByteBuffer()
                for index in 0...Int.random(in: 0...2, using: &random) {
                    let next = try anything(upTo: 14, using: &random)
                    if index > 0 {
                        #expect(Self.decode(judge, encoded, block.readableBytes) == block, "\(random)")
                        #expect(Self.decode(decoder, encoded, block.readableBytes) == block, "\(random)")
                    }
                    block = next
                    encoded.clear()
                    guard try encoder.encode(block, into: &encoded) else { break }
                }
                guard encoded.readableBytes > 0 else { continue }
                let isDamaged = Int.random(in: 0..<4, using: &random) > 0
                let bytes = Array(encoded.readableBytesView)
                let input = ByteBuffer(bytes: isDamaged ? Self.damaged(bytes, using: &random) : bytes)
                let isExact = Int.random(in: 0..<10, using: &random) > 0
                let length = isExact ? block.readableBytes : Int.random(in: 1...65_536, using: &random)
                let verdict = Self.decode(judge, input, length)
                let outcome = Self.decode(decoder, input, length)
                // It takes a little more than zlib does, and never less.
                if let verdict {
                    taken += 1
                    #expect(outcome == verdict, "\(random)")
                } else if outcome == nil {
                    refused += 1
                }
                #expect(outcome.map { $0.readableBytes == length } ?? true, "\(random)")
                // Nothing of it is left behind a reset.
                decoder.reset()
                #expect(Self.decode(decoder, fresh, 500) == sampleText(500), "\(random)")
            }
            #expect(refused > 100 && taken > 20, "\(random)")
        }

        @Test("bytes at random give what was declared, or nothing")
        func random() throws {
            var random = SeededRandom()
            let decoder = try ISALBlockDecoder()
            for _ in 0..<5000 {
                let input = noise(Int.random(in: 1...300, using: &random), seed: random.next())
                let length = Int.random(in: 1...2000, using: &random)
                let outcome = Self.decode(decoder, input, length)
                #expect(outcome.map { $0.readableBytes == length } ?? true, "\(random)")
                decoder.reset()
            }
        }

        /// What a decoder makes of a block; `nil` if it refuses it, for which there is one reason only.
        private static func decode(_ decoder: any BlockDecoder, _ input: ByteBuffer, _ length: Int) -> ByteBuffer? {
            var output = ByteBuffer()
            do throws(CompressionError) {
                try decoder.decode(input, decodedLength: length, into: &output)
                return output
            } catch {
                #expect(error == CompressionError(.corruptInput))
                #expect(output.readableBytes == 0 && output.capacity <= 2 * max(64, length))
                return nil
            }
        }

        @Test("a block may not end within DEFLATE's, be a final one, or hold more than it declares")
        func exactness() throws {
            var encoded = ByteBuffer()
            #expect(try ISALBlockEncoder(level: ISALLevel(6)).encode(sampleText(3000), into: &encoded))
            let bytes = Array(encoded.readableBytesView)
            #expect(Self.decode(try ISALBlockDecoder(), encoded, 3000) == sampleText(3000))
            for length in [1, 2999, 3001, 65_536] {
                #expect(Self.decode(try ISALBlockDecoder(), encoded, length) == nil)
            }
            for count in 0..<bytes.count {
                #expect(Self.decode(try ISALBlockDecoder(), ByteBuffer(bytes: bytes.prefix(count)), 3000) == nil)
            }
            for excess in [[0], [1], [0, 0, 0xff, 0xff], [2, 0]] as [[UInt8]] {
                #expect(Self.decode(try ISALBlockDecoder(), ByteBuffer(bytes: bytes + excess), 3000) == nil)
            }
            #expect(Self.decode(try ISALBlockDecoder(), ByteBuffer(bytes: FlateTests.ended), 17) == nil)
        }
    }
#endif
