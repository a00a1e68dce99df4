import struct NIOCore.ByteBuffer

/// Rule V1-17: LZ4 blocks, linked over the last 64 KiB that blocks of this codec carried.
final class LZ4BlockEncoder: BlockEncoder {
    private let window: LZ4SendingWindow

    init() throws(CompressionError) {
        self.window = try LZ4SendingWindow()
    }

    func encode(_ input: ByteBuffer, into output: inout ByteBuffer) throws(CompressionError) -> Bool {
        let room = input.readableBytes - 1
        let appended = input.withUnsafeReadableBytes { bytes in
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
                self.window.encode(bytes, into: UnsafeMutableRawBufferPointer(rebasing: target.prefix(room)))
            }
        }
        return appended > 0
    }

    func reset() {
        self.window.reset()
    }
}
