public import NIOCore
public import TeleportRPC
public import TeleportWire

/// The bodies that a v1 connection sends, each in its turn (rule V1-44). Confined to the loop.
///
/// A class, so that what is called in here, at the other ends of the pipes, may come back.
@usableFromInline
final class BodySenders {
    fileprivate final class Sender {
        let pipe: BodyPipe
        let isSensitive: Bool
        /// Taken from the pipe and not sent for want of credit, or of room in this turn.
        var rest = ByteBuffer()
        var end: BodyPipe.Event?
        /// It is among those that may have something to send.
        var isReady = true

        init(_ pipe: BodyPipe, isSensitive: Bool) {
            self.pipe = pipe
            self.isSensitive = isSensitive
        }
    }

    /// What one turn of a sender came to.
    @usableFromInline
    enum Turn {
        /// DATA or TRAILERS were written: so many bytes of body; the last if `ends`.
        case wrote(CallID, Int, ends: Bool)
        /// The source failed: the stream has to be cancelled.
        case failed(CallID, RPCError)
    }

    private var senders: [UInt32: Sender] = [:]
    private var ready: CircularBuffer<CallID> = []

    /// The most bytes of bodies in one batch: more could wait in the kernel in front of small messages.
    @usableFromInline static let batchLimit = 131_072

    @usableFromInline
    init() {}

    /// Whether some may have something to send.
    @usableFromInline var hasReady: Bool { !self.ready.isEmpty }
    var isEmpty: Bool { self.senders.isEmpty }

    func add(_ id: CallID, _ pipe: BodyPipe, isSensitive: Bool) {
        self.senders[id.rawValue] = Sender(pipe, isSensitive: isSensitive)
        self.ready.append(id)
    }

    /// There is something in the pipe, or credit for the stream. True if it is worth a flush.
    func wake(_ id: CallID) -> Bool {
        guard let sender = self.senders[id.rawValue], !sender.isReady else { return false }
        sender.isReady = true
        self.ready.append(id)
        return true
    }

    /// There is credit for the connection.
    func wakeAll() -> Bool {
        var woken = false
        for id in self.senders.keys where self.wake(CallID(rawValue: id)) { woken = true }
        return woken
    }

    /// The rest is not wanted.
    func remove(_ id: CallID) {
        self.senders.removeValue(forKey: id.rawValue)?.pipe.cancel()
    }

    /// The connection is gone.
    func removeAll() {
        for sender in self.senders.values { sender.pipe.cancel() }
        self.senders = [:]
        self.ready = []
    }

    /// Lets the next sender write one frame into the batch.
    ///
    /// - Parameters:
    ///   - allowance: what its credit allows; `nil` if the body is not wanted any more, so that it is let go.
    ///   - encodeTrailers: the codec's.
    /// - Returns: `nil` if none has anything to send now.
    @usableFromInline
    func takeTurn(
        into outbox: inout Outbox, allowance: (CallID) -> Int?,
        encodeTrailers: (any Sendable, inout ByteBuffer) throws -> Void
    ) -> Turn? {
        while let id = self.ready.popFirst() {
            guard let sender = self.senders[id.rawValue] else { continue }
            guard let allowed = allowance(id) else {
                self.remove(id)
                continue
            }
            sender.fetch()
            let count = Swift.min(sender.rest.readableBytes, allowed)
            if count == 0, sender.rest.readableBytes > 0 || sender.end == nil {
                // Until there is credit, or something in the pipe.
                sender.isReady = false
                continue
            }
            let turn = sender.write(id, count, into: &outbox, encodeTrailers)
            if case .wrote(_, _, ends: false) = turn {
                self.ready.append(id)
            } else {
                self.senders[id.rawValue] = nil
            }
            return turn
        }
        return nil
    }
}

extension BodySenders.Sender {
    /// Takes the next piece; and the end, if it is there, so that it goes with the last piece.
    func fetch() {
        while self.rest.readableBytes == 0, self.end == nil, let event = self.pipe.next() {
            if case .piece(let piece) = event { self.rest = piece } else { self.end = event }
        }
    }

    func write(
        _ id: CallID, _ count: Int, into outbox: inout Outbox,
        _ encodeTrailers: (any Sendable, inout ByteBuffer) throws -> Void
    ) -> BodySenders.Turn {
        outbox.beginFrame(of: FrameHeader.headerLength + count, isSensitive: self.isSensitive)
        var flags: FrameFlags = self.isSensitive ? .sensitive : []
        if let piece = self.rest.readSlice(length: count), count > 0 {
            self.fetch()
            let ends = self.rest.readableBytes == 0 && self.endsWithoutTrailers
            if ends { flags.insert(.end) }
            FrameHeader(.data, length: count, flags: flags, stream: id).encode(into: &outbox.messages)
            outbox.messages.writeImmutableBuffer(piece)
            return .wrote(id, count, ends: ends)
        }
        flags.insert(.end)
        switch self.end {
        case .end(let trailers?):
            var bytes = ByteBuffer()
            do {
                try encodeTrailers(trailers, &bytes)
            } catch {
                return .failed(id, RPCError(.unsendable, "The trailers cannot be sent.", cause: error))
            }
            FrameHeader(.trailers, length: bytes.readableBytes, flags: flags, stream: id)
                .encode(into: &outbox.messages)
            outbox.messages.writeImmutableBuffer(bytes)
        case .failed(let error):
            return .failed(id, error)
        case .end, .piece, nil:
            FrameHeader(.data, length: 0, flags: flags, stream: id).encode(into: &outbox.messages)
        }
        return .wrote(id, 0, ends: true)
    }

    private var endsWithoutTrailers: Bool {
        if case .end(trailers: nil)? = self.end { true } else { false }
    }
}
