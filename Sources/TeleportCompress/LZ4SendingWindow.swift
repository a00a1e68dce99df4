import CLZ4

/// LZ4's state of a sender, and the window its history lies in: 144 KiB.
///
/// LZ4 reads its history where it lay when it was compressed. Callers' buffers do not stay, so each block is first
/// copied into the window.
final class LZ4SendingWindow {
    private let stream: UnsafeMutablePointer<LZ4_stream_t>
    private let window: UnsafeMutableRawPointer

    /// Where the next block goes in the window: all before it is history.
    private var end = 0

    /// Whether the last block did not fit, which leaves LZ4's state undefined.
    private var isBroken = false

    init() throws(CompressionError) {
        guard let stream = LZ4_createStream() else {
            throw CompressionError(.outOfMemory)
        }
        self.stream = stream
        self.window = .allocate(byteCount: LZ4Framing.windowLength, alignment: 16)
    }

    deinit {
        LZ4_freeStream(self.stream)
        self.window.deallocate()
    }

    /// Encodes a block, behind which its bytes are history.
    ///
    /// - Parameters:
    ///   - plain: The block, at most ``LZ4Framing/maximumPlain`` bytes.
    ///   - target: Where the encoded bytes go.
    /// - Returns: How many they are; 0 if they do not fit, after which there must be a `reset()`.
    func encode(_ plain: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int {
        if self.end + plain.count > LZ4Framing.windowLength {
            self.end = Int(
                LZ4_saveDict(
                    self.stream, self.window.assumingMemoryBound(to: CChar.self), Int32(LZ4Framing.historyLength)))
        }
        let block = self.window + self.end
        UnsafeMutableRawBufferPointer(start: block, count: plain.count).copyMemory(from: plain)
        self.end += plain.count

        let length = LZ4_compress_fast_continue(
            self.stream, block.assumingMemoryBound(to: CChar.self),
            target.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(plain.count), Int32(target.count), 1)
        self.isBroken = length <= 0
        return max(0, Int(length))
    }

    /// Forgets the history, keeping the memory.
    func reset() {
        self.end = 0
        if self.isBroken {
            LZ4_initStream(self.stream, MemoryLayout<LZ4_stream_t>.size)
            self.isBroken = false
        } else {
            LZ4_resetStream_fast(self.stream)
        }
    }
}
