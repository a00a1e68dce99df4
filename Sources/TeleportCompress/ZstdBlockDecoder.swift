import CZstd

import struct NIOCore.ByteBuffer

/// Rule V1-16: expands the blocks of one frame, right into the caller's buffer.
final class ZstdBlockDecoder: BlockDecoder {
    private let context: OpaquePointer
    private let windowLog: Int
    private var layout: ZstdLayout

    init(windowLog: Int) throws(CompressionError) {
        self.context = try Zstd.expanding(windowLog: windowLog)
        self.windowLog = windowLog
        self.layout = ZstdLayout(windowLog: windowLog)
    }

    deinit {
        ZSTD_freeDCtx(self.context)
    }

    func decode(
        _ input: ByteBuffer, decodedLength: Int, into output: inout ByteBuffer
    ) throws(CompressionError) {
        try self.checkLayout(of: input)
        var status = 0
        let appended = input.withUnsafeReadableBytes { bytes in
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: decodedLength) { target in
                var source = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
                var destination = ZSTD_outBuffer(dst: target.baseAddress, size: decodedLength, pos: 0)
                status = ZSTD_decompressStream(self.context, &destination, &source)
                guard destination.pos == decodedLength, source.pos == source.size, self.isDrained() else { return 0 }
                return decodedLength
            }
        }
        guard appended == decodedLength else {
            throw Zstd.receiverError(status) ?? CompressionError(.corruptInput)
        }
    }

    func reset() {
        self.layout = ZstdLayout(windowLog: self.windowLog)
        ZSTD_DCtx_reset(self.context, ZSTD_reset_session_only)
    }

    /// Checks that a block begins and ends where one of zstd's own does, and ends no frame.
    private func checkLayout(of input: ByteBuffer) throws(CompressionError) {
        try input.withUnsafeReadableBytes { bytes throws(CompressionError) in
            var rest = bytes[...]
            while !rest.isEmpty {
                guard case .frame(let count) = try self.layout.step(UnsafeRawBufferPointer(rebasing: rest)) else {
                    throw CompressionError(.corruptInput)
                }
                rest = rest.dropFirst(count)
            }
            guard self.layout.isBetweenBlocks else {
                throw CompressionError(.corruptInput)
            }
        }
    }

    /// Whether the library has nothing more to give: it keeps what it was given no room for.
    private func isDrained() -> Bool {
        var excess: UInt8 = 0
        return withUnsafeMutableBytes(of: &excess) { target in
            var source = ZSTD_inBuffer()
            var destination = ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
            let status = ZSTD_decompressStream(self.context, &destination, &source)
            return ZSTD_isError(status) == 0 && destination.pos == 0
        }
    }
}
