/// How a sender compresses: a format and, for flate, a level.
///
/// | codec | ratio | CPU | memory a direction, sender / receiver |
/// |---|---|---|---|
/// | ``none`` | 1 | none | none |
/// | ``flate`` | high | much | 264 KiB / 44 KiB |
/// | ``snappy`` | low; needs batches | little | none / at most 64 KiB |
/// | ``lz4`` | medium | little | 144 KiB / 128 KiB |
///
/// Memory is taken with the first byte that passes, not before.
public struct CompressionCodec: Sendable, Hashable {
    /// The format, which is all that the receiver needs.
    public let kind: CodecKind

    /// The level, 1 (fastest) to 9 (smallest), of ``flate``; `nil` for formats without levels.
    public let level: Int?

    private init(kind: CodecKind, level: Int? = nil) {
        self.kind = kind
        self.level = level
    }

    /// Bytes as they are.
    public static let none = CompressionCodec(kind: .none)

    /// Raw DEFLATE at the default level, 6.
    public static let flate = CompressionCodec(kind: .flate, level: 6)

    /// The snappy framing format.
    public static let snappy = CompressionCodec(kind: .snappy)

    /// Linked LZ4 blocks, Teleport's own layout.
    ///
    /// A stream is a row of blocks; nothing stands before, between or after them. Each carries 1 to 65,536 bytes:
    ///
    /// ```
    ///  0               1               2               3
    ///  7             0 7             0 7             0 7             0
    /// +---------------+---------------+---------------+---------------+
    /// | plain length − 1, u16 LE      | encoded length, u16 LE        |
    /// +---------------+---------------+---------------+---------------+
    /// | encoded length bytes of one LZ4 block, or, if the encoded     |
    /// | length is 0, plain length bytes as they are ("stored")        …
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// - An encoded length that is not 0 is smaller than the plain length; a sender stores a block that would not
    ///   become smaller. So both fields fit 16 bits for every length there is.
    /// - An LZ4 block expands to exactly the plain length and uses up exactly the encoded length.
    /// - Its matches may reach back over the 65,535 bytes of plain data before the place where they are used, through
    ///   any earlier blocks of the same direction; stored blocks count like the others. At the start of the stream
    ///   there is no history.
    /// - A receiver ends the connection at the first violation.
    public static let lz4 = CompressionCodec(kind: .lz4)

    /// Raw DEFLATE at a level.
    ///
    /// - Parameter level: 1 (fastest) to 9 (smallest).
    /// - Throws: ``CompressionError/Code/invalidLevel(_:)`` for a level outside that range.
    public static func flate(level: Int) throws(CompressionError) -> CompressionCodec {
        guard (1...9).contains(level) else {
            throw CompressionError(.invalidLevel(level))
        }
        return CompressionCodec(kind: .flate, level: level)
    }

    /// The codec of a format, at the format's default level.
    public init(_ kind: CodecKind) {
        self.init(kind: kind, level: kind == .flate ? Self.flate.level : nil)
    }

    /// The codec with a name, at its default level.
    ///
    /// - Parameter name: One of `none`, `flate`, `snappy`, `lz4`.
    /// - Throws: ``CompressionError/Code/unknownCodec(_:)`` for any other name.
    public init(name: some StringProtocol) throws(CompressionError) {
        self.init(try CodecKind(name: name))
    }

    /// The format's name: `none`, `flate`, `snappy` or `lz4`.
    public var name: String { self.kind.name }
}

extension CompressionCodec: CustomStringConvertible {
    /// The name, and the level if there is one: `flate (level 6)`.
    public var description: String {
        guard let level = self.level else { return self.name }
        return "\(self.name) (level \(level))"
    }
}
