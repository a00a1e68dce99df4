import CZlib

import struct NIOCore.ByteBuffer

/// Raw DEFLATE by zlib: one stream without header or end, sync-flushed after each batch.
///
/// After a flush the stream stands at a byte boundary behind `00 00 ff ff`. A new DEFLATE state may go on from there,
/// as a receiver keeps no state but its window: that is why `release()` needs no word to the receiver.
final class FlateCompressor: FlateStreamEncoder {
    private let level: Int

    /// `nil` until the first batch. Owned: made in `started()`, ended and freed in `release()`.
    private var stream: UnsafeMutablePointer<z_stream>?

    /// zlib repeats the flush marker if it is called again with six bytes of room or fewer.
    private static let leastRoom = 64

    init(level: Int) {
        self.level = level
    }

    deinit {
        self.release()
    }

    func compress(_ input: ByteBuffer, into output: inout ByteBuffer) throws(CompressionError) {
        // zlib would write a marker for nothing on a fresh stream.
        guard input.readableBytes > 0 else { return }
        let stream = try self.started()

        // What there is of room is used first. Compressed batches are a fraction of the plain ones: to reserve the
        // bound, which is more than the batch, would make every buffer several times too large.
        let bound = Int(deflateBound(stream, UInt(input.readableBytes)))
        var room = max(Self.leastRoom, min(bound, max(output.writableBytes, input.readableBytes / 2)))
        var status = Z_OK
        input.withUnsafeReadableBytes { bytes in
            stream.pointee.next_in = UnsafeMutablePointer(
                mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
            stream.pointee.avail_in = UInt32(bytes.count)
            repeat {
                output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
                    let count = UInt32(clamping: target.count)
                    stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
                    stream.pointee.avail_out = count
                    status = deflate(stream, Z_SYNC_FLUSH)
                    return Int(count - stream.pointee.avail_out)
                }
                room = max(Self.leastRoom, bound / 2)
            } while status == Z_OK && stream.pointee.avail_out == 0
        }
        stream.pointee.next_in = nil
        stream.pointee.next_out = nil

        // Z_BUF_ERROR only says that the last round, made because the room was used up to the byte, had nothing to do.
        guard status == Z_OK || status == Z_BUF_ERROR else {
            throw CompressionError(.backEndFailed(status: status))
        }
    }

    func reset() {
        if let stream = self.stream {
            deflateReset(stream)
        }
    }

    func release() {
        self.stream?.endDeflating()
        self.stream = nil
    }

    private func started() throws(CompressionError) -> UnsafeMutablePointer<z_stream> {
        if let stream = self.stream {
            return stream
        }
        let stream = try UnsafeMutablePointer<z_stream>.deflating(level: self.level)
        self.stream = stream
        return stream
    }
}
