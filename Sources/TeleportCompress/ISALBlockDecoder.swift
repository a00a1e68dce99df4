#if ISAL
    import CISAL

    import struct NIOCore.ByteBuffer

    /// Rule V1-15 by ISA-L: expands blocks of raw DEFLATE into the caller's buffer, and supplies the flush marker they
    /// lack.
    ///
    /// It refuses what zlib does, but for codes of distances with gaps, which it takes as long as nothing refers to
    /// one. When there is an error, what it wrote and what it counts as written may differ: none of it is given.
    final class ISALBlockDecoder: BlockDecoder {
        private let state: UnsafeMutablePointer<inflate_state>

        init() throws(CompressionError) {
            self.state = try .inflating()
        }

        deinit {
            free(self.state)
        }

        func decode(
            _ input: ByteBuffer, decodedLength: Int, into output: inout ByteBuffer
        ) throws(CompressionError) {
            let appended = input.withUnsafeReadableBytes { bytes in
                output.writeWithUnsafeMutableBytes(minimumWritableBytes: decodedLength) { target in
                    self.state.fill(target.baseAddress, room: decodedLength)
                    guard self.feed(bytes), FlateMarker.withBytes({ self.feed($0) }) else { return 0 }
                    // Had there been more to come, it would stand within a DEFLATE block now, or hold more plain bytes.
                    let isExact =
                        self.state.pointee.avail_out == 0 && self.state.held.isEmpty && self.state.isBetweenBlocks
                    return isExact ? decodedLength : 0
                }
            }
            self.state.forgetBuffers()
            guard appended == decodedLength else {
                throw CompressionError(.corruptInput)
            }
        }

        func reset() {
            isal_inflate_reset(self.state)
        }

        /// Has ISA-L take some bytes, and returns whether it took all of them. It never fails but for what they are.
        private func feed(_ bytes: UnsafeRawBufferPointer) -> Bool {
            self.state.take(bytes)
            return isal_inflate(self.state) == ISAL_DECOMP_OK && self.state.pointee.avail_in == 0
        }
    }
#endif
