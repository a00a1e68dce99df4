/// The byte of the v0 preface that says how the sender compresses what it writes (rule V0-4).
///
/// The raw values are the reference's; `lz4` is an extension that only Teleport's own peers understand.
public enum CompressionTag: UInt8, Sendable, Hashable, CaseIterable {
    /// Raw DEFLATE, one stream for the life of the connection, flushed with every batch.
    case flate = 0
    /// No compression.
    case none = 1
    /// Snappy's framing format.
    case snappy = 2
    /// Linked LZ4 blocks. Extension: a reference peer answers it by closing.
    case lz4 = 3
}
