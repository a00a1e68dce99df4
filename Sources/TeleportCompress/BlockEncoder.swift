import struct NIOCore.ByteBuffer

/// The part of a ``BlockCompressor`` that each codec has its own of. Exists while there is memory for it.
protocol BlockEncoder: AnyObject {
    /// Appends a block's encoded bytes if they are fewer than its plain ones, else nothing.
    ///
    /// - Parameters:
    ///   - input: 1 to 65,536 bytes.
    ///   - output: Where the encoded bytes are appended.
    /// - Returns: Whether they were. If not, and after an error, the history is not what the receiver's is: a `reset()`
    ///   must follow.
    func encode(_ input: ByteBuffer, into output: inout ByteBuffer) throws(CompressionError) -> Bool

    /// Begins a fresh history, keeping the memory.
    func reset()
}
