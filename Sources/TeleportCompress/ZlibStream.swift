import CZlib

/// How all of us set up zlib: raw DEFLATE (RFC 1951), window 2^15.
///
/// zlib's state points back at its `z_stream`, which therefore lives on the heap and never moves. Whoever makes one
/// owns it, and ends it once.
extension UnsafeMutablePointer<z_stream> {
    /// Makes the state of a sender: 264 KiB.
    static func deflating(level: Int) throws(CompressionError) -> Self {
        try self.made { stream in
            // No header (negative window); memory level 8, the library's default.
            deflateInit2_(
                stream, Int32(level), Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size))
        }
    }

    /// Makes the state of a receiver: 44 KiB, most of it taken with the first bytes.
    static func inflating() throws(CompressionError) -> Self {
        try self.made { stream in
            inflateInit2_(stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        }
    }

    /// Frees what `deflating(level:)` made.
    func endDeflating() {
        deflateEnd(self)
        self.free()
    }

    /// Frees what `inflating()` made.
    func endInflating() {
        inflateEnd(self)
        self.free()
    }

    private static func made(_ start: (Self) -> Int32) throws(CompressionError) -> Self {
        let stream = Self.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let status = start(stream)
        guard status == Z_OK else {
            stream.free()
            throw CompressionError(status == Z_MEM_ERROR ? .outOfMemory : .backEndFailed(status: status))
        }
        return stream
    }

    private func free() {
        self.deinitialize(count: 1)
        self.deallocate()
    }
}
