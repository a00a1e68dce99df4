import CZstd

import struct NIOCore.ByteBuffer

/// Expands Zstandard frames by libzstd, through ``ZstdLayout``.
///
/// It consumes all input it is given room for: the library keeps the pieces of a block until it is complete.
final class ZstdDecompressor: StreamDecompressor {
    private let windowLog: Int

    /// `nil` until the first byte. Owned: made in `started()`, freed in `release()`.
    private var context: OpaquePointer?

    private var layout: ZstdLayout

    /// Bytes at the front of the input that the layout has passed and the library has not taken yet.
    private var admitted = 0

    /// Whether the library may hold output back, as its last call used up all the room.
    private var mayHoldOutput = false

    /// The least room asked of an output buffer that has none.
    private static let leastRoom = 1024

    init(windowLog: Int) {
        precondition(CompressionCodec.windowLogs.contains(windowLog), "The window log must be from 10 to 27.")
        self.windowLog = windowLog
        self.layout = ZstdLayout(windowLog: windowLog)
    }

    deinit {
        self.release()
    }

    func decompress(
        _ input: inout ByteBuffer, into output: inout ByteBuffer, limit: Int
    ) throws(CompressionError) -> DecompressionProgress {
        var left = limit
        while input.readableBytes > 0 || self.mayHoldOutput {
            guard left > 0 else { return .outputFull }
            if self.admitted == 0, input.readableBytes > 0, !self.mayHoldOutput {
                try self.admit(&input)
            }
            left -= try self.expand(&input, into: &output, limit: left)
        }
        return .needsInput
    }

    func reset() {
        self.layout = ZstdLayout(windowLog: self.windowLog)
        self.admitted = 0
        self.mayHoldOutput = false
        if let context = self.context {
            ZSTD_DCtx_reset(context, ZSTD_reset_session_only)
        }
    }

    func release() {
        ZSTD_freeDCtx(self.context)
        self.context = nil
        self.reset()
    }

    /// Looks at the next piece of the input.
    private func admit(_ input: inout ByteBuffer) throws(CompressionError) {
        switch try input.withUnsafeReadableBytes({ bytes throws(CompressionError) in try self.layout.step(bytes) }) {
        case .frame(let count): self.admitted = count
        case .orphanedEnd(let count): input.moveReaderIndex(forwardBy: count)
        }
    }

    /// Has the library expand what was admitted, and returns how many bytes went to the output.
    private func expand(
        _ input: inout ByteBuffer, into output: inout ByteBuffer, limit: Int
    ) throws(CompressionError) -> Int {
        let context = try self.started()
        // The buffer grows with what was really produced, never with what may come.
        let room = min(limit, max(Self.leastRoom, 4 * self.admitted, output.writableBytes))
        var status = 0
        var consumed = 0
        let produced = input.withUnsafeReadableBytes { bytes in
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
                var source = ZSTD_inBuffer(src: bytes.baseAddress, size: self.admitted, pos: 0)
                var destination = ZSTD_outBuffer(dst: target.baseAddress, size: room, pos: 0)
                status = ZSTD_decompressStream(context, &destination, &source)
                consumed = source.pos
                return destination.pos
            }
        }
        if let error = Zstd.receiverError(status) {
            throw error
        }
        self.mayHoldOutput = produced == room
        // The library never leaves anything while it has room; if it did, we would ask it for ever.
        guard consumed == self.admitted || produced > 0 else {
            throw CompressionError(.corruptInput)
        }
        self.admitted -= consumed
        input.moveReaderIndex(forwardBy: consumed)
        return produced
    }

    private func started() throws(CompressionError) -> OpaquePointer {
        if let context = self.context {
            return context
        }
        let context = try Zstd.expanding(windowLog: self.windowLog)
        self.context = context
        return context
    }
}
