public import NIOCore
internal import TeleportRPC
public import TeleportWire

/// The bodies that a v1 connection receives. Confined to the loop.
///
/// A class, so that what is called in here, at the other ends of the pipes, may come back.
///
/// A body stays here until its consumer has taken or dropped all that came: until then credit of the connection is out.
@usableFromInline
final class BodyReceivers {
    private final class Receiver {
        let pipe: BodyPipe
        /// Bytes in the pipe.
        var unread: Int
        /// Those of them that came with the head, and that no credit was spent on.
        var exempt: Int
        var hasEnded = false

        init(_ pipe: BodyPipe, firstBytes: Int) {
            self.pipe = pipe
            self.unread = firstBytes
            self.exempt = firstBytes
        }

        /// Whether its credit is settled.
        var isDone: Bool { self.hasEnded && self.unread <= 0 }
    }

    private var receivers: [UInt32: Receiver] = [:]

    @usableFromInline
    init() {}

    var isEmpty: Bool { self.receivers.isEmpty }

    /// Begins a body whose first bytes, which are exempt from credit, came with the head.
    func begin(_ id: CallID, first: ByteBuffer, producer: BodyPipe.Side) -> BodyPipe {
        let pipe = BodyPipe(size: nil, reportsTaken: true, producer: producer)
        if first.readableBytes > 0 { _ = pipe.append(first) }
        self.receivers[id.rawValue] = Receiver(pipe, firstBytes: first.readableBytes)
        return pipe
    }

    /// What became of a piece.
    @usableFromInline
    enum Delivery {
        case delivered
        /// It is not as its head said, or over the limit.
        case unacceptable(BodyPipe.Excess)
        /// Nobody has it.
        case unknown
    }

    @usableFromInline
    func deliver(_ piece: ByteBuffer, to id: CallID, ends: Bool) -> Delivery {
        guard let receiver = self.receivers[id.rawValue] else { return .unknown }
        receiver.unread += piece.readableBytes
        if piece.readableBytes > 0 { _ = receiver.pipe.append(piece) }
        if let excess = receiver.pipe.excess(isComplete: false) { return .unacceptable(excess) }
        return ends ? self.finish(id, trailers: nil) : .delivered
    }

    func finish(_ id: CallID, trailers: (any Sendable)?) -> Delivery {
        guard let receiver = self.receivers[id.rawValue] else { return .unknown }
        if let excess = receiver.pipe.excess(isComplete: true) { return .unacceptable(excess) }
        receiver.hasEnded = true
        receiver.pipe.finish(trailers: trailers)
        if receiver.isDone { self.receivers[id.rawValue] = nil }
        return .delivered
    }

    /// The body broke off.
    func fail(_ id: CallID, _ error: RPCError) {
        guard let receiver = self.receivers[id.rawValue] else { return }
        receiver.hasEnded = true
        receiver.pipe.fail(error)
        if receiver.isDone { self.receivers[id.rawValue] = nil }
    }

    /// What changed at the consumer's end.
    @usableFromInline
    struct Change {
        /// Bytes of DATA that were taken or dropped.
        @usableFromInline var taken = 0
        /// The consumer wants no more of a body that has not ended.
        @usableFromInline var isUnwanted = false
    }

    @usableFromInline
    func changed(_ id: CallID) -> Change {
        guard let receiver = self.receivers[id.rawValue] else { return Change() }
        var change = Change()
        let taken = receiver.pipe.takeTaken()
        receiver.unread -= taken
        let exempt = Swift.min(taken, receiver.exempt)
        receiver.exempt -= exempt
        change.taken = taken - exempt
        change.isUnwanted = receiver.pipe.isCancelled && !receiver.hasEnded
        if change.isUnwanted { receiver.hasEnded = true }
        if receiver.isDone { self.receivers[id.rawValue] = nil }
        return change
    }

    /// The connection is gone.
    func failAll(_ error: RPCError) {
        for receiver in self.receivers.values where !receiver.hasEnded { receiver.pipe.fail(error) }
        self.receivers = [:]
    }
}
