import CZlib

import struct NIOCore.ByteBuffer

/// Rule V1-15: raw DEFLATE, sync-flushed after each block, without the flush's last four bytes.
final class FlateBlockEncoder: BlockEncoder {
    private let stream: UnsafeMutablePointer<z_stream>

    init(level: Int) throws(CompressionError) {
        self.stream = try .deflating(level: level)
    }

    deinit {
        self.stream.endDeflating()
    }

    func encode(_ input: ByteBuffer, into output: inout ByteBuffer) throws(CompressionError) -> Bool {
        // One byte more than a block that shrinks needs: if zlib leaves it, it is done.
        let room = input.readableBytes + FlateMarker.length
        var status = Z_OK
        let appended = input.withUnsafeReadableBytes { bytes in
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
                self.stream.pointee.next_in = UnsafeMutablePointer(
                    mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
                self.stream.pointee.avail_in = UInt32(bytes.count)
                self.stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
                self.stream.pointee.avail_out = UInt32(room)
                status = deflate(self.stream, Z_SYNC_FLUSH)
                let left = Int(self.stream.pointee.avail_out)
                return status == Z_OK && left > 0 ? room - left - FlateMarker.length : 0
            }
        }
        self.stream.pointee.next_in = nil
        self.stream.pointee.next_out = nil
        guard status == Z_OK else {
            throw CompressionError(.backEndFailed(status: status))
        }
        return appended > 0
    }

    func reset() {
        deflateReset(self.stream)
    }
}
