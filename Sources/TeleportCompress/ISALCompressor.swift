#if ISAL
    import CISAL

    import struct NIOCore.ByteBuffer

    /// Raw DEFLATE by ISA-L: one stream without header or end, sync-flushed after each batch.
    ///
    /// After a flush the stream stands at a byte boundary behind `00 00 ff ff`, as with zlib, so here too a new state
    /// may go on from there.
    final class ISALCompressor: FlateStreamEncoder {
        private let level: ISALLevel

        /// `nil` until the first batch. Owned: made in `started()`, freed in `release()`.
        private var stream: UnsafeMutablePointer<isal_zstream>?

        /// With so much room a call always gets on: ISA-L writes eight bytes at a time.
        private static let leastRoom = 64

        init(level: ISALLevel) {
            self.level = level
        }

        deinit {
            self.release()
        }

        func compress(_ input: ByteBuffer, into output: inout ByteBuffer) throws(CompressionError) {
            // ISA-L would write a marker for nothing.
            guard input.readableBytes > 0 else { return }
            let stream = try self.started()

            // As with zlib: what there is of room is used first, and little more asked for.
            var room = max(Self.leastRoom, output.writableBytes, input.readableBytes / 2)
            var result: (status: Int32, count: Int) = (COMP_OK, 0)
            input.withUnsafeReadableBytes { bytes in
                stream.take(bytes)
                repeat {
                    output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
                        result = stream.deflate(into: target)
                        return result.count
                    }
                    room = max(Self.leastRoom, input.readableBytes / 2)
                } while result.status == COMP_OK && result.count > 0 && !stream.isFlushed
            }
            let isFlushed = stream.isFlushed
            stream.forgetBuffers()

            guard result.status == COMP_OK, isFlushed else {
                throw CompressionError(.backEndFailed(status: result.status))
            }
        }

        func reset() {
            if let stream = self.stream {
                isal_deflate_reset(stream)
            }
        }

        func release() {
            free(self.stream)
            self.stream = nil
        }

        private func started() throws(CompressionError) -> UnsafeMutablePointer<isal_zstream> {
            if let stream = self.stream {
                return stream
            }
            let stream = try UnsafeMutablePointer<isal_zstream>.deflating(self.level)
            self.stream = stream
            return stream
        }
    }
#endif
