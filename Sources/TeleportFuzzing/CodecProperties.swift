import TeleportCompress

import struct NIOCore.ByteBuffer

/// The most output that is looked at: a few KiB of input may expand to gigabytes.
private let cap = 1 << 20

/// What came of expanding an input.
private struct Expansion: Equatable {
    var output = ByteBuffer()
    var failure: CompressionError?
    var unread = 0
    var isCapped = false
}

/// Checks that a hostile input expands to the same however it is cut, and to no more than the limit.
func checkExpansion(of input: UnsafeRawBufferPointer, by kind: CodecKind) {
    let whole = expand(input, by: kind, inputStep: input.count, limit: 65_536)
    // A limit that never divides a chunk evenly makes the back ends hold pieces back.
    let pieces = expand(input, by: kind, inputStep: 1, limit: 1021)
    precondition(whole == pieces, "\(kind): the output depends on how the input is cut.")

    guard whole.failure == nil, !whole.isCapped else { return }
    let length = whole.output.readableBytes
    let exact = expandAll(input, by: kind, limit: length)
    precondition(exact == whole, "\(kind): a limit of exactly the output's length changes the output.")
    if length > 0 {
        let tooLow = expandAll(input, by: kind, limit: length - 1)
        precondition(
            tooLow.failure?.code == .outputLimitExceeded(limit: length - 1), "\(kind): the limit was not noticed.")
        precondition(tooLow.output.readableBytes < length, "\(kind): the limit was not kept.")
    }
}

/// Checks that bytes survive compression and expansion, in batches, with the sender's memory released on the way.
func checkRoundTrip(of input: UnsafeRawBufferPointer, by codec: CompressionCodec) {
    var compressor = Compressor(codec)
    var decompressor = Decompressor(codec.kind)
    var link = ByteBuffer()
    var output = ByteBuffer()
    var rest = input[...]
    var batchLength = 1 + Int(input.last ?? 0)
    while !rest.isEmpty {
        let batch = ByteBuffer(bytes: rest.prefix(batchLength))
        rest = rest.dropFirst(batchLength)
        batchLength *= 2
        do throws(CompressionError) {
            try compressor.compress(batch, into: &link)
            try decompressor.decompressAll(&link, into: &output, limit: batch.readableBytes)
        } catch {
            preconditionFailure("\(codec): own output was refused: \(error.message)")
        }
        precondition(link.readableBytes == 0, "\(codec): a flushed batch was not all used.")
        if batchLength % 3 == 0 {
            compressor.release()
        }
    }
    precondition(output.readableBytesView.elementsEqual(input), "\(codec): bytes changed on the way.")
}

private func expand(
    _ input: UnsafeRawBufferPointer, by kind: CodecKind, inputStep: Int, limit: Int
) -> Expansion {
    var decompressor = Decompressor(kind)
    var result = Expansion()
    var pending = ByteBuffer()
    var rest = input[...]
    do throws(CompressionError) {
        while !rest.isEmpty, !result.isCapped {
            pending.writeBytes(rest.prefix(inputStep))
            rest = rest.dropFirst(inputStep)
            var progress = DecompressionProgress.outputFull
            while progress == .outputFull, !result.isCapped {
                let before = result.output.writerIndex
                progress = try decompressor.decompress(&pending, into: &result.output, limit: limit)
                precondition(result.output.writerIndex - before <= limit, "\(kind): more output than the limit.")
                result.isCapped = result.output.readableBytes >= cap
            }
            precondition(
                result.isCapped || pending.readableBytes <= Decompressor.maximumUnconsumedInput,
                "\(kind): more input left than promised.")
        }
        result.unread = pending.readableBytes
    } catch {
        result.failure = error
    }
    precondition(result.output.capacity <= 4 * (cap + limit), "\(kind): more memory than the limit allows.")
    if result.isCapped {
        // The runs stop at different places behind the cap; up to the cap they have to be equal.
        result.output.moveWriterIndex(to: cap)
        result.failure = nil
        result.unread = 0
    }
    return result
}

private func expandAll(_ input: UnsafeRawBufferPointer, by kind: CodecKind, limit: Int) -> Expansion {
    var decompressor = Decompressor(kind)
    var result = Expansion()
    var pending = ByteBuffer(bytes: input)
    do throws(CompressionError) {
        try decompressor.decompressAll(&pending, into: &result.output, limit: limit)
        result.unread = pending.readableBytes
    } catch {
        result.failure = error
    }
    return result
}
