import TestTraits
import Testing

import struct NIOCore.ByteBuffer

@testable import TeleportCompress
import TeleportTestKit

/// A frame's beginning: magic, descriptor, window of 2^17.
private let head: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38]

/// Blocks as RFC 8878, section 3.1.1.2, has them.
private enum Block {
    static func header(_ type: UInt32, _ length: Int, isLast: Bool = false) -> [UInt8] {
        let value = UInt32(length) << 3 | type << 1 | (isLast ? 1 : 0)
        return (0..<3).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
    }

    static func raw(_ text: String, isLast: Bool = false) -> [UInt8] {
        Self.header(0, text.utf8.count, isLast: isLast) + Array(text.utf8)
    }

    static func run(_ count: Int, isLast: Bool = false) -> [UInt8] {
        Self.header(1, count, isLast: isLast) + [0x61]
    }
}

/// The frames of `zstd` as a never-ending stream.
@Suite(.computing) struct ZstdTests {
    @Test("a stream begins with a frame without content size, dictionary or checksum, and with the window chosen")
    func frameHeader() throws {
        #expect(try compressed(sampleText(1000), .zstd).readableBytesView.prefix(6).elementsEqual(head))
        let wide = try CompressionCodec.zstd(level: 1, windowLog: 20)
        #expect(try compressed(sampleText(1000), wide).getInteger(at: 5, as: UInt8.self) == 0x50)
    }

    @Test("a batch that is flushed does not end the frame")
    func flushed() throws {
        var compressor = Compressor(.zstd)
        var link = ByteBuffer()
        for _ in 0..<3 {
            try compressor.compress(sampleText(1000), into: &link)
        }
        var layout = ZstdLayout(windowLog: 17)
        try step(&layout, through: Array(link.readableBytesView))
        #expect(layout.isBetweenBlocks)
    }

