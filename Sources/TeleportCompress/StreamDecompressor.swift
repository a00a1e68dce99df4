public import struct NIOCore.ByteBuffer

/// Why ``StreamDecompressor/decompress(_:into:limit:)`` returned.
public enum DecompressionProgress: Sendable, Hashable {
    /// All that the input could give was given. Call again when bytes have been appended to it.
    case needsInput
    /// The limit was reached and there is, or may be, more output. Call again when there is room, with the same input.
    case outputFull
}

/// One direction's receiving half: expands the stream that a ``StreamCompressor`` of the same format made.
///
/// ``Decompressor`` is the type to use; the protocol is for code that is generic over codecs and for codecs of one's
/// own. A decompressor belongs to one event loop or thread at a time.
///
/// Whether input comes byte by byte or all at once makes no difference to the output.
public protocol StreamDecompressor {
    /// Expands input until it is used up or until `limit` bytes were produced.
    ///
    /// Never produces, nor allocates for, more than the limit, whatever the input claims.
    ///
    /// - Parameters:
    ///   - input: The bytes received. Those used are consumed; a piece of a chunk that is not complete yet is left
    ///     there, at most ``Decompressor/maximumUnconsumedInput`` bytes after ``DecompressionProgress/needsInput``.
    ///     Append what arrives next behind it.
    ///   - output: Where the plain bytes are appended. What stood before an error is valid.
    ///   - limit: The most bytes to append in this call; not negative. At 0 nothing is appended.
    /// - Returns: Whether input or room for output ran out.
    /// - Throws: What is wrong with the input. The stream is then of no more use.
    mutating func decompress(
        _ input: inout ByteBuffer, into output: inout ByteBuffer, limit: Int
    ) throws(CompressionError) -> DecompressionProgress

    /// Starts a new stream, keeping the memory, as the sender did.
    mutating func reset()

    /// Gives back the memory of an idle stream, history included, and starts a new stream.
    ///
    /// Only when the sender is known to refer to nothing it sent before (or when nothing more is to come): otherwise
    /// what follows will be taken for corrupt.
    mutating func release()
}

extension StreamDecompressor {
    /// Expands all of the input, or fails if that is more than `limit` bytes.
    ///
    /// - Parameters:
    ///   - input: The bytes received; see ``decompress(_:into:limit:)`` for what may be left there.
    ///   - output: Where the plain bytes are appended: `limit` at most, also when an error is thrown.
    ///   - limit: The most bytes that the input may expand to: exactly as many pass, one more fails. Not negative.
    /// - Throws: ``CompressionError/Code/outputLimitExceeded(limit:)``, after work and memory in proportion to the
    ///   limit and not to what the input claims; or what else is wrong with the input. The stream is then of no more
    ///   use.
    public mutating func decompressAll(
        _ input: inout ByteBuffer, into output: inout ByteBuffer, limit: Int
    ) throws(CompressionError) {
        try withinLimit(&self, &input, into: &output, limit: limit)
    }
}

/// What ``StreamDecompressor/decompressAll(_:into:limit:)`` does, for any conforming type.
func withinLimit<Stream: StreamDecompressor>(
    _ stream: inout Stream, _ input: inout ByteBuffer, into output: inout ByteBuffer, limit: Int
) throws(CompressionError) {
    let start = output.writerIndex
    while try stream.decompress(&input, into: &output, limit: limit - (output.writerIndex - start)) == .outputFull {
        // A codec may stop early, as one call moves no more than a `UInt32` can count.
        guard output.writerIndex - start == limit else { continue }
        // "Full" may only mean that the codec cannot tell yet. One byte of room elsewhere makes it tell, without making
        // the caller's buffer, often filled to a power of two, grow to twice its size.
        var excess = ByteBuffer()
        guard try stream.decompress(&input, into: &excess, limit: 1) == .needsInput, excess.readableBytes == 0 else {
            throw CompressionError(.outputLimitExceeded(limit: limit))
        }
        return
    }
}
