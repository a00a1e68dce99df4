import CSnappy

import struct NIOCore.ByteBuffer

/// The snappy framing format over libsnappy: each batch is cut into chunks of at most 64 KiB that refer to nothing but
/// themselves. So there is no history to keep or to release.
final class SnappyCompressor: StreamCompressor {
    private var isIdentified = false

    func compress(_ input: ByteBuffer, into output: inout ByteBuffer) {
        guard input.readableBytes > 0 else { return }
        if !self.isIdentified {
            output.writeBytes(SnappyFraming.streamIdentifier)
            self.isIdentified = true
        }
        input.withUnsafeReadableBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                Self.writeChunk(UnsafeRawBufferPointer(rebasing: rest.prefix(SnappyFraming.maximumPlain)), to: &output)
                rest = rest.dropFirst(SnappyFraming.maximumPlain)
            }
        }
    }

    func reset() {
        self.isIdentified = false
    }

    func release() {}

    private static func writeChunk(_ plain: UnsafeRawBufferPointer, to output: inout ByteBuffer) {
        let prefixLength = SnappyFraming.headerLength + SnappyFraming.checksumLength
        let bound = snappy_max_compressed_length(plain.count)
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: prefixLength + bound) { target in
            let data = UnsafeMutableRawBufferPointer(rebasing: target[prefixLength...])
            var type = SnappyFraming.ChunkType.compressed
            var length = bound
            let status = snappy_compress(
                plain.baseAddress?.assumingMemoryBound(to: CChar.self), plain.count,
                data.baseAddress?.assumingMemoryBound(to: CChar.self), &length)
            // Less than an eighth saved is not worth the receiver's time; the other implementations decide alike.
            if status != SNAPPY_OK || length >= plain.count - plain.count / 8 {
                type = SnappyFraming.ChunkType.uncompressed
                length = plain.count
                data.copyMemory(from: plain)
            }
            let header = UInt32(type) | UInt32(SnappyFraming.checksumLength + length) << 8
            target.storeBytes(of: header.littleEndian, as: UInt32.self)
            target.storeBytes(
                of: CRC32C.maskedChecksum(plain).littleEndian, toByteOffset: SnappyFraming.headerLength,
                as: UInt32.self)
            return prefixLength + length
        }
    }
}
