internal import TeleportCompress

/// How a block is encoded (rule V1-10).
enum BlockCodec: UInt8, Sendable, CaseIterable {
    case stored = 0
    case flate = 1
    case snappy = 2
    case lz4 = 3
    case zstd = 4

    /// Those that compress.
    static let coded: [BlockCodec] = [.flate, .snappy, .lz4, .zstd]
    /// Those whose blocks build on earlier ones.
    static let withHistory: [BlockCodec] = [.flate, .lz4, .zstd]

    /// The rule that describes its format.
    var rule: String {
        switch self {
        case .stored: "V1-11"
        case .flate: "V1-15"
        case .zstd: "V1-16"
        case .lz4: "V1-17"
        case .snappy: "V1-18"
        }
    }

    /// Its bit in the mask of a preface (rule V1-1).
    var mask: UInt8 { self == .stored ? 0 : 1 << (self.rawValue - 1) }

    /// Whether a side with this mask decodes it.
    func isDecoded(by mask: UInt8) -> Bool { self == .stored || self.mask & mask != 0 }

    var kind: CodecKind {
        switch self {
        case .stored: .none
        case .flate: .flate
        case .snappy: .snappy
        case .lz4: .lz4
        case .zstd: .zstd
        }
    }
}
