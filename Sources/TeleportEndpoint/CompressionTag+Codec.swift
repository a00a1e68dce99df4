internal import TeleportCompress
internal import TeleportWire

extension CompressionTag {
    /// What a sender that compresses with `codec` announces.
    init(_ codec: CompressionCodec) {
        self =
            switch codec.kind {
            case .none: .none
            case .flate: .flate
            case .snappy: .snappy
            case .lz4: .lz4
            }
    }

    /// What the receiver of a stream with this tag has to expand.
    var kind: CodecKind {
        switch self {
        case .none: .none
        case .flate: .flate
        case .snappy: .snappy
        case .lz4: .lz4
        }
    }
}
