public import struct NIOCore.ByteBuffer

/// One direction's sending half: turns batches of plain bytes into one never-ending compressed stream.
///
/// ``Compressor`` is the type to use; the protocol is for code that is generic over codecs and for codecs of one's own.
/// A compressor belongs to one event loop or thread at a time.
public protocol StreamCompressor {
    /// Compresses one batch and flushes, so that the receiver can expand all of it at once.
    ///
    /// A batch of no bytes adds nothing to the output.
    ///
    /// - Parameters:
    ///   - input: The batch: all readable bytes are taken. May be of any size.
    ///   - output: Where the compressed bytes are appended. Reuse one buffer: the work is done right in it.
    /// - Throws: ``CompressionError/Code/outOfMemory`` if the codec's state could not be allocated,
    ///   ``CompressionError/Code/backEndFailed(status:)`` if the library is broken. The output then ends with bytes
    ///   that must not be sent.
    mutating func compress(_ input: ByteBuffer, into output: inout ByteBuffer) throws(CompressionError)

    /// Starts a new stream, keeping the memory. The receiver must be told to do the same.
    mutating func reset()

    /// Gives back the memory of an idle stream. The next batch takes it again.
    ///
    /// The stream goes on: what follows does not refer to what was sent before, which every receiver understands
    /// without being told.
    mutating func release()
}
