internal import NIOCore

/// How many bytes are asked of a socket at once: more for connections that are busy, between two bounds.
///
/// A connection keeps the buffer of its last read while it is idle, so what suits a busy link is too much for ten
/// thousand clients that mostly wait.
public struct ReadSizes: Sendable, Hashable {
    /// The size of the first read, in bytes, rounded down to a power of two.
    public var initial: Int
    /// The largest size, in bytes, rounded up to a power of two.
    public var maximum: Int

    public init(initial: Int, maximum: Int) {
        self.initial = initial
        self.maximum = maximum
    }

    /// For connections with many messages in flight: 16 KiB to 64 KiB. Larger reads would not fit the caches together with
    /// what is made of them.
    public static let busy = ReadSizes(initial: 16384, maximum: 65536)
    /// For a great many connections with little on each: 2 KiB to 16 KiB.
    public static let many = ReadSizes(initial: 2048, maximum: 16384)

    var allocator: AdaptiveRecvByteBufferAllocator {
        let initial = Swift.max(64, self.initial)
        return AdaptiveRecvByteBufferAllocator(
            minimum: Swift.max(64, initial / 4), initial: initial, maximum: Swift.max(initial, self.maximum))
    }
}
