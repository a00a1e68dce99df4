/// The numbers of Teleport's LZ4 stream; the layout is described at ``CompressionCodec/lz4``.
enum LZ4Framing {
    /// Plain length − 1 and encoded length, 16 bits each.
    static let headerLength = 4

    /// The most plain bytes of a block.
    static let maximumPlain = 65_536

    /// How far back matches may reach, rounded up.
    static let historyLength = 65_536

    /// The length of the linear buffer that both ends keep: the history and, behind it, room for the blocks that come.
    ///
    /// When the room is used up, the last `historyLength` bytes move to the front. So the history is always one
    /// contiguous piece that ends where the next block begins, LZ4's fastest case, and a move is paid for by at least
    /// `maximumPlain` bytes on average.
    static let windowLength = historyLength + maximumPlain
}
