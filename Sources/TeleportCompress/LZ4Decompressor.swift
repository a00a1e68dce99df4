import CLZ4

import struct NIOCore.ByteBuffer

/// Linked LZ4 blocks, the receiving half of the layout described at ``CompressionCodec/lz4``.
///
/// Blocks are expanded in the window, behind the history they refer to, and copied out from there. So what the limit
/// has no room for simply stays in the window, and the caller's buffer need not keep old bytes.
final class LZ4Decompressor: StreamDecompressor {
    /// ``LZ4Framing/windowLength`` bytes. Owned: made by the first block, freed by `release()`.
    private var window: UnsafeMutableRawPointer?

    /// Where the next block goes in the window: all before it is history.
    private var end = 0

    /// Plain bytes before `end` that the limit had no room for.
    private var held = 0

    deinit {
        self.release()
    }

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
        self.end = 0
        self.held = 0
    }

    func release() {
        self.reset()
        self.window?.deallocate()
        self.window = nil
    }

    /// Copies held bytes to the output, up to the limit, and returns how many.
    private func handOn(into output: inout ByteBuffer, limit: Int) -> Int {
        let count = min(limit, self.held)
        guard count > 0, let window = self.window else { return 0 }
        output.writeBytes(UnsafeRawBufferPointer(start: window + (self.end - self.held), count: count))
        self.held -= count
        return count
    }

    /// Expands the complete block at the front of the input into the window.
    private func expand(
        _ input: ByteBuffer, dataLength: Int, isStored: Bool, plainLength: Int
    ) throws(CompressionError) {
        let window = self.roomInWindow(for: plainLength)
        let block = window + self.end
        let history = min(self.end, LZ4Framing.historyLength)
        let length = input.withUnsafeReadableBytes { bytes in
            let start = LZ4Framing.headerLength
            let data = UnsafeRawBufferPointer(rebasing: bytes[start..<start + dataLength])
            if isStored {
                UnsafeMutableRawBufferPointer(start: block, count: plainLength).copyMemory(from: data)
                return plainLength
            }
            return Int(
                LZ4_decompress_safe_usingDict(
                    data.baseAddress?.assumingMemoryBound(to: CChar.self), block.assumingMemoryBound(to: CChar.self),
                    Int32(dataLength), Int32(plainLength),
                    (block - history).assumingMemoryBound(to: CChar.self), Int32(history)))
        }
        guard length == plainLength else {
            throw CompressionError(.corruptInput)
        }
        self.end += plainLength
        self.held = plainLength
    }

    /// Makes room for a block behind the history, and returns the window.
    private func roomInWindow(for plainLength: Int) -> UnsafeMutableRawPointer {
        let window: UnsafeMutableRawPointer
        if let existing = self.window {
            window = existing
        } else {
            window = .allocate(byteCount: LZ4Framing.windowLength, alignment: 16)
            self.window = window
        }
        if self.end + plainLength > LZ4Framing.windowLength {
            let history = min(self.end, LZ4Framing.historyLength)
            window.copyMemory(from: window + (self.end - history), byteCount: history)
            self.end = history
        }
        return window
    }
}
