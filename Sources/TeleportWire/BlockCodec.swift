/// How one block is encoded (rule V1-10).
public enum BlockCodec: UInt8, Sendable, Hashable, CaseIterable {
    case stored = 0
    case flate = 1
    case snappy = 2
    case lz4 = 3
    case zstd = 4
}

/// Codecs that a side decodes, as its preface says (rule V1-1). Stored blocks are always decoded.
public struct BlockCodecSet: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8

    @inlinable
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    public static let flate = BlockCodecSet(rawValue: 1)
    public static let snappy = BlockCodecSet(rawValue: 2)
    public static let lz4 = BlockCodecSet(rawValue: 4)
    public static let zstd = BlockCodecSet(rawValue: 8)
    /// All that this version knows.
    public static let all: BlockCodecSet = [.flate, .snappy, .lz4, .zstd]

    /// Whether blocks of this codec may be sent to the side whose set this is.
    @inlinable
    public func decodes(_ codec: BlockCodec) -> Bool {
        codec == .stored || self.rawValue >> (codec.rawValue - 1) & 1 != 0
    }
}
