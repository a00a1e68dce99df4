import CZstd

import struct NIOCore.ByteBuffer

/// Zstandard by libzstd: a frame, flushed after each batch.
///
/// Unlike DEFLATE, a frame cannot be gone on with by a new state, and another can only begin when it was ended. So
/// what `release()` leaves open is ended by the next batch: an empty last block stands in front of its frame. A
/// receiver that released its memory too finds this end without the frame it belongs to, and reads over it.
final class ZstdCompressor: StreamCompressor {
    private let codec: CompressionCodec

    /// `nil` until the first batch. Owned: made in `started()`, freed in `release()`.
    private var context: OpaquePointer?

    /// Whether the receiver has a frame that is not ended.
    private var isFrameOpen = false

    /// Whether this side stands at the start of a frame.
    private var isFresh = true

    /// Room that the library is called with at least.
    private static let leastRoom = 64

    init(_ codec: CompressionCodec) {
        self.codec = codec
    }

    deinit {
        self.release()
    }

    func compress(_ input: ByteBuffer, into output: inout ByteBuffer) throws(CompressionError) {
        guard input.readableBytes > 0 else { return }
        let context = try self.started()
        if self.isFrameOpen, self.isFresh {
            output.writeBytes(ZstdLayout.emptyLastBlock)
        }
        self.isFrameOpen = true
        self.isFresh = false

        // What there is of room is used first, as in `FlateCompressor`.
        let bound = ZSTD_compressBound(input.readableBytes)
        var room = max(Self.leastRoom, min(bound, max(output.writableBytes, input.readableBytes / 2)))
        var status = 0
        input.withUnsafeReadableBytes { bytes in
            var source = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
            repeat {
                output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
                    var destination = ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
                    status = ZSTD_compressStream2(context, &destination, &source, ZSTD_e_flush)
                    return destination.pos
                }
                room = max(Self.leastRoom, bound / 2)
            } while ZSTD_isError(status) == 0 && (status > 0 || source.pos < source.size)
        }
        if let error = Zstd.senderError(status) {
            throw error
        }
    }

    func reset() {
        self.isFrameOpen = false
        self.isFresh = true
        if let context = self.context {
            ZSTD_CCtx_reset(context, ZSTD_reset_session_only)
        }
    }

    func release() {
        ZSTD_freeCCtx(self.context)
        self.context = nil
        self.isFresh = true
    }

    private func started() throws(CompressionError) -> OpaquePointer {
        if let context = self.context {
            return context
        }
        let context = try Zstd.compressing(self.codec)
        self.context = context
        return context
    }
}
