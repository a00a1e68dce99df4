import CLZ4

import struct NIOCore.ByteBuffer

/// Linked LZ4 blocks, the sending half of the layout described at ``CompressionCodec/lz4``.
///
/// LZ4 reads its history where it lay when it was compressed. Callers' buffers do not stay, so each block is first
/// copied into the window.
final class LZ4Compressor: StreamCompressor {
    /// LZ4's state and the window. Owned: made by the first batch, freed by `release()`.
    private struct Memory {
        let stream: UnsafeMutablePointer<LZ4_stream_t>
        let window: UnsafeMutableRawPointer
    }

    private var memory: Memory?

    /// Where the next block goes in the window.
    private var end = 0

    deinit {
        self.release()
    }

    func compress(_ input: ByteBuffer, into output: inout ByteBuffer) throws(CompressionError) {
        guard input.readableBytes > 0 else { return }
        let memory = try self.started()
        input.withUnsafeReadableBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let plain = UnsafeRawBufferPointer(rebasing: rest.prefix(LZ4Framing.maximumPlain))
                self.writeBlock(plain, to: &output, memory)
                rest = rest.dropFirst(LZ4Framing.maximumPlain)
            }
        }
    }

    func reset() {
        self.end = 0
        if let memory = self.memory {
            LZ4_resetStream_fast(memory.stream)
        }
    }

    func release() {
        self.end = 0
        guard let memory = self.memory else { return }
        LZ4_freeStream(memory.stream)
        memory.window.deallocate()
        self.memory = nil
    }

    private func writeBlock(_ plain: UnsafeRawBufferPointer, to output: inout ByteBuffer, _ memory: Memory) {
        if self.end + plain.count > LZ4Framing.windowLength {
            self.end = Int(
                LZ4_saveDict(
                    memory.stream, memory.window.assumingMemoryBound(to: CChar.self), Int32(LZ4Framing.historyLength)))
        }
        let block = memory.window + self.end
        UnsafeMutableRawBufferPointer(start: block, count: plain.count).copyMemory(from: plain)
        self.end += plain.count

        // All that the worst case needs: a block that did not fit would leave LZ4's state undefined.
        let bound = LZ4_compressBound(Int32(plain.count))
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: LZ4Framing.headerLength + Int(bound)) { target in
            let data = UnsafeMutableRawBufferPointer(rebasing: target[LZ4Framing.headerLength...])
            var length = Int(
                LZ4_compress_fast_continue(
                    memory.stream, block.assumingMemoryBound(to: CChar.self),
                    data.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(plain.count), bound, 1))
            let isStored = length <= 0 || length >= plain.count
            if isStored {
                data.copyMemory(from: plain)
                length = plain.count
            }
            let header = UInt32(plain.count - 1) | (isStored ? 0 : UInt32(length) << 16)
            target.storeBytes(of: header.littleEndian, as: UInt32.self)
            return LZ4Framing.headerLength + length
        }
    }

    private func started() throws(CompressionError) -> Memory {
        if let memory = self.memory {
            return memory
        }
        guard let stream = LZ4_createStream() else {
            throw CompressionError(.outOfMemory)
        }
        let memory = Memory(
            stream: stream, window: .allocate(byteCount: LZ4Framing.windowLength, alignment: 16))
        self.memory = memory
        return memory
    }
}
