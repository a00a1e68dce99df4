import struct NIOCore.ByteBuffer

/// Linked LZ4 blocks, the receiving half of the layout described at ``CompressionCodec/lz4``.
///
/// Blocks are expanded in the window and copied out from there. So what the limit has no room for simply stays in the
/// window, and the caller's buffer need not keep old bytes.
final class LZ4Decompressor: StreamDecompressor {
    /// Made by the first block.
    private var window: LZ4ReceivingWindow?

    /// Plain bytes at the end of the window that the limit had no room for.
    private var held = 0

    func decompress(
        _ input: inout ByteBuffer, into output: inout ByteBuffer, limit: Int
    ) throws(CompressionError) -> DecompressionProgress {
        var left = limit
        while true {
            left -= self.handOn(into: &output, limit: left)
            guard self.held == 0 else { return .outputFull }

            guard let header = input.getInteger(at: input.readerIndex, endianness: .little, as: UInt32.self) else {
                return .needsInput
            }
            let plainLength = Int(header & 0xffff) + 1
            let encodedLength = Int(header >> 16)
            guard encodedLength < plainLength else {
                throw CompressionError(.corruptInput)
            }
            let dataLength = encodedLength == 0 ? plainLength : encodedLength
            guard input.readableBytes >= LZ4Framing.headerLength + dataLength else { return .needsInput }
            guard left > 0 else { return .outputFull }

            try self.expand(input, dataLength: dataLength, isStored: encodedLength == 0, plainLength: plainLength)
            input.moveReaderIndex(forwardBy: LZ4Framing.headerLength + dataLength)
        }
    }

    func reset() {
        self.window?.reset()
        self.held = 0
    }

    func release() {
        self.window = nil
        self.held = 0
    }

    /// Copies held bytes to the output, up to the limit, and returns how many.
    private func handOn(into output: inout ByteBuffer, limit: Int) -> Int {
        let count = min(limit, self.held)
        guard count > 0, let window = self.window else { return 0 }
        output.writeBytes(UnsafeRawBufferPointer(rebasing: window.suffix(self.held).prefix(count)))
        self.held -= count
        return count
    }

    /// Expands the complete block at the front of the input into the window.
    private func expand(
        _ input: ByteBuffer, dataLength: Int, isStored: Bool, plainLength: Int
    ) throws(CompressionError) {
        let window = self.started()
        try input.withUnsafeReadableBytes { bytes throws(CompressionError) in
            let start = LZ4Framing.headerLength
            let data = UnsafeRawBufferPointer(rebasing: bytes[start..<start + dataLength])
            if isStored {
                window.append(data)
            } else {
                try window.expand(data, plainLength: plainLength)
            }
        }
        self.held = plainLength
    }

    private func started() -> LZ4ReceivingWindow {
        if let window = self.window {
            return window
        }
        let window = LZ4ReceivingWindow()
        self.window = window
        return window
    }
}
