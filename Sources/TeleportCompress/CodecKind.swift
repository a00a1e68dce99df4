/// A compressed format: what a receiver has to know to expand a stream.
///
/// The level, which only concerns the sender, is in ``CompressionCodec``. Two layouts are built on these formats: the
/// never-ending streams of ``Compressor`` and ``Decompressor`` (protocol v0), which the cases describe, and the blocks
/// of ``BlockCompressor`` and ``BlockDecompressor`` (protocol v1, rules V1-15 to V1-18).
@nonexhaustive
public enum CodecKind: Sendable, Hashable, CaseIterable {
    /// Bytes as they are.
    case none
    /// Raw DEFLATE (RFC 1951), sync-flushed after each batch, never ended.
    case flate
    /// The snappy framing format, with its checksums.
    case snappy
    /// Linked LZ4 blocks with their lengths. Teleport's own layout, see ``CompressionCodec/lz4``.
    case lz4
    /// Zstandard frames (RFC 8878) without content size, dictionary or checksum, flushed after each batch. A frame
    /// lasts until the sender gives its memory back.
    case zstd

    /// The name used in options and configuration: `none`, `flate`, `snappy`, `lz4`, `zstd`.
    public var name: String {
        switch self {
        case .none: "none"
        case .flate: "flate"
        case .snappy: "snappy"
        case .lz4: "lz4"
        case .zstd: "zstd"
        }
    }

    /// The format with a name.
    ///
    /// - Parameter name: One of the values of ``name``, in lower case.
    /// - Throws: ``CompressionError/Code/unknownCodec(_:)`` for any other name.
    public init(name: some StringProtocol) throws(CompressionError) {
        for kind in Self.allCases where name == kind.name {
            self = kind
            return
        }
        throw CompressionError(.unknownCodec(String(name)))
    }
}

extension CodecKind: CustomStringConvertible {
    /// The ``name``.
    public var description: String { self.name }
}
