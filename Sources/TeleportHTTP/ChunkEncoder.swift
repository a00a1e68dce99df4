public import struct NIOCore.ByteBuffer

/// Writes a body in the chunked coding (RFC 9112 §7.1).
public enum ChunkEncoder {
    /// Appends `piece` as one chunk. An empty piece appends nothing: as a chunk it would end the body.
    public static func encode(_ piece: ByteBuffer, into buffer: inout ByteBuffer) {
        guard piece.readableBytes > 0 else { return }
        HeadWriter.append(to: &buffer, atMost: piece.readableBytes + 24) { writer in
            writer.write(hexadecimal: piece.readableBytes)
            writer.write("\r\n")
            writer.write(piece.readableBytesSpan)
            writer.write("\r\n")
        }
    }

    /// Appends the last chunk and the trailer section, which ends the body.
    ///
    /// Fields about framing and the connection are left out of the trailers.
    public static func encodeEnd(trailers: Fields? = nil, into buffer: inout ByteBuffer) {
        let trailers = trailers ?? Fields()
        let plan = FieldPlan(trailers, filter: .trailers)
        HeadWriter.append(to: &buffer, atMost: plan.bytes + 8) { writer in
            writer.write("0\r\n")
            plan.write(trailers, to: &writer)
            writer.write("\r\n")
        }
    }
}
