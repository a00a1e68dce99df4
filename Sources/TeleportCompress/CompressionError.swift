/// Why a compressor or decompressor refused its work.
///
/// Every error of a ``Decompressor`` or ``BlockDecompressor`` is final: the rest cannot be made sense of, so the
/// connection that carries it has to be closed. Two errors are equal if their codes are.
public struct CompressionError: Error, Sendable, Hashable {
    /// What went wrong.
    @nonexhaustive
    public enum Code: Sendable, Hashable {
        /// The input expands to more than `limit` bytes, the limit the caller gave.
        case outputLimitExceeded(limit: Int)
        /// The input is not what the codec's format allows.
        case corruptInput
        /// A chunk expanded to bytes whose checksum is not the one the chunk carries.
        case checksumMismatch
        /// A chunk is longer, before or after expansion, than its format allows.
        case chunkTooLarge
        /// A snappy stream does not begin with the stream identifier.
        case missingStreamIdentifier
        /// A snappy chunk of a type that must not be skipped and that nobody has defined.
        case unsupportedChunk(UInt8)
        /// Bytes followed the end of the stream. Teleport streams never end.
        case streamEnded
        /// A coded block does not begin a fresh history where it must: as the first of its direction, of another codec,
        /// or behind a release (rule V1-13).
        case missingReset
        /// A zstd frame asks for a window of more than `limit` bytes (rule V1-16).
        case windowTooLarge(limit: Int)
        /// The codec's library could not allocate its memory.
        case outOfMemory
        /// A level of flate outside 1 to 9.
        case invalidLevel(Int)
        /// A level of zstd outside 1 to 19.
        case invalidZstdLevel(Int)
        /// A window of zstd, as a power of two, outside 10 to 27.
        case invalidWindowLog(Int)
        /// A budget outside 1 to 100 percent.
        case invalidBudget(Int)
        /// A codec name that is none of ``CodecKind/name``.
        case unknownCodec(String)
        /// The codec's library reported a status that it never should; its number is kept for the report.
        case backEndFailed(status: Int32)
    }

    /// What went wrong.
    public let code: Code

    /// Makes the error for a code.
    public init(_ code: Code) {
        self.code = code
    }

    /// One sentence for people: what happened and what to do about it.
    public var message: String {
        switch self.code {
        case .outputLimitExceeded(let limit):
            "The peer's compressed data expands beyond the limit of \(limit) bytes; raise the limit if you trust it."
        case .corruptInput:
            "The peer's compressed data is corrupt; check that both ends use the same codec for this direction."
        case .checksumMismatch:
            "The peer's compressed data does not match its checksum; it was damaged on the way or its sender is faulty."
        case .chunkTooLarge:
            "The peer sent a compressed chunk longer than its format allows; check that both ends use the same codec."
        case .missingStreamIdentifier:
            "The peer's data does not begin as a snappy stream; check that both ends use the same codec."
        case .unsupportedChunk(let type):
            "The peer sent a snappy chunk of unknown type \(type), which must not be skipped; update this side."
        case .streamEnded:
            "The peer ended its compressed stream and then sent more; a stream lasts as long as its connection."
        case .missingReset:
            "The peer sent a block that refers to a history it never began; its sender is faulty."
        case .windowTooLarge(let limit):
            "The peer's zstd window has more than \(limit) bytes; lower its window log or raise the one accepted here."
        case .outOfMemory:
            "There was no memory left for the codec's state; lower the number of compressed connections."
        case .invalidLevel(let level):
            "The compression level \(level) does not exist; choose one from 1 (fastest) to 9 (smallest)."
        case .invalidZstdLevel(let level):
            "The zstd level \(level) does not exist here; choose one from 1 (fastest) to 19 (smallest)."
        case .invalidWindowLog(let windowLog):
            "A zstd window of 2^\(windowLog) bytes is not possible; choose a power from 10 to 27."
        case .invalidBudget(let percent):
            "A budget of \(percent) percent for compression is not possible; choose 1 to 100."
        case .unknownCodec(let name):
            "There is no codec named '\(name)'; choose one of none, flate, snappy, lz4 and zstd."
        case .backEndFailed(let status):
            "The compression library failed with status \(status), which it never should; please report this."
        }
    }
}

extension CompressionError: CustomStringConvertible {
    /// The ``message``.
    public var description: String { self.message }
}
