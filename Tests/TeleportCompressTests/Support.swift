import Testing

import struct NIOCore.ByteBuffer

@testable import TeleportCompress
import TeleportTestKit

/// The formats that change bytes.
let coded: [CodecKind] = [.flate, .snappy, .lz4, .zstd]

/// Text that compresses about as messages do, with long and short repeats; the same for the same seed.
func sampleText(_ count: Int, seed: UInt64 = 1) -> ByteBuffer {
    var random = SeededRandom(seed: seed)
    let words: [StaticString] = [
        "\"id\":", "\"banner\":{", "GET /bid HTTP/1.1\r\n", "Host: example.com\r\n", "300", "250", "},", " ",
    ]
    var buffer = ByteBuffer()
    while buffer.readableBytes < count {
        let number = random.next()
        buffer.writeStaticString(words[Int(number % 8)])
        // Three bytes that do not repeat.
        buffer.writeInteger(UInt32(truncatingIfNeeded: number >> 40))
    }
    return buffer.getSlice(at: 0, length: count) ?? ByteBuffer()
}

/// Bytes that do not compress.
func noise(_ count: Int, seed: UInt64 = 1) -> ByteBuffer {
    var random = SeededRandom(seed: seed)
    var buffer = ByteBuffer()
    while buffer.readableBytes < count {
        buffer.writeInteger(random.next())
    }
    return buffer.getSlice(at: 0, length: count) ?? ByteBuffer()
}

/// One batch, compressed by a compressor of its own.
func compressed(_ plain: ByteBuffer, _ codec: CompressionCodec) throws -> ByteBuffer {
    var compressor = Compressor(codec)
    var output = ByteBuffer()
    try compressor.compress(plain, into: &output)
    return output
}

/// A whole stream, expanded by a decompressor of its own, which must use all of it.
func expanded(_ stream: ByteBuffer, _ kind: CodecKind, limit: Int = 1 << 24) throws -> ByteBuffer {
    var decompressor = Decompressor(kind)
    var input = stream
    var output = ByteBuffer()
    try decompressor.decompressAll(&input, into: &output, limit: limit)
    #expect(input.readableBytes == 0)
    return output
}

/// A whole stream's output however it is cut, for streams that are right.
func expandedInAllCuts(_ stream: ByteBuffer, _ kind: CodecKind, seed: UInt64 = 1) throws -> ByteBuffer {
    let run = try verifyCuts(stream, kind, seed: seed)
    #expect(run.failure == nil)
    #expect(run.unread == 0)
    return run.events.first ?? ByteBuffer()
}

/// Runs the decompressor over a stream in all cuts; the output is one merged event.
func verifyCuts(
    _ stream: ByteBuffer, _ kind: CodecKind, seed: UInt64 = 1, limit: Int = 65_536
) throws -> DecodedRun<ByteBuffer> {
    try ByteByByte.verify(
        stream, seed: seed,
        merge: { pieces in [pieces.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) }] },
        makeDecoder: { Decompressor(kind) },
        decode: { decompressor, input in
            var output = ByteBuffer()
            var progress = Decompressor.Progress.needsInput
            do {
                progress = try decompressor.decompress(&input, into: &output, limit: limit)
            } catch  where output.readableBytes > 0 {
                // What came before the error counts. The error is final, so the next call throws it again.
                return output
            }
            // Not `#expect`: it would take most of the time of a test that comes here for every byte.
            if output.readableBytes > limit {
                Issue.record("\(output.readableBytes) bytes were produced, \(limit) is the limit")
            }
            return output.readableBytes == 0 && progress == .needsInput ? nil : output
        })
}

/// The code of the error that expanding a stream ends with.
func failure(_ stream: [UInt8], _ kind: CodecKind, limit: Int = 1 << 20) -> CompressionError.Code? {
    var decompressor = Decompressor(kind)
    var input = ByteBuffer(bytes: stream)
    var output = ByteBuffer()
    do throws(CompressionError) {
        try decompressor.decompressAll(&input, into: &output, limit: limit)
        return nil
    } catch {
        return error.code
    }
}

/// Plain bytes of every kind; short ones are more frequent.
func anything(upTo bits: Int, using random: inout SeededRandom) throws -> ByteBuffer {
    let length = Int.random(in: 1...(1 << Int.random(in: 0...bits, using: &random)), using: &random)
    let seed = UInt64.random(in: 0..<20, using: &random)
    switch Int.random(in: 0..<6, using: &random) {
    case 0: return noise(length, seed: seed)
    case 1: return ByteBuffer(repeating: UInt8(truncatingIfNeeded: seed), count: length)
    case 2:
        var mixed = sampleText(length / 2, seed: seed)
        mixed.writeImmutableBuffer(noise(length - length / 2, seed: seed))
        return mixed
    case 3: return try corpus(length, from: Int(seed))
    default: return sampleText(length, seed: seed)
    }
}

/// Bytes of the benchmarks' requests, from one of them on.
private func corpus(_ length: Int, from first: Int) throws -> ByteBuffer {
    let requests = try requests.get()
    var buffer = ByteBuffer()
    var index = first
    while buffer.readableBytes < length {
        buffer.writeImmutableBuffer(requests[index % requests.count])
        index += 1
    }
    buffer.moveWriterIndex(to: length)
    return buffer
}

private let requests = Result { try BlockCorpusTests.requests() }
