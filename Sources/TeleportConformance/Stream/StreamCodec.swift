internal import TeleportCompress

/// How a side of v0 compresses what it sends (rule V0-4).
enum StreamCodec: UInt8, Sendable, CaseIterable {
    case flate = 0
    case none = 1
    case snappy = 2
    case lz4 = 3

    var kind: CodecKind {
        switch self {
        case .flate: .flate
        case .none: .none
        case .snappy: .snappy
        case .lz4: .lz4
        }
    }

    /// The rule that describes its format.
    var rule: String {
        switch self {
        case .none: "V0-15"
        case .flate: "V0-16"
        case .snappy: "V0-17"
        case .lz4: "V0-18"
        }
    }
}

/// The first bytes of a v0 connection (rule V0-1).
enum StreamPreface {
    static let magic = FramedPreface.magic
    static let length = 15

    static func bytes(_ codec: StreamCodec = .none, tls: UInt8 = 0) -> [UInt8] {
        self.bytes(tag: codec.rawValue, tls: tls)
    }

    /// A preface, whatever it says.
    static func bytes(tag: UInt8, tls: UInt8 = 0, version: UInt8 = 0) -> [UInt8] { self.magic + [version, tag, tls] }

    /// - Returns: how the peer compresses, and its TLS flag.
    static func check(_ bytes: [UInt8]) throws(Fault) -> (codec: StreamCodec, tls: UInt8) {
        guard bytes.count == self.length, bytes.starts(with: self.magic), bytes[12] == 0 else {
            throw Fault("V0-1", "a preface of \(bytes.hex())")
        }
        guard let codec = StreamCodec(rawValue: bytes[13]) else { throw Fault("V0-4", "compression tag \(bytes[13])") }
        return (codec, bytes[14])
    }
}
