import CLZ4

/// The window in which a receiver expands LZ4 blocks, behind the history they refer to: 128 KiB.
final class LZ4ReceivingWindow {
    /// ``LZ4Framing/windowLength`` bytes.
    private let window = UnsafeMutableRawPointer.allocate(byteCount: LZ4Framing.windowLength, alignment: 16)

    /// Where the next block goes in the window: all before it is history.
    private var end = 0

    deinit {
        self.window.deallocate()
    }

    /// Takes the bytes of a stored block for history.
    func append(_ plain: UnsafeRawBufferPointer) {
        self.makeRoom(for: plain.count)
        UnsafeMutableRawBufferPointer(start: self.window + self.end, count: plain.count).copyMemory(from: plain)
        self.end += plain.count
    }

    /// Expands an encoded block, whose plain bytes are then history.
    ///
    /// - Parameters:
    ///   - data: The encoded bytes, all of which must be used up.
    ///   - plainLength: The length they must expand to, at most ``LZ4Framing/maximumPlain``.
    /// - Throws: ``CompressionError/Code/corruptInput`` if they do not.
    func expand(_ data: UnsafeRawBufferPointer, plainLength: Int) throws(CompressionError) {
        self.makeRoom(for: plainLength)
        let block = self.window + self.end
        let history = min(self.end, LZ4Framing.historyLength)
        let length = LZ4_decompress_safe_usingDict(
            data.baseAddress?.assumingMemoryBound(to: CChar.self), block.assumingMemoryBound(to: CChar.self),
            Int32(data.count), Int32(plainLength),
            (block - history).assumingMemoryBound(to: CChar.self), Int32(history))
        guard length == plainLength else {
            throw CompressionError(.corruptInput)
        }
        self.end += plainLength
    }

    /// The last bytes of the history, valid until the next block.
    func suffix(_ count: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: self.window + (self.end - count), count: count)
    }

    /// Forgets the history, keeping the memory.
    func reset() {
        self.end = 0
    }

    /// Makes room for a block behind the history.
    private func makeRoom(for plainLength: Int) {
        guard self.end + plainLength > LZ4Framing.windowLength else { return }
        let history = min(self.end, LZ4Framing.historyLength)
        self.window.copyMemory(from: self.window + (self.end - history), byteCount: history)
        self.end = history
    }
}
