import Foundation
import TestTraits
import Testing

import struct NIOCore.ByteBuffer

import TeleportCompress
import TeleportTestKit

/// The figures that protocol v1 promises for the corpus of the benchmarks.
@Suite(.computing) struct BlockCorpusTests {
    /// Messages of `Benchmarks/Corpus`, each with a head of HTTP/1.1 such as protocol v0 sends in front of it. Those of
    /// protocol v1 are shorter.
    static func messages(_ name: String, _ head: (Int) -> String) throws -> [ByteBuffer] {
        let path = VectorLoader.packageDirectory + "/Benchmarks/Corpus/\(name).jsonl"
        return try Data(contentsOf: URL(fileURLWithPath: path)).split(separator: UInt8(ascii: "\n")).map { line in
            var message = ByteBuffer(string: head(line.count))
            message.writeBytes(line)
            return message
        }
    }

    static func requests() throws -> [ByteBuffer] {
        try self.messages("rtb-requests") { length in
            "POST /bid HTTP/1.1\r\nUser-Agent: x\r\nHost: example.com\r\nContent-Type: application/json\r\n"
                + "Content-Length: \(length)\r\nConnection: close\r\n\r\n"
        }
    }

    static func responses() throws -> [ByteBuffer] {
        try self.messages("rtb-responses") { length in
            "HTTP/1.1 200 OK\r\nServer: x\r\nDate: Sun, 22 Nov 2026 15:27:39 GMT\r\nContent-Type: application/json\r\n"
                + "Content-Length: \(length)\r\n\r\n"
        }
    }

    /// Bytes a message with ten messages a block, the blocks' headers counted; all of them must come back.
    static func bytesPerMessage(_ messages: [ByteBuffer], _ codec: CompressionCodec) throws -> Double {
        var compressor = BlockCompressor(codec)
        var decompressor = BlockDecompressor()
        var bytes = 0
        for start in stride(from: 0, to: messages.count, by: 10) {
            let batch = messages[start..<min(start + 10, messages.count)]
                .reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) }
            let block = try compressor.send(batch)
            try block.check(&decompressor)
            #expect(!block.isStored && block.resets == (start == 0))
            bytes += 7 + block.encoded.readableBytes
        }
        return Double(bytes) / Double(messages.count)
    }

    @Test("zstd needs no more bytes than the reference's flate does: 371 a request, 157 a response")
    func zstd() throws {
        #expect(try Self.bytesPerMessage(try Self.requests(), .zstd) <= 371)
        #expect(try Self.bytesPerMessage(try Self.responses(), .zstd) <= 157)
    }

    @Test(
        "the other codecs stay where they were measured",
        arguments: [
            CompressionCodec.flate.flateLibrary == .zlib
                ? (CompressionCodec.flate, 393.0, 167.0) : (CompressionCodec.flate, 477.0, 177.0),
            (.lz4, 662, 265), (.snappy, 835, 321),
        ])
    func others(codec: CompressionCodec, request: Double, response: Double) throws {
        #expect(try Self.bytesPerMessage(try Self.requests(), codec) <= request)
        #expect(try Self.bytesPerMessage(try Self.responses(), codec) <= response)
    }
}
