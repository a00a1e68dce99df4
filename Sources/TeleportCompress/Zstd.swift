import CZstd

/// How all of us set up libzstd, and what its status numbers mean.
///
/// Contexts are owned by whoever makes one, who frees it once.
enum Zstd {
    /// Makes the context of a sender: one frame, whose content size is not known and which has no checksum.
    static func compressing(_ codec: CompressionCodec) throws(CompressionError) -> OpaquePointer {
        guard let context = ZSTD_createCCtx() else {
            throw CompressionError(.outOfMemory)
        }
        if let error = self.configure(context, for: codec) {
            ZSTD_freeCCtx(context)
            throw error
        }
        return context
    }

    /// Sets the parameters of a context that has just been made, or reset with its parameters.
    static func configure(_ context: OpaquePointer, for codec: CompressionCodec) -> CompressionError? {
        let level = codec.level ?? 1
        let windowLog = codec.windowLog ?? CompressionCodec.defaultWindowLog
        var parameters = [(ZSTD_c_compressionLevel, level), (ZSTD_c_windowLog, windowLog)]
        if level >= 5, windowLog <= 17 {
            // The library does not fit its tables to the window, as it does when it knows the content's size. Those
            // with more entries than the window has bytes find nothing more: at level 19 they would be 83 MiB instead
            // of 4, and slower. The trees of level 13 and up have two entries a byte.
            parameters.append((ZSTD_c_hashLog, windowLog + 1))
            parameters.append((ZSTD_c_chainLog, level < 13 ? windowLog : windowLog + 1))
        } else if level == 1, windowLog >= 15 {
            // Twice the library's: 64 KiB more, and 1.2 of 374 bytes less for each request of the corpus.
            parameters.append((ZSTD_c_hashLog, 15))
        }
        for (parameter, value) in parameters {
            let status = ZSTD_CCtx_setParameter(context, parameter, Int32(value))
            if let error = self.senderError(status) { return error }
        }
        return nil
    }

    /// Makes the context of a receiver that refuses windows of more than 2 to a power bytes.
    static func expanding(windowLog: Int) throws(CompressionError) -> OpaquePointer {
        guard let context = ZSTD_createDCtx() else {
            throw CompressionError(.outOfMemory)
        }
        // `ZstdLayout` has looked at the window before; this is in case it ever overlooks one.
        let status = ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, Int32(windowLog))
        if let error = self.senderError(status) {
            ZSTD_freeDCtx(context)
            throw error
        }
        return context
    }

    /// The error of a call that only fails for want of memory or because the library is broken; `nil` if it succeeded.
    static func senderError(_ status: Int) -> CompressionError? {
        guard ZSTD_isError(status) != 0 else { return nil }
        let code = ZSTD_getErrorCode(status)
        return CompressionError(
            code == ZSTD_error_memory_allocation ? .outOfMemory : .backEndFailed(status: Int32(code.rawValue)))
    }

    /// The error of expanding a peer's bytes; `nil` if that succeeded.
    static func receiverError(_ status: Int) -> CompressionError? {
        guard ZSTD_isError(status) != 0 else { return nil }
        return CompressionError(
            ZSTD_getErrorCode(status) == ZSTD_error_memory_allocation ? .outOfMemory : .corruptInput)
    }
}
