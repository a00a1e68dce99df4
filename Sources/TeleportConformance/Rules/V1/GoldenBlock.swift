/// Blocks made by hand, not by the codecs that the tool shares with our own implementation: a frame of an unknown type with
/// 64 bytes of 0, and a PING.
enum GoldenBlock {
    static let ping = Frame.ping(Array("goldping".utf8))

    private static let padding = Frame(type: 0x77, payload: .init(repeating: 0, count: 64))
    /// What is left of the padding but its zeros, and one of those.
    private static let start = padding.bytes.prefix(10)

    static let decodedLength = padding.bytes.count + ping.bytes.count

    static func bytes(_ codec: BlockCodec, window: UInt8 = 0x38) -> [UInt8] {
        let encoded =
            switch codec {
            case .stored: self.padding.bytes + self.ping.bytes
            case .flate: self.flate
            case .snappy: self.snappy
            case .lz4: self.lz4
            case .zstd: self.zstd(window: window)
            }
        let tag = codec.rawValue | (codec == .stored ? 0 : Block.reset)
        return Block.header(tag, encoded: encoded.count, decoded: self.decodedLength) + encoded
    }

    /// What zlib writes at level 6, without `00 00 ff ff`.
    private static let flate: [UInt8] = [
        0x72, 0x60, 0x60, 0x28, 0x67, 0xA0, 0x06, 0xE0, 0x00, 0x23, 0x20, 0x48, 0xCF, 0xCF, 0x49, 0x29, 0xC8, 0xCC,
        0x4B, 0x07, 0x00,
    ]

    /// The length; ten literals; 63 more copies of the last; the PING in literals.
    private static let snappy: [UInt8] = {
        var bytes = [UInt8(decodedLength), 9 << 2]
        bytes += start
        bytes += [62 << 2 | 2, 1, 0, 16 << 2]
        return bytes + ping.bytes
    }()

    /// Ten literals and a match of 63 at offset 1; the PING in literals.
    private static let lz4: [UInt8] = {
        var bytes: [UInt8] = [0xAF]
        bytes += start
        bytes += [1, 0, 63 - 4 - 15, 0xF0, 17 - 15]
        return bytes + ping.bytes
    }()

    /// A frame header with a window and nothing else; a raw block, one of 64 times a byte, and a raw one.
    private static func zstd(window: UInt8) -> [UInt8] {
        var bytes: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, window]
        bytes += [9 << 3, 0, 0]
        bytes += self.padding.bytes.prefix(9)
        bytes += [0x02, 64 >> 5, 0, 0]
        bytes += [17 << 3, 0, 0]
        return bytes + self.ping.bytes
    }

    /// The byte of zstd's frame header that asks for a window of 2 to this power bytes.
    static func window(log: Int) -> UInt8 { UInt8(log - 10) << 3 }
}
