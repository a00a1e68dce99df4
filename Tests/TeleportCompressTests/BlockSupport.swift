import Testing

import struct NIOCore.ByteBuffer

import TeleportCompress
import TeleportTestKit

/// Every codec that blocks have, in some of its ways.
let blockCodecs: [CompressionCodec] =
    [.flate, .snappy, .lz4, .zstd]
    + [1, 9].compactMap { try? CompressionCodec.flate(level: $0) }
    + [3, 6, 19].compactMap { try? CompressionCodec.zstd(level: $0) }
    + [10, 15].compactMap { try? CompressionCodec.zstd(level: 1, windowLog: $0) }

/// A block on its way, as its header would describe it.
struct SentBlock {
    var kind = CodecKind.none
    var resets = false
    var encoded: ByteBuffer
    var plain: ByteBuffer

    var isStored: Bool { self.kind == .none }

    /// Expands it, which must give its plain bytes.
    func check(_ decompressor: inout BlockDecompressor) throws {
        var output = ByteBuffer(string: "before")
        try decompressor.decompress(
            self.kind, resets: self.resets, self.encoded, decodedLength: self.plain.readableBytes, into: &output)
        #expect(output.readString(length: 6) == "before")
        // Not the buffers: a difference would print 64 KiB.
        if output != self.plain {
            Issue.record("\(self.kind): bytes changed on the way")
        }
    }

    /// The code of the error that expanding it ends with, which must leave the output as it was.
    func failure(_ decompressor: inout BlockDecompressor, decodedLength: Int? = nil) -> CompressionError.Code? {
        var output = ByteBuffer(string: "before")
        let decodedLength = decodedLength ?? self.plain.readableBytes
        do throws(CompressionError) {
            try decompressor.decompress(
                self.kind, resets: self.resets, self.encoded, decodedLength: decodedLength, into: &output)
        } catch {
            #expect(output == ByteBuffer(string: "before"), "\(self.kind): an error left bytes behind")
            #expect(!decompressor.hasHistory)
            return error.code
        }
        #expect(output.readableBytes == 6 + decodedLength)
        return nil
    }
}

extension BlockCompressor {
    /// Sends one block, and checks what is promised of every outcome.
    mutating func send(_ plain: ByteBuffer) throws -> SentBlock {
        var output = ByteBuffer(string: "before")
        switch try self.compress(plain, into: &output) {
        case .encoded(let resets):
            #expect(output.readString(length: 6) == "before")
            #expect(1..<plain.readableBytes ~= output.readableBytes)
            return SentBlock(kind: self.codec.kind, resets: resets, encoded: output, plain: plain)
        case .stored:
            #expect(output == ByteBuffer(string: "before"))
            return SentBlock(encoded: plain, plain: plain)
        }
    }
}
