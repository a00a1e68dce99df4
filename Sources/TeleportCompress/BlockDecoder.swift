import struct NIOCore.ByteBuffer

/// The part of a ``BlockDecompressor`` that each codec has its own of. Exists while there is memory for it.
protocol BlockDecoder: AnyObject {
    /// Appends a block's plain bytes, or nothing if there is an error, after which the history is of no use.
    ///
    /// - Parameters:
    ///   - input: All the encoded bytes.
    ///   - decodedLength: What they must expand to, 1 to 65,536.
    ///   - output: Where the plain bytes are appended.
    func decode(
        _ input: ByteBuffer, decodedLength: Int, into output: inout ByteBuffer
    ) throws(CompressionError)

    /// Begins a fresh history, keeping the memory.
    func reset()
}
