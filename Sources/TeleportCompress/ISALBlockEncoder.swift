#if ISAL
    import CISAL

    import struct NIOCore.ByteBuffer

    /// Rule V1-15 by ISA-L: raw DEFLATE, sync-flushed after each block, without the flush's last four bytes.
    final class ISALBlockEncoder: BlockEncoder {
        private let stream: UnsafeMutablePointer<isal_zstream>

        init(level: ISALLevel) throws(CompressionError) {
            self.stream = try .deflating(level)
        }

        deinit {
            free(self.stream)
        }

        func encode(_ input: ByteBuffer, into output: inout ByteBuffer) throws(CompressionError) -> Bool {
            // What a block needs that does not shrink: if ISA-L comes to the end of the flush in less, it shrank.
            let room = input.readableBytes + FlateMarker.length
            var status = COMP_OK
            let appended = input.withUnsafeReadableBytes { bytes in
                output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
                    self.stream.take(bytes)
                    let result = self.stream.deflate(into: UnsafeMutableRawBufferPointer(rebasing: target[..<room]))
                    status = result.status
                    let isShorter = result.count < room && self.stream.isFlushed
                    return status == COMP_OK && isShorter ? result.count - FlateMarker.length : 0
                }
            }
            self.stream.forgetBuffers()
            guard status == COMP_OK else {
                throw CompressionError(.backEndFailed(status: status))
            }
            return appended > 0
        }

        func reset() {
            isal_deflate_reset(self.stream)
        }
    }
#endif
