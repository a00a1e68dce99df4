internal import NIOCore

/// The pieces of a body that arrived so far, as one buffer. One piece alone is not copied.
struct GatheredBody {
    private var buffer: ByteBuffer?
    /// Whether it keeps nothing alive but its own bytes.
    private(set) var isDetached = false

    var count: Int { self.buffer?.readableBytes ?? 0 }
    /// All of it, in one.
    var bytes: ByteBuffer { self.buffer ?? ByteBuffer() }

    mutating func append(_ piece: ByteBuffer) {
        if self.buffer == nil, !self.isDetached {
            self.buffer = piece
            return
        }
        self.detach(reserving: piece.readableBytes)
        self.buffer?.writeImmutableBuffer(piece)
    }

    /// Copies what is here into a buffer of its own, once: pieces are slices of what was received.
    mutating func detach(reserving more: Int = 0) {
        guard !self.isDetached else { return }
        self.isDetached = true
        var own = ByteBuffer()
        own.reserveCapacity(2 * self.count + more)
        own.writeImmutableBuffer(self.bytes)
        self.buffer = own
    }
}
