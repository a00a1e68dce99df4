import Testing

import struct NIOCore.ByteBuffer

@testable import TeleportCompress

/// Chunks made by hand. Apart from the suite, whose test macros cannot refer to its own members.
private enum Frame {
    static let identifier: [UInt8] = [0xff, 0x06, 0x00, 0x00, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59]

    static func chunk(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
        [type, UInt8(body.count & 0xff), UInt8(body.count >> 8 & 0xff), UInt8(body.count >> 16)] + body
    }

    static func checksum(_ plain: [UInt8]) -> [UInt8] {
        let masked = plain.withUnsafeBytes { CRC32C.maskedChecksum($0) }
        return (0..<4).map { UInt8(truncatingIfNeeded: masked >> (8 * UInt32($0))) }
    }

    static func stored(_ plain: [UInt8]) -> [UInt8] {
        Self.chunk(0x01, Self.checksum(plain) + plain)
    }

    static let abc: [UInt8] = [0x61, 0x62, 0x63]

    /// `abc` as snappy's own format has it: length 3, literal of 3.
    static let abcCompressed = Self.chunk(0x00, Self.checksum(Self.abc) + [3, 2 << 2] + Self.abc)
}

/// The clauses of `framing_format.txt`.
@Suite struct SnappyTests {
    @Test("§1: a stream begins with its identifier, once")
    func identifier() throws {
        var compressor = Compressor(.snappy)
        var stream = ByteBuffer()
        try compressor.compress(sampleText(100), into: &stream)
        #expect(stream.readableBytesView.prefix(10).elementsEqual(Frame.identifier))
        stream.clear()
        try compressor.compress(sampleText(100), into: &stream)
        #expect(stream.getInteger(at: 0, as: UInt8.self) != 0xff)
        compressor.reset()
        stream.clear()
        try compressor.compress(sampleText(100), into: &stream)
        #expect(stream.getInteger(at: 0, as: UInt8.self) == 0xff)
    }

    @Test(
        "§4.1: anything else at the beginning is refused",
        arguments: [Frame.stored(Frame.abc), Frame.chunk(0xfe, [0]), Frame.chunk(0x02, [])])
    func missingIdentifier(stream: [UInt8]) {
        #expect(failure(stream, .snappy) == .missingStreamIdentifier)
    }

    @Test(
        "§4.1: a wrong identifier is refused",
        arguments: [Frame.chunk(0xff, Array("sNaPpy".utf8)), Frame.chunk(0xff, Array("sNaPp".utf8))])
    func wrongIdentifier(stream: [UInt8]) {
        #expect(failure(stream, .snappy) == .corruptInput)
        #expect(failure(Frame.identifier + stream, .snappy) == .corruptInput)
    }

    @Test("§4.1: the identifier may be repeated")
    func repeatedIdentifier() throws {
        let stream =
            Frame.identifier + Frame.identifier + Frame.stored(Frame.abc) + Frame.identifier + Frame.abcCompressed
        #expect(String(buffer: try expandedInAllCuts(ByteBuffer(bytes: stream), .snappy)) == "abcabc")
    }

    @Test("§4.2, §4.3: compressed and uncompressed chunks, empty ones too")
    func dataChunks() throws {
        let stream =
            Frame.identifier + Frame.abcCompressed + Frame.stored(Frame.abc) + Frame.stored([])
            + Frame.chunk(0x00, Frame.checksum([]) + [0])
        #expect(String(buffer: try expandedInAllCuts(ByteBuffer(bytes: stream), .snappy)) == "abcabc")
    }

    @Test("§4.2, §4.3: a wrong checksum is noticed in both", arguments: [Frame.stored(Frame.abc), Frame.abcCompressed])
    func checksum(chunk: [UInt8]) {
        var damaged = chunk
        damaged[4] ^= 1
        #expect(failure(Frame.identifier + damaged, .snappy) == .checksumMismatch)
        damaged = chunk
        damaged[damaged.count - 1] ^= 1
        #expect(failure(Frame.identifier + damaged, .snappy) == .checksumMismatch)
    }

