/// What a decoder accepts before it gives up. Every limit is checked before memory is taken for what it bounds.
///
/// A limit of N admits N. Sizes are in bytes, after decompression.
public struct HTTPLimits: Hashable, Sendable {
    /// The start line and all field lines with their line ends and the final empty line. Default 64 KiB.
    public var maxHeadSize: Int
    /// The target of a request. Default 16 KiB. Longer ones are answered 414.
    public var maxTargetSize: Int
    /// Field lines in a head, and apart from that in a trailer section. Default 100.
    public var maxFieldCount: Int
    /// The content of one message without transfer coding. Default 4 MiB.
    public var maxBodySize: Int
    /// One chunk-size line, extensions and line end included. Default 1 KiB.
    public var maxChunkLineSize: Int
    /// A trailer section with its final empty line. Default 8 KiB.
    public var maxTrailerSize: Int
    /// How much of a body that nobody wants is read and thrown away, to answer the request and keep the connection.
    /// Default 16 MiB. A body that is larger ends the connection.
    public var maxDiscardedBody: Int
    /// Informational responses (1xx) before a final one. Default 8.
    public var maxInformationalResponses: Int

    /// Limits with the documented defaults, except those given.
    public init(
        maxHeadSize: Int = 64 << 10,
        maxTargetSize: Int = 16 << 10,
        maxFieldCount: Int = 100,
        maxBodySize: Int = 4 << 20,
        maxChunkLineSize: Int = 1 << 10,
        maxTrailerSize: Int = 8 << 10,
        maxDiscardedBody: Int = 16 << 20,
        maxInformationalResponses: Int = 8
    ) {
        self.maxHeadSize = maxHeadSize
        self.maxTargetSize = maxTargetSize
        self.maxFieldCount = maxFieldCount
        self.maxBodySize = maxBodySize
        self.maxChunkLineSize = maxChunkLineSize
        self.maxTrailerSize = maxTrailerSize
        self.maxDiscardedBody = maxDiscardedBody
        self.maxInformationalResponses = maxInformationalResponses
    }

    /// The documented defaults.
    public static let `default` = HTTPLimits()
}
