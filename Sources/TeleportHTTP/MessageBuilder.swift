import struct NIOCore.ByteBuffer

/// Gathers a message whose body arrives in pieces.
struct MessageBuilder<Head: Sendable>: Sendable {
    let head: Head
    private var content = ByteBuffer()

    /// What is reserved on the word of the peer alone. Beyond it the buffer doubles as bytes really come.
    private static var initialCapacity: Int { 64 << 10 }

    init(head: Head, expecting count: Int) {
        self.head = head
        if count > 0 { content.reserveCapacity(min(count, Self.initialCapacity)) }
    }

    var body: Body { Body(content) }

    mutating func append(_ piece: ByteBuffer) {
        content.writeImmutableBuffer(piece)
    }
}
