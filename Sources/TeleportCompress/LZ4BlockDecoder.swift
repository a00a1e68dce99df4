import struct NIOCore.ByteBuffer

/// Rule V1-17: expands linked LZ4 blocks in their window, and copies them out.
final class LZ4BlockDecoder: BlockDecoder {
    private let window = LZ4ReceivingWindow()

    func decode(
        _ input: ByteBuffer, decodedLength: Int, into output: inout ByteBuffer
    ) throws(CompressionError) {
        try input.withUnsafeReadableBytes { bytes throws(CompressionError) in
            try self.window.expand(bytes, plainLength: decodedLength)
        }
        output.writeBytes(self.window.suffix(decodedLength))
    }

    func reset() {
        self.window.reset()
    }
}
