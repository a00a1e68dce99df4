/// Blocks as bytes (rules V1-10, V1-14), well-formed or not.
enum Block {
    static let headerLength = 7
    static let maximumLength = 65536
    static let reset: UInt8 = 0x10
    static let release: UInt8 = 0x20

    /// The bytes of a header, whatever it says.
    static func header(_ tag: UInt8, encoded: Int, decoded: Int) -> [UInt8] {
        var bytes = [tag]
        bytes.append(u24: encoded)
        bytes.append(u24: decoded)
        return bytes
    }

    /// The bytes in as few stored blocks as they need.
    static func stored(_ bytes: [UInt8]) -> [UInt8] {
        var blocks: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(self.maximumLength)
            blocks += self.header(0, encoded: piece.count, decoded: piece.count) + piece
            rest = rest.dropFirst(piece.count)
        }
        return blocks
    }

    /// The block that says that the sender's history is gone.
    static let released = Block.header(Block.release, encoded: 0, decoded: 0)
}
