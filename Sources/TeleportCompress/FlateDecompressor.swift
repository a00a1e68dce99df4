import CZlib

import struct NIOCore.ByteBuffer

/// Expands raw DEFLATE by zlib, right into the caller's buffer.
///
/// It consumes all input it is given room for: what it has not used yet of a half-received symbol zlib keeps as bits.
///
/// It is zlib also in a build with ISA-L, whose `isal_inflate` cannot keep what ``StreamDecompressor`` promises of an
/// error: that all which stands before it is given, and nothing else. Where a match reaches too far back, it counts the
/// match's length as output, bytes that nobody has written. Of a block at fault nothing is given, so there it will do.
final class FlateDecompressor: StreamDecompressor {
    /// `nil` until the first byte. Owned: made in `started()`, ended and freed in `release()`.
    private var stream: UnsafeMutablePointer<z_stream>?

    /// Whether zlib may hold output back, as its last call used up all the room.
    private var mayHoldOutput = false

    /// Whether the sender ended the stream by a final block.
    private var isEnded = false

    /// The most output of one call; keeps counts within zlib's 32 bits.
    private static let maximumStep = 1 << 30

    /// The least room asked of an output buffer that has none.
    private static let leastRoom = 1024

    deinit {
        self.release()
    }

    func decompress(
        _ input: inout ByteBuffer, into output: inout ByteBuffer, limit: Int
    ) throws(CompressionError) -> DecompressionProgress {
        guard !self.isEnded else {
            return try self.endOfStream(input)
        }
        guard input.readableBytes > 0 || self.mayHoldOutput else { return .needsInput }
        guard limit > 0 else { return .outputFull }
        let stream = try self.started()

        var left = min(limit, Self.maximumStep)
        // Text expands about fourfold. The buffer grows with what was really produced, never with what may come.
        var room = max(Self.leastRoom, 4 * input.readableBytes)
        var status = Z_OK
        let consumed = input.withUnsafeReadableBytes { bytes in
            stream.pointee.next_in = UnsafeMutablePointer(
                mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
            stream.pointee.avail_in = UInt32(bytes.count)
            repeat {
                room = min(left, max(room, output.writableBytes))
                left -= output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
                    stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
                    stream.pointee.avail_out = UInt32(room)
                    status = inflate(stream, Z_SYNC_FLUSH)
                    return room - Int(stream.pointee.avail_out)
                }
            } while status == Z_OK && stream.pointee.avail_out == 0 && left > 0
            return bytes.count - Int(stream.pointee.avail_in)
        }
        self.mayHoldOutput = stream.pointee.avail_out == 0
        stream.pointee.next_in = nil
        stream.pointee.next_out = nil
        input.moveReaderIndex(forwardBy: consumed)

        switch status {
        case Z_OK, Z_BUF_ERROR:  // the latter: it could do nothing without more input
            return self.mayHoldOutput ? .outputFull : .needsInput
        case Z_STREAM_END:
            self.isEnded = true
            return try self.endOfStream(input)
        case Z_DATA_ERROR, Z_NEED_DICT:
            throw CompressionError(.corruptInput)
        case Z_MEM_ERROR:
            throw CompressionError(.outOfMemory)
        default:
            throw CompressionError(.backEndFailed(status: status))
        }
    }

    func reset() {
        self.mayHoldOutput = false
        self.isEnded = false
        if let stream = self.stream {
            inflateReset(stream)
        }
    }

    func release() {
        self.mayHoldOutput = false
        self.isEnded = false
        self.stream?.endInflating()
        self.stream = nil
    }

    /// A final block is tolerated as the last thing a peer sends, and nothing may follow it.
    private func endOfStream(_ input: ByteBuffer) throws(CompressionError) -> DecompressionProgress {
        guard input.readableBytes == 0 else {
            throw CompressionError(.streamEnded)
        }
        return .needsInput
    }

    private func started() throws(CompressionError) -> UnsafeMutablePointer<z_stream> {
        if let stream = self.stream {
            return stream
        }
        let stream = try UnsafeMutablePointer<z_stream>.inflating()
        self.stream = stream
        return stream
    }
}
