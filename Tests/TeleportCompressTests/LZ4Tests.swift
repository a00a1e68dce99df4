import Testing

import struct NIOCore.ByteBuffer

@testable import TeleportCompress

/// The layout that ``CompressionCodec/lz4`` describes.
@Suite struct LZ4Tests {
    static func stored(_ plain: [UInt8]) -> [UInt8] {
        [UInt8((plain.count - 1) & 0xff), UInt8((plain.count - 1) >> 8), 0, 0] + plain
    }

    static func encoded(_ block: [UInt8], plainLength: Int) -> [UInt8] {
        [UInt8((plainLength - 1) & 0xff), UInt8((plainLength - 1) >> 8), UInt8(block.count), 0] + block
    }

    /// Sixteen bytes: a match of eight, eight back, and eight literals.
    static let matching = Self.encoded([0x04, 0x08, 0x00, 0x80] + Array("12345678".utf8), plainLength: 16)

    @Test("a short batch is stored: four bytes in front of it")
    func storedBlock() throws {
        let stream = try compressed(ByteBuffer(string: "abc"), .lz4)
        #expect(stream == ByteBuffer(bytes: [2, 0, 0, 0] + Array("abc".utf8)))
    }

    @Test("the lengths of an encoded block are those of the layout")
    func encodedBlock() throws {
        let stream = try compressed(ByteBuffer(repeating: 0x61, count: 65_536), .lz4)
        #expect(stream.getInteger(at: 0, endianness: .little, as: UInt16.self) == 65_535)
        let length = try #require(stream.getInteger(at: 2, endianness: .little, as: UInt16.self))
        #expect(Int(length) == stream.readableBytes - 4)
        #expect(length < 300)
    }

    @Test("a longer batch is as many blocks as it needs")
    func blocks() throws {
        let stream = try compressed(noise(65_536 + 10), .lz4)
        #expect(stream.readableBytes == 65_536 + 10 + 2 * 4)
        #expect(stream.getInteger(at: 4 + 65_536, endianness: .little, as: UInt32.self) == 9)
    }

    @Test("blocks by hand: matches reach into stored blocks")
    func handmade() throws {
        let stream = ByteBuffer(bytes: Self.stored(Array("abcdabcd".utf8)) + Self.matching)
        #expect(String(buffer: try expandedInAllCuts(stream, .lz4)) == "abcdabcdabcdabcd12345678")
    }

    @Test("a match before the start of the stream is corrupt")
    func noHistory() {
        #expect(failure(Self.matching, .lz4) == .corruptInput)
    }

    @Test("an encoded length that is not smaller than the plain length is corrupt", arguments: [4, 5, 200])
    func notSmaller(length: UInt8) {
        #expect(failure([3, 0, length, 0], .lz4) == .corruptInput)
    }

    @Test("a block that gives fewer or more bytes than declared is corrupt")
    func wrongLength() {
        let twelve = [0xc0] + Array("abcdefghijkl".utf8)
        #expect(failure(Self.encoded(twelve, plainLength: 14), .lz4) == .corruptInput)
        let many: [UInt8] = [0x1f, 0x61, 0x01, 0x00, 0xff, 0x00, 0x50] + Array("bcdef".utf8)
        #expect(failure(Self.encoded(many, plainLength: 20), .lz4) == .corruptInput)
    }

    @Test("history reaches over 64 KiB, through the moves of the window, and a release ends it")
    func historyLength() throws {
        var compressor = Compressor(.lz4)
        var link = ByteBuffer()
        let secret = noise(1000, seed: 99)
        var found = 0
        // 400 KB of blocks whose length never fits the window evenly. LZ4 may miss a repeat now and then.
        for index in 0..<200 {
            try compressor.compress(secret, into: &link)
            found += link.readableBytes < 100 ? 1 : 0
            link.clear()
            try compressor.compress(noise(997, seed: UInt64(index)), into: &link)
            link.clear()
        }
        #expect(found >= 190, "of 199 that were sent 997 bytes before")
        try compressor.compress(noise(66_000, seed: 7), into: &link)
        link.clear()
        try compressor.compress(secret, into: &link)
        #expect(link.readableBytes > 1000, "it is out of reach")
        link.clear()
        compressor.release()
        try compressor.compress(secret, into: &link)
        #expect(link.readableBytes > 1000)
    }

    @Test("a receiver that released its history takes references to it for corrupt")
    func lostHistory() throws {
        var compressor = Compressor(.lz4)
        var decompressor = Decompressor(.lz4)
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
}
