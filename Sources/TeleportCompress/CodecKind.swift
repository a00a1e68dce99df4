/// A compressed format: what a receiver has to know to expand a stream.
///
/// The level, which only concerns the sender, is in ``CompressionCodec``.
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

    /// The name used in options and configuration: `none`, `flate`, `snappy`, `lz4`.
    public var name: String {
        switch self {
        case .none: "none"
        case .flate: "flate"
        case .snappy: "snappy"
        case .lz4: "lz4"
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
