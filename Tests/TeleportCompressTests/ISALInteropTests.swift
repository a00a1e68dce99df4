#if ISAL
    import TestTraits
    import Testing

    import struct NIOCore.ByteBuffer

    @testable import TeleportCompress
    import TeleportTestKit

    /// ISA-L against zlib, both ways: what the one writes the other reads.
    @Suite(.computing) struct ISALInteropTests {
        /// Who writes and who reads blocks. Streams are always read by zlib.
        enum Pair: CaseIterable {
            case isalToZlib, zlibToISAL, isalToISAL

            func encoder(level: Int) throws -> any BlockEncoder {
                self == .zlibToISAL
                    ? try FlateBlockEncoder(level: level) : try ISALBlockEncoder(level: ISALLevel(level))
            }

            func decoder() throws -> any BlockDecoder {
                self == .isalToZlib ? try FlateBlockDecoder() : try ISALBlockDecoder()
            }
        }

        @Test("flate is ISA-L's at the levels 1 to 6 and zlib's from 7 on, and says so")
        func levels() throws {
            for level in 1...9 {
                let codec = try CompressionCodec.flate(level: level)
                #expect(codec.flateLibrary == (level <= 6 ? .isal : .zlib))
                let encoder = FlateLibrary.streamEncoder(level: level)
                #expect(encoder is ISALCompressor == (level <= 6))
                let blockEncoder = try FlateLibrary.blockEncoder(level: level)
                #expect(blockEncoder is ISALBlockEncoder == (level <= 6))
            }
        }

        @Test("streams arrive, through resets and releases", arguments: [1, 6])
        func streams(level: Int) throws {
            var random = SeededRandom()
            let encoder = ISALCompressor(level: ISALLevel(level))
            let decoder = FlateDecompressor()
            var link = ByteBuffer()
            var output = ByteBuffer()
            for _ in 0..<600 {
                switch Int.random(in: 0..<30, using: &random) {
                case 0:
                    encoder.reset()
                    decoder.reset()
                case 1: encoder.release()
                case 2:
                    encoder.release()
                    decoder.release()
                default: break
                }
                let batch = try anything(upTo: 18, using: &random)
                try encoder.compress(batch, into: &link)
                #expect(link.readableBytesView.suffix(4).elementsEqual([0, 0, 0xff, 0xff]), "\(random)")
                output.clear()
                let progress = try decoder.decompress(&link, into: &output, limit: batch.readableBytes + 1)
                #expect(progress == .needsInput && link.readableBytes == 0, "\(random)")
                guard output == batch else {
                    Issue.record("\(random): \(batch.readableBytes) bytes changed on the way")
                    return
                }
            }
        }

        @Test("blocks arrive, through resets", arguments: Pair.allCases, [1, 6])
        func blocks(pair: Pair, level: Int) throws {
            var random = SeededRandom()
            let encoder = try pair.encoder(level: level)
            let decoder = try pair.decoder()
            var shorter = 0
            for _ in 0..<600 {
                if Int.random(in: 0..<30, using: &random) == 0 {
                    encoder.reset()
                    decoder.reset()
                }
                let block = try anything(upTo: 16, using: &random)
                var encoded = ByteBuffer(string: "before")
                var output = ByteBuffer(string: "before")
                guard try encoder.encode(block, into: &encoded) else {
                    #expect(encoded.readableBytes == 6, "\(random)")
                    encoder.reset()
                    decoder.reset()
                    continue
                }
                encoded.moveReaderIndex(forwardBy: 6)
                #expect(1..<block.readableBytes ~= encoded.readableBytes, "\(random)")
                try decoder.decode(encoded, decodedLength: block.readableBytes, into: &output)
                output.moveReaderIndex(forwardBy: 6)
                guard output == block else {
                    Issue.record("\(random): \(block.readableBytes) bytes changed on the way")
                    return
                }
                shorter += 1
            }
            #expect(shorter > 200, "\(random)")
        }

        @Test("a history of 32 KiB reaches across blocks", arguments: Pair.allCases)
        func historyOfBlocks(pair: Pair) throws {
            let encoder = try pair.encoder(level: 6)
            let decoder = try pair.decoder()
            // Noise alone would be no shorter, so it has company the first time.
            let noise = noise(2000)
            var first = noise
            first.writeRepeatingByte(0, count: 2000)
            for block in [first, sampleText(14_000), sampleText(14_000, seed: 2), noise] {
                var encoded = ByteBuffer()
                var plain = ByteBuffer()
                #expect(try encoder.encode(block, into: &encoded))
                try decoder.decode(encoded, decodedLength: block.readableBytes, into: &plain)
                #expect(plain == block)
                #expect(block != noise || encoded.readableBytes < 200)
            }
        }

        @Test("a history of 32 KiB reaches across batches, and not over a release")
        func historyOfStreams() throws {
            let encoder = ISALCompressor(level: ISALLevel(6))
            let batches = [noise(2000), sampleText(14_000), sampleText(14_000, seed: 2), noise(2000)]
            let lengths = try batches.map { batch in
                var link = ByteBuffer()
                try encoder.compress(batch, into: &link)
                return link.readableBytes
            }
            #expect(lengths[0] > 2000 && lengths[3] < 200)
            encoder.release()
            var link = ByteBuffer()
            try encoder.compress(noise(2000), into: &link)
            #expect(link.readableBytes == lengths[0])
        }

        @Test("what does not shrink is no block, whatever its length, and a reset begins anew", arguments: [1, 6])
        func noiseIsRefused(level: Int) throws {
            let encoder = try ISALBlockEncoder(level: ISALLevel(level))
            for length in [1, 2, 5, 31, 100, 1000, 32_768, 65_535, 65_536] {
                var output = ByteBuffer()
                #expect(try !encoder.encode(noise(length), into: &output))
                #expect(output.readableBytes == 0)
                encoder.reset()
                let text = sampleText(4000)
                #expect(try encoder.encode(text, into: &output))
                var plain = ByteBuffer()
                try FlateBlockDecoder().decode(output, decodedLength: 4000, into: &plain)
                #expect(plain == text)
            }
        }

        @Test("buffers that are almost full make no difference to what is sent", arguments: [1, 6])
        func narrowBuffers(level: Int) throws {
            for length in [1, 10, 100, 1000, 20_000, 70_000] {
                for batch in [sampleText(length), noise(length)] {
                    for room in [0, 1, 7, 8, 9, 63, 64, 65, 127, 328, 329, 500] {
                        let encoder = ISALCompressor(level: ISALLevel(level))
                        var link = ByteBuffer()
                        link.reserveCapacity(max(64, 1 << 20))
                        // So that just this much is left of it.
                        link.writeRepeatingByte(0, count: link.writableBytes - room)
                        link.moveReaderIndex(to: link.writerIndex)
                        try encoder.compress(batch, into: &link)
                        #expect(link.readableBytesView.suffix(4).elementsEqual([0, 0, 0xff, 0xff]))
                        var output = ByteBuffer()
                        let decoder = FlateDecompressor()
                        #expect(try decoder.decompress(&link, into: &output, limit: length + 1) == .needsInput)
                        #expect(output == batch)
                    }
                }
            }
        }

        @Test("10 messages a flush: requests shrink to 1 in 4.57 and better")
        func ratio() throws {
            let messages = try BlockCorpusTests.requests()
            let plain = messages.reduce(0) { $0 + $1.readableBytes }
            for level in 1...6 {
                let bytes = try BlockCorpusTests.bytesPerMessage(messages, .flate(level: level))
                #expect(Double(plain) / Double(messages.count) / bytes >= 4.57, "level \(level)")
            }
        }
    }
#endif
