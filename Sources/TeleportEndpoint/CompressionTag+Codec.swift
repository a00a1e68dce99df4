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
            case .zstd: .flate
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

extension CompressionCodec {
    /// What this codec is on v0, which knows no zstd: flate then, which every v0 peer expands.
    var onV0: CompressionCodec { self.kind == .zstd ? .flate : self }
}
