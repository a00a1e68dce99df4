import Testing

import struct NIOCore.ByteBuffer

import TeleportCompress
import TeleportTestKit

@Suite struct FlateTests {
    /// A stream that a final block ends: `zlib.compressobj(6, zlib.DEFLATED, -15)` of Python over "hello hello hello".
    static let ended: [UInt8] = [0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x90, 0x00]

    @Test("a batch ends with the marker of a sync flush and is no final block")
    func marker() throws {
        let stream = try compressed(sampleText(500), .flate)
        #expect(stream.readableBytesView.suffix(4).elementsEqual([0, 0, 0xff, 0xff]))
        #expect(try #require(stream.getInteger(at: 0, as: UInt8.self)) & 1 == 0)
    }

    @Test("a stream that Python's zlib flushed twice expands")
    func pythonStream() throws {
        let stream: [UInt8] = [
            0xca, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x90, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff,
            0x82, 0x30, 0x13, 0xd3, 0x13, 0x33, 0xf3, 0x74, 0x20, 0x22, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff,
        ]
        let output = try expandedInAllCuts(ByteBuffer(bytes: stream), .flate)
        #expect(String(buffer: output) == "hello hello hellohello again, hello")
    }

    @Test("a final block may end a stream, but nothing may follow it")
    func finalBlock() throws {
        #expect(String(buffer: try expanded(ByteBuffer(bytes: Self.ended), .flate)) == "hello hello hello")
        #expect(failure(Self.ended + [0], .flate) == .streamEnded)
        let run = try verifyCuts(ByteBuffer(bytes: Self.ended + [0]), .flate)
        #expect(run.events == [ByteBuffer(string: "hello hello hello")])
    }

    @Test("after a final block the decompressor takes a new stream only when told to")
    func afterFinalBlock() throws {
        var decompressor = Decompressor(.flate)
        var output = ByteBuffer()
        for _ in 0..<3 {
            var input = ByteBuffer(bytes: Self.ended)
            try decompressor.decompressAll(&input, into: &output, limit: 100)
            #expect(try decompressor.decompress(&input, into: &output, limit: 100) == .needsInput)
            input.writeBytes(Self.ended)
            #expect(throws: CompressionError(.streamEnded)) {
                try decompressor.decompress(&input, into: &output, limit: 100)
            }
            decompressor.reset()
        }
    }

    @Test(
        "what is no DEFLATE is corrupt",
        arguments: [
            [0x07],  // block type 3
            [0x01, 0x05, 0x00, 0x00, 0x00],  // stored length without its complement
            [0x4b, 0x04, 0x42, 0x00],  // a match before the start
            Array("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n".utf8),
        ] as [[UInt8]])
    func corrupt(stream: [UInt8]) {
        #expect(failure(stream, .flate) == .corruptInput)
    }

    @Test("a receiver that released its history takes references to it for corrupt")
    func lostHistory() throws {
        var compressor = Compressor(.flate)
        var decompressor = Decompressor(.flate)
        var output = ByteBuffer()
        var link = ByteBuffer()
        try compressor.compress(sampleText(1000), into: &link)
        try decompressor.decompressAll(&link, into: &output, limit: 1000)
        decompressor.release()
        try compressor.compress(sampleText(1000), into: &link)
        #expect(throws: CompressionError(.corruptInput)) {
            try decompressor.decompressAll(&link, into: &output, limit: 1000)
        }
    }

    @Test("higher levels give no more bytes than the lowest")
    func levels() throws {
        let plain = sampleText(100_000)
        let lowest = try compressed(plain, .flate(level: 1)).readableBytes
        for level in 2...9 {
            #expect(try compressed(plain, .flate(level: level)).readableBytes <= lowest)
        }
    }
}