    @Test("frames by hand: blocks as they are, runs, several frames")
    func handmade() throws {
        let first = head + Block.raw("abc") + Block.run(5) + Block.raw("") + Block.raw("xyz", isLast: true)
        let stream = first + head + Block.run(3, isLast: true) + first
        #expect(
            String(buffer: try expandedInAllCuts(ByteBuffer(bytes: stream), .zstd)) == "abcaaaaaxyzaaaabcaaaaaxyz")
    }

    @Test("the bit of the descriptor that no receiver may look at is not looked at")
    func unusedBit() throws {
        let stream = [0x28, 0xb5, 0x2f, 0xfd, 0x10, 0x38] + Block.raw("abc")
        #expect(String(buffer: try expandedInAllCuts(ByteBuffer(bytes: stream), .zstd)) == "abc")
    }

    @Test("behind a release the next batch ends the old frame and begins another", arguments: [1, 2])
    func release(releases: Int) throws {
        var compressor = Compressor(.zstd)
        var first = ByteBuffer()
        var second = ByteBuffer()
        try compressor.compress(sampleText(500), into: &first)
        for _ in 0..<releases {
            compressor.release()
        }
        try compressor.compress(sampleText(500), into: &second)
        #expect(second.readableBytesView.elementsEqual([1, 0, 0] + Array(first.readableBytesView)))
        var stream = first
        stream.writeImmutableBuffer(second)
        let output = try expandedInAllCuts(stream, .zstd)
        #expect(output.readableBytes == 1000)
        // A receiver that let go of its frame too finds the end of one that it does not know any more.
        #expect(try expandedInAllCuts(second, .zstd) == sampleText(500))
    }

    @Test("a new stream does not end the old one's frame")
    func reset() throws {
        var compressor = Compressor(.zstd)
        var first = ByteBuffer()
        var second = ByteBuffer()
        try compressor.compress(sampleText(500), into: &first)
        compressor.release()
        compressor.reset()
        try compressor.compress(sampleText(500), into: &second)
        #expect(first == second)
    }

    @Test(
        "what our streams never hold is refused at the byte that shows it",
        arguments: [
            [0x28, 0xb5, 0x2f, 0xfc],
            [0x50],  // a skippable frame
            [0x27],  // a frame of zstd 0.7
            [0x28, 0xb5, 0x2f, 0xfd, 0x04],  // a checksum
            [0x28, 0xb5, 0x2f, 0xfd, 0x01],  // a dictionary
            [0x28, 0xb5, 0x2f, 0xfd, 0x20],  // a single segment, which has a content size instead of a window
            [0x28, 0xb5, 0x2f, 0xfd, 0x40],  // a content size
            [0x28, 0xb5, 0x2f, 0xfd, 0x08],  // the reserved bit
            [1, 1],  // something that begins like the end of a frame
            head + Block.header(3, 5),  // the reserved type
            head + Block.header(0, 131_073), head + Block.header(1, 131_073), head + Block.header(2, 131_073),
            head + Block.header(2, 2) + [0xff, 0xff],  // no literals to speak of
            head + Block.raw("abc", isLast: true) + [0],
        ] as [[UInt8]])
    func corrupt(stream: [UInt8]) throws {
        #expect(failure(stream, .zstd) == .corruptInput)
        #expect(failure(stream.dropLast(), .zstd) == nil)
        _ = try verifyCuts(ByteBuffer(bytes: stream), .zstd)
    }

    @Test(
        "a frame whose window is over the limit is refused by its header",
        arguments: [(17, 0x39), (17, 0x40), (10, 0x01)])
    func window(limit: Int, descriptor: UInt8) throws {
        var decompressor = Decompressor(.zstd, zstdWindowLog: limit)
        var input = ByteBuffer(bytes: [0x28, 0xb5, 0x2f, 0xfd, 0x00, descriptor])
        var output = ByteBuffer()
        #expect(throws: CompressionError(.windowTooLarge(limit: 1 << limit))) {
            try decompressor.decompressAll(&input, into: &output, limit: 1000)
        }
    }

    @Test("a larger window is accepted where it was configured")
    func configuredWindow() throws {
        let plain = sampleText(3_000_000)
        var input = try compressed(plain, try .zstd(level: 1, windowLog: 20))
        var output = ByteBuffer()
        var decompressor = Decompressor(.zstd, zstdWindowLog: 20)
        try decompressor.decompressAll(&input, into: &output, limit: 3_000_000)
        #expect(output == plain)
    }

    @Test("a block must not expand to more than the window or 128 KiB")
    func blockLength() throws {
        let largest = ByteBuffer(bytes: head + Block.run(131_072))
        #expect(try expanded(largest, .zstd).readableBytes == 131_072)
        let small: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x00]
        #expect(try expanded(ByteBuffer(bytes: small + Block.run(1024)), .zstd).readableBytes == 1024)
        #expect(failure(small + Block.run(1025), .zstd) == .corruptInput)
    }

    @Test("what stood before an error is there, however the input was cut")
    func outputBeforeError() throws {
        let stream = head + Block.run(5000) + Block.raw("abc") + Block.header(2, 2) + [0xff, 0xff]
        let run = try verifyCuts(ByteBuffer(bytes: stream), .zstd, limit: 700)
        #expect(run.events.first?.readableBytes == 5003)
        #expect(run.failure != nil)
    }

    @Test("higher levels give no more bytes than the lowest")
    func levels() throws {
        let plain = sampleText(100_000)
        let lowest = try compressed(plain, .zstd).readableBytes
        for level in [6, 12, 19] {
            #expect(try compressed(plain, .zstd(level: level)).readableBytes <= lowest)
        }
    }

    private func step(_ layout: inout ZstdLayout, through bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                guard case .frame(let count) = try layout.step(UnsafeRawBufferPointer(rebasing: rest)) else {
                    Issue.record("the end of a frame that is not there")
                    return
                }
                rest = rest.dropFirst(count)
            }
        }
    }
}
