import CSnappy

import struct NIOCore.ByteBuffer

/// Rule V1-18: the raw snappy format, each block for itself. So there is no state.
enum SnappyBlock {
    /// Appends a block's encoded bytes if they are fewer than its plain ones, and returns whether they were.
    static func encode(_ input: ByteBuffer, into output: inout ByteBuffer) -> Bool {
        // What the library asks for; it does not look whether it is there.
        let bound = snappy_max_compressed_length(input.readableBytes)
        let appended = input.withUnsafeReadableBytes { bytes in
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { target in
                var length = bound
                let status = snappy_compress(
                    bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count,
                    target.baseAddress?.assumingMemoryBound(to: CChar.self), &length)
                return status == SNAPPY_OK && length < bytes.count ? length : 0
            }
        }
        return appended > 0
    }

    /// Appends a block's plain bytes, or nothing if there is an error.
    ///
    /// - Parameters:
    ///   - input: All the encoded bytes.
    ///   - decodedLength: What they must expand to.
    ///   - output: Where the plain bytes are appended.
    /// - Throws: ``CompressionError/Code/corruptInput`` if they do not.
    static func decode(
        _ input: ByteBuffer, decodedLength: Int, into output: inout ByteBuffer
    ) throws(CompressionError) {
        let appended = input.withUnsafeReadableBytes { bytes in
            let data = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            var length = 0
            guard snappy_uncompressed_length(data, bytes.count, &length) == SNAPPY_OK, length == decodedLength else {
                return 0
            }
            return output.writeWithUnsafeMutableBytes(minimumWritableBytes: decodedLength) { target in
                let status = snappy_uncompress(
                    data, bytes.count, target.baseAddress?.assumingMemoryBound(to: CChar.self), &length)
                return status == SNAPPY_OK ? length : 0
            }
        }
        guard appended == decodedLength else {
            throw CompressionError(.corruptInput)
        }
    }
}