    @Test("§4.2: more than 64 KiB of plain data is refused, also if only declared")
    func chunkTooLarge() throws {
        let plain = [UInt8](repeating: 7, count: 65_537)
        #expect(failure(Frame.identifier + Frame.stored(plain), .snappy) == .chunkTooLarge)
        #expect(
            try expanded(ByteBuffer(bytes: Frame.identifier + Frame.stored(plain.dropLast())), .snappy).readableBytes
                == 65_536)
        let declared = Frame.chunk(0x00, [0, 0, 0, 0] + [0x81, 0x80, 0x04])  // 65,537
        #expect(failure(Frame.identifier + declared, .snappy) == .chunkTooLarge)
        // Refused by its header alone: nobody waits for 16 MiB.
        #expect(failure(Frame.identifier + [0x00, 0xff, 0xff, 0xff], .snappy) == .chunkTooLarge)
        #expect(failure(Frame.identifier + [0x01, 0xcf, 0x2a, 0x01], .snappy) == .chunkTooLarge)
    }

    @Test(
        "§4.2: a body that is no snappy data is corrupt",
        arguments: [
            Frame.chunk(0x00, [0, 0, 0]),  // too short for its checksum
            Frame.chunk(0x01, []),
            Frame.chunk(0x00, [0, 0, 0, 0]),  // no length
            Frame.chunk(0x00, [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff]),  // length over 32 bits
            Frame.chunk(0x00, [0, 0, 0, 0, 3, 2 << 2, 0x61]),  // literal cut short
            Frame.chunk(0x00, [0, 0, 0, 0, 3, 1 << 2, 0x61, 0x62]),  // two bytes instead of three
            Frame.chunk(0x00, [0, 0, 0, 0, 4, 0x01, 0x05]),  // a copy from before the start
        ] as [[UInt8]])
    func corruptBody(chunk: [UInt8]) {
        #expect(failure(Frame.identifier + chunk, .snappy) == .corruptInput)
    }

    @Test("§4.4, §4.6: padding and skippable chunks are skipped", arguments: [UInt8(0x80), 0xab, 0xfd, 0xfe])
    func skippable(type: UInt8) throws {
        let skipped = Frame.chunk(type, [UInt8](repeating: 0xff, count: 3000)) + Frame.chunk(type, [])
        let stream = Frame.identifier + skipped + Frame.stored(Frame.abc) + skipped
        #expect(String(buffer: try expandedInAllCuts(ByteBuffer(bytes: stream), .snappy)) == "abc")
    }

    @Test("§4.6: a skippable chunk of 16 MiB takes no memory")
    func longSkippable() throws {
        var decompressor = Decompressor(.snappy)
        var output = ByteBuffer()
        var input = ByteBuffer(bytes: Frame.identifier + [0xfe, 0xff, 0xff, 0xff])
        for _ in 0..<255 {
            input.writeRepeatingByte(0, count: 65_536)
            try decompressor.decompressAll(&input, into: &output, limit: 100)
            #expect(input.readableBytes == 0)
            input.clear()
        }
        input.writeRepeatingByte(0, count: 65_535)
        input.writeBytes(Frame.stored(Frame.abc))
        try decompressor.decompressAll(&input, into: &output, limit: 100)
        #expect(String(buffer: output) == "abc")
    }

    @Test("§4.5: reserved chunks that must not be skipped are refused", arguments: [UInt8(0x02), 0x41, 0x7f])
    func unskippable(type: UInt8) {
        #expect(failure(Frame.identifier + Frame.chunk(type, [1, 2, 3]), .snappy) == .unsupportedChunk(type))
    }

    @Test("a chunk that does not get an eighth shorter is sent as it is")
    func storedChunks() throws {
        let stream = try compressed(noise(1000), .snappy)
        #expect(stream.getInteger(at: 10, as: UInt8.self) == 0x01)
        #expect(try compressed(sampleText(1000), .snappy).getInteger(at: 10, as: UInt8.self) == 0x00)
    }
}
