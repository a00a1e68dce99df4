/// How a sender compresses: a format and, for flate and zstd, a level.
///
/// | codec | ratio | CPU | memory a direction, sender / receiver |
/// |---|---|---|---|
/// | ``none`` | 1 | none | none |
/// | ``flate`` | high | much | 264 KiB / 44 KiB |
/// | ``snappy`` | low; needs batches | little | none / at most 64 KiB |
/// | ``lz4`` | medium | little | 144 KiB / 128 KiB |
/// | ``zstd`` | highest | little | 1017 KiB / 605 KiB |
///
/// Memory is taken with the first byte that passes, not before. That of zstd grows with its level and window.
///
/// Built with the trait `ISAL`, the package has ``flate`` done by ISA-L instead of zlib: sending at the levels 1 to 6,
/// and what a ``BlockDecompressor`` receives; a ``Decompressor`` keeps to zlib. Compressing takes an eighth of the
/// time, for the size of zlib's level 3: ratio medium, CPU little, 165 KiB (levels 1 to 3) or 213 KiB (4 to 6) a
/// sender, 85 KiB a receiver of blocks. Levels 7 to 9 ask for the ratio and are zlib's. Peers need not know: what is
/// sent is DEFLATE either way. See ``flateLibrary``.
public struct CompressionCodec: Sendable, Hashable {
    /// The format, which is all that the receiver needs.
    public let kind: CodecKind

    /// The level, from 1 (fastest) to 9 (smallest) of ``flate``, to 19 of ``zstd``; `nil` for formats without levels.
    public let level: Int?

    /// How far back ``zstd`` finds repeats: over 2 to this power bytes. `nil` for the other formats, whose reach is
    /// fixed.
    public let windowLog: Int?

    /// The window of ``zstd`` that every receiver accepts (rule V1-16).
    static let defaultWindowLog = 17

    /// The windows of ``zstd`` that there are for us. Larger ones would be beyond what a receiver can afford.
    static let windowLogs = 10...27

    private init(kind: CodecKind, level: Int? = nil, windowLog: Int? = nil) {
        self.kind = kind
        self.level = level
        self.windowLog = windowLog
    }

    /// Bytes as they are.
    public static let none = CompressionCodec(kind: .none)

    /// Raw DEFLATE at the default level, 6.
    ///
    /// zlib's level 6, or, with the trait `ISAL`, ISA-L's level 2.
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
    /// - Parameter level: 1 (fastest) to 9 (smallest): zlib's levels, or, with the trait `ISAL`, ISA-L's level 1 for 1
    ///   to 3, its level 2 for 4 to 6, and zlib's for 7 to 9.
    /// - Throws: ``CompressionError/Code/invalidLevel(_:)`` for a level outside that range.
    public static func flate(level: Int) throws(CompressionError) -> CompressionCodec {
        guard (1...9).contains(level) else {
            throw CompressionError(.invalidLevel(level))
        }
        return CompressionCodec(kind: .flate, level: level)
    }

    /// Zstandard at level 1, with a window of 128 KiB: smaller than ``flate`` at an eighth of its CPU time.
    public static let zstd = CompressionCodec(kind: .zstd, level: 1, windowLog: defaultWindowLog)

    /// Zstandard at a level.
    ///
    /// - Parameters:
    ///   - level: 1 (fastest) to 19 (smallest). With it grows the sender's memory: at the default window 1.6 MiB for
    ///     level 3, 2.4 MiB for 6 and 3.7 MiB for 19.
    ///   - windowLog: The window as a power of two, 10 to 27; by default 17, 128 KiB. A receiver refuses more than it
    ///     was configured for (rule V1-16). Both ends keep the window in memory: 317 KiB a direction and end are
    ///     enough for 15 at level 1, 1.8 MiB are needed for 20.
    /// - Throws: ``CompressionError/Code/invalidZstdLevel(_:)`` or ``CompressionError/Code/invalidWindowLog(_:)`` for a
    ///   value outside its range.
    public static func zstd(level: Int, windowLog: Int = 17) throws(CompressionError) -> CompressionCodec {
        guard (1...19).contains(level) else {
            throw CompressionError(.invalidZstdLevel(level))
        }
        guard self.windowLogs.contains(windowLog) else {
            throw CompressionError(.invalidWindowLog(windowLog))
        }
        return CompressionCodec(kind: .zstd, level: level, windowLog: windowLog)
    }

    /// The codec of a format, at the format's default level.
    public init(_ kind: CodecKind) {
        switch kind {
        case .none: self = .none
        case .flate: self = .flate
        case .snappy: self = .snappy
        case .lz4: self = .lz4
        case .zstd: self = .zstd
        }
    }

    /// The codec with a name, at its default level.
    ///
    /// - Parameter name: One of `none`, `flate`, `snappy`, `lz4`, `zstd`.
    /// - Throws: ``CompressionError/Code/unknownCodec(_:)`` for any other name.
    public init(name: some StringProtocol) throws(CompressionError) {
        self.init(try CodecKind(name: name))
    }

    /// The format's name: `none`, `flate`, `snappy`, `lz4` or `zstd`.
    public var name: String { self.kind.name }

    /// The library that compresses; `nil` for formats other than ``flate``, which have but one.
    ///
    /// Without the trait `ISAL` it is always ``FlateLibrary/zlib``; with it ``FlateLibrary/isal`` at the levels 1 to 6.
    public var flateLibrary: FlateLibrary? {
        guard self.kind == .flate, let level = self.level else { return nil }
        return FlateLibrary.compressing(level: level)
    }
}

extension CompressionCodec: CustomStringConvertible {
    /// The name, the level if there is one, and a library or a window that is not the default: `flate (level 6)`,
    /// `flate (level 6, ISA-L)`, `zstd (level 3, window 2^20)`.
    public var description: String {
        guard let level = self.level else { return self.name }
        if let library = self.flateLibrary, library != .zlib {
            return "\(self.name) (level \(level), \(library))"
        }
        guard let windowLog = self.windowLog, windowLog != Self.defaultWindowLog else {
            return "\(self.name) (level \(level))"
        }
        return "\(self.name) (level \(level), window 2^\(windowLog))"
    }
}
