import CLZ4

import struct NIOCore.ByteBuffer

/// Linked LZ4 blocks, the sending half of the layout described at ``CompressionCodec/lz4``.
final class LZ4Compressor: StreamCompressor {
    /// Made by the first batch.
    private var window: LZ4SendingWindow?

    func compress(_ input: ByteBuffer, into output: inout ByteBuffer) throws(CompressionError) {
        guard input.readableBytes > 0 else { return }
        let window = try self.started()
        input.withUnsafeReadableBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let plain = UnsafeRawBufferPointer(rebasing: rest.prefix(LZ4Framing.maximumPlain))
                Self.writeBlock(plain, to: &output, window)
                rest = rest.dropFirst(LZ4Framing.maximumPlain)
            }
        }
    }

    func reset() {
        self.window?.reset()
    }

    func release() {
        self.window = nil
    }

    private static func writeBlock(
        _ plain: UnsafeRawBufferPointer, to output: inout ByteBuffer, _ window: LZ4SendingWindow
    ) {
        // All that the worst case needs: a block that did not fit would leave no history behind it.
        let bound = Int(LZ4_compressBound(Int32(plain.count)))
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: LZ4Framing.headerLength + bound) { target in
            let data = UnsafeMutableRawBufferPointer(rebasing: target[LZ4Framing.headerLength...])
            var length = window.encode(plain, into: UnsafeMutableRawBufferPointer(rebasing: data.prefix(bound)))
            let isStored = length == 0 || length >= plain.count
            if isStored {
                data.copyMemory(from: plain)
                length = plain.count
            }
            let header = UInt32(plain.count - 1) | (isStored ? 0 : UInt32(length) << 16)
            target.storeBytes(of: header.littleEndian, as: UInt32.self)
            return LZ4Framing.headerLength + length
        }
    }

    private func started() throws(CompressionError) -> LZ4SendingWindow {
        if let window = self.window {
            return window
        }
        let window = try LZ4SendingWindow()
        self.window = window
        return window
    }
}
