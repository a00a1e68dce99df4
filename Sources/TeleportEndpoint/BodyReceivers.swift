internal import NIOCore
internal import TeleportRPC
internal import TeleportWire

/// The bodies that a v1 connection receives. Confined to the loop.
///
/// A class, so that what is called in here, at the other ends of the pipes, may come back.
///
/// A body stays here until its consumer has taken or dropped all that came: until then credit of the connection is out.
@usableFromInline
final class BodyReceivers {
    private struct Receiver {
        let pipe: BodyPipe
        /// Bytes in the pipe.
        var unread: Int
        /// Those of them that came with the head, and that no credit was spent on.
        var exempt: Int
        var hasEnded = false
    }

    private var receivers: [UInt32: Receiver] = [:]

    @usableFromInline
    init() {}

    var isEmpty: Bool { self.receivers.isEmpty }

    /// Begins a body whose first bytes, which are exempt from credit, came with the head.
    func begin(_ id: CallID, first: ByteBuffer, producer: BodyPipe.Side) -> BodyPipe {
        let pipe = BodyPipe(size: nil, reportsTaken: true, producer: producer)
        if first.readableBytes > 0 { _ = pipe.append(first) }
        self.receivers[id.rawValue] = Receiver(
            pipe: pipe, unread: first.readableBytes, exempt: first.readableBytes)
        return pipe
    }

    /// What became of a piece.
    enum Delivery {
        case delivered
        /// It is not as its head said, or over the limit.
        case unacceptable(BodyPipe.Excess)
        /// Nobody has it.
        case unknown
    }

    func deliver(_ piece: ByteBuffer, to id: CallID, ends: Bool) -> Delivery {
        guard var receiver = self.receivers[id.rawValue] else { return .unknown }
        receiver.unread += piece.readableBytes
        self.receivers[id.rawValue] = receiver
        if piece.readableBytes > 0 { _ = receiver.pipe.append(piece) }
        if let excess = receiver.pipe.excess(isComplete: false) { return .unacceptable(excess) }
        return ends ? self.finish(id, trailers: nil) : .delivered
    }

    func finish(_ id: CallID, trailers: (any Sendable)?) -> Delivery {
        guard let receiver = self.receivers[id.rawValue] else { return .unknown }
        if let excess = receiver.pipe.excess(isComplete: true) { return .unacceptable(excess) }
        self.receivers[id.rawValue]?.hasEnded = true
        receiver.pipe.finish(trailers: trailers)
        self.removeIfDone(id)
        return .delivered
    }

    /// The body broke off.
    func fail(_ id: CallID, _ error: RPCError) {
        guard let receiver = self.receivers[id.rawValue] else { return }
        self.receivers[id.rawValue]?.hasEnded = true
        receiver.pipe.fail(error)
        self.removeIfDone(id)
    }

    /// What changed at the consumer's end.
    struct Change {
        /// Bytes of DATA that were taken or dropped.
        var taken = 0
        /// The consumer wants no more of a body that has not ended.
        var isUnwanted = false
    }

    func changed(_ id: CallID) -> Change {
        guard var receiver = self.receivers[id.rawValue] else { return Change() }
        var change = Change()
        let taken = receiver.pipe.takeTaken()
        receiver.unread -= taken
        let exempt = Swift.min(taken, receiver.exempt)
        receiver.exempt -= exempt
        change.taken = taken - exempt
        change.isUnwanted = receiver.pipe.isCancelled && !receiver.hasEnded
        if change.isUnwanted { receiver.hasEnded = true }
        self.receivers[id.rawValue] = receiver
        self.removeIfDone(id)
        return change
    }

    private func removeIfDone(_ id: CallID) {
        guard let receiver = self.receivers[id.rawValue], receiver.hasEnded, receiver.unread <= 0 else { return }
        self.receivers[id.rawValue] = nil
    }

    /// The connection is gone.
    func failAll(_ error: RPCError) {
        for receiver in self.receivers.values where !receiver.hasEnded { receiver.pipe.fail(error) }
        self.receivers = [:]
    }
}
