public import struct NIOCore.ByteBuffer
internal import TeleportWire

/// What follows the first frame of a message.
@usableFromInline
struct OutboundRest: Sendable {
    private let body: OutboundBody

    fileprivate init(_ body: OutboundBody) {
        self.body = body
    }

    /// Begins it: not before its message was accepted.
    func begin() -> BodyPipe {
        switch self.body {
        case .none: BodyPipe(whole: ByteBuffer())
        case .whole(let bytes): BodyPipe(whole: bytes)
        case .stream(let open): open()
        }
    }
}

extension OutboundBody {
    /// What goes into the first frame, and what follows it.
    @inlinable
    consuming func split() -> (inline: ByteBuffer?, rest: OutboundRest?) {
        switch consume self {
        case .none: (nil, nil)
        // The most that one frame carries.
        case .whole(let bytes) where bytes.readableBytes <= 65536: (bytes, nil)
        case let large: large.splitRest()
        }
    }

    /// What goes into the first frame of a body that needs several: with its head the frame fits a block.
    static let firstPiece = BlockHeader.maximumDecodedLength - Outbox.typicalHead

    @usableFromInline
    func splitRest() -> (inline: ByteBuffer?, rest: OutboundRest?) {
        guard case .whole(var bytes) = self else { return (nil, OutboundRest(self)) }
        let inline = bytes.readSlice(length: Self.firstPiece)
        return (inline, OutboundRest(.whole(bytes)))
    }
}
