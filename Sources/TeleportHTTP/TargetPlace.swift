import struct NIOCore.ByteBuffer

/// Where the target of a request stands: mostly in the buffer of its fields, so that a head that was received counts one
/// reference to the block it came in, and not two.
@usableFromInline
struct TargetPlace: Sendable {
    /// Offset and length in the buffer of the fields; without meaning if there is ``own``.
    let start: UInt32
    let length: UInt32
    /// A buffer of its own.
    let own: Rare<ByteBuffer>

    /// In the buffer of the fields. Heads are less than 4 GiB.
    @inline(__always)
    init(start: Int, length: Int) {
        self.start = UInt32(truncatingIfNeeded: start)
        self.length = UInt32(truncatingIfNeeded: length)
        self.own = Rare(nil)
    }

    init(_ bytes: ByteBuffer) {
        self.start = 0
        self.length = 0
        self.own = Rare(bytes)
    }
}
