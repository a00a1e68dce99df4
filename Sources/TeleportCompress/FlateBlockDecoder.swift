import CZlib

import struct NIOCore.ByteBuffer

/// Rule V1-15: expands blocks of raw DEFLATE, right into the caller's buffer, and supplies the flush marker they lack.
final class FlateBlockDecoder: BlockDecoder {
    private let stream: UnsafeMutablePointer<z_stream>

    /// What zlib says of where it stands when it is between two DEFLATE blocks, at a byte's border, and the first was
    /// no final one.
    private static let betweenBlocks: Int32 = 128

    init() throws(CompressionError) {
        self.stream = try .inflating()
    }

    deinit {
        self.stream.endInflating()
    }

    func decode(
        _ input: ByteBuffer, decodedLength: Int, into output: inout ByteBuffer
    ) throws(CompressionError) {
        var status = Z_OK
        let appended = input.withUnsafeReadableBytes { bytes in
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: decodedLength) { target in
                self.stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
                self.stream.pointee.avail_out = UInt32(decodedLength)
                status = self.feed(bytes)
                if status == Z_OK {
                    status = FlateMarker.withBytes { self.feed($0) }
                }
                // Had there been more to come, it would stand within a DEFLATE block now.
                let isExact =
                    self.stream.pointee.avail_out == 0 && self.stream.pointee.data_type == Self.betweenBlocks
                return status == Z_OK && isExact ? decodedLength : 0
            }
        }
        self.stream.pointee.next_in = nil
        self.stream.pointee.next_out = nil
        guard appended == decodedLength else {
            throw CompressionError(status == Z_MEM_ERROR ? .outOfMemory : .corruptInput)
        }
    }

    func reset() {
        inflateReset(self.stream)
    }

    /// Has zlib take some bytes. Returns `Z_OK` only if it took all of them.
    private func feed(_ bytes: UnsafeRawBufferPointer) -> Int32 {
        self.stream.pointee.next_in = UnsafeMutablePointer(
            mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
        self.stream.pointee.avail_in = UInt32(bytes.count)
        let status = inflate(self.stream, Z_SYNC_FLUSH)
        return status == Z_OK && self.stream.pointee.avail_in > 0 ? Z_DATA_ERROR : status
    }
}
