import CZstd

import struct NIOCore.ByteBuffer

/// Rule V1-16: one frame of Zstandard, flushed after each block, never ended.
final class ZstdBlockEncoder: BlockEncoder {
    private let context: OpaquePointer

    init(_ codec: CompressionCodec) throws(CompressionError) {
        self.context = try Zstd.compressing(codec)
    }

    deinit {
        ZSTD_freeCCtx(self.context)
    }

    func encode(_ input: ByteBuffer, into output: inout ByteBuffer) throws(CompressionError) -> Bool {
        var status = 0
        let appended = input.withUnsafeReadableBytes { bytes in
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: bytes.count) { target in
                var source = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
                // If there happens to be more room than needed, the library spares itself a copy.
                var destination = ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
                // It returns with something left to do only when there is no more room.
                status = ZSTD_compressStream2(self.context, &destination, &source, ZSTD_e_flush)
                let isWhole = status == 0 && source.pos == source.size
                return isWhole && destination.pos < source.size ? destination.pos : 0
            }
        }
        if let error = Zstd.senderError(status) {
            throw error
        }
        return appended > 0
    }

    /// Sets another level, and begins a fresh history: the library, on one thread, takes none within a frame.
    ///
    /// - Returns: False if it failed; then this encoder is of no use any more.
    func change(to codec: CompressionCodec) -> Bool {
        ZSTD_CCtx_reset(self.context, ZSTD_reset_session_and_parameters)
        return Zstd.configure(self.context, for: codec) == nil
    }

    func reset() {
        ZSTD_CCtx_reset(self.context, ZSTD_reset_session_only)
    }
}
