internal import NIOCore
internal import Synchronization
internal import Teleport

/// A body on its way from the connection it arrives on to the one it leaves by, which may live on another loop.
///
/// The producer appends and is told when there is too much; the consumer takes and is told when there is something. It
/// holds little more than ``highMark`` bytes: a producer that was told to stop is the back pressure that the peer feels.
final class BodyPipe: Sendable {
    /// What the consumer gets.
    enum Event: Sendable {
        case piece(ByteBuffer)
        /// The body is complete.
        case end(trailers: Fields?)
        /// The body broke off: it must not look complete to whoever reads it.
        case failed
    }

    /// One side: where it lives, and what to call there when something changed.
    struct Side: Sendable {
        let eventLoop: any EventLoop
        let changed: @Sendable () -> Void
    }

    private struct State: Sendable {
        var pieces: CircularBuffer<ByteBuffer> = []
        /// The last piece was made here, so appending to it copies nothing.
        var ownsLast = false
        var count = 0
        var total = 0
        var end: Event?
        var consumer: Side?
        var isConsumerWaiting = false
        var isProducerPaused = false
        var isCancelled = false

        mutating func takeWaitingConsumer() -> Side? {
            guard self.isConsumerWaiting else { return nil }
            self.isConsumerWaiting = false
            return self.consumer
        }
    }

    /// Bytes from which on the producer is told to stop.
    static let highMark = 128 << 10
    /// Bytes from which down it is told to go on.
    static let lowMark = 64 << 10
    /// Smaller pieces are copied together: as slices, each would keep a whole block alive.
    static let smallPiece = 4096

    /// All bytes that will come, if that is known.
    let size: Int?
    private let producer: Side
    private let state = Mutex(State())

    /// - Parameter producer: called when there is room again, or when the body is not wanted any more.
    init(size: Int?, producer: Side) {
        self.size = size
        self.producer = producer
    }

    // MARK: The producer's side

    /// Whether the consumer wants no more.
    var isCancelled: Bool { self.state.withLock { $0.isCancelled } }

    /// Bytes that were appended so far.
    var total: Int { self.state.withLock { $0.total } }

    /// Appends a piece. False: stop, until the producer is called.
    func append(_ piece: ByteBuffer) -> Bool {
        let (goesOn, wake) = self.state.withLock { state -> (Bool, Side?) in
            state.total += piece.readableBytes
            guard !state.isCancelled, state.end == nil else { return (true, nil) }
            state.count += piece.readableBytes
            if piece.readableBytes >= Self.smallPiece {
                state.pieces.append(piece)
                state.ownsLast = false
            } else if state.ownsLast, !state.pieces.isEmpty {
                state.pieces[state.pieces.index(before: state.pieces.endIndex)].writeImmutableBuffer(piece)
            } else {
                var own = ByteBuffer()
                own.reserveCapacity(Self.smallPiece)
                own.writeImmutableBuffer(piece)
                state.pieces.append(own)
                state.ownsLast = true
            }
            if state.count >= Self.highMark { state.isProducerPaused = true }
            return (!state.isProducerPaused, state.takeWaitingConsumer())
        }
        self.wake(wake)
        return goesOn
    }

    func finish(trailers: Fields?) { self.end(.end(trailers: trailers)) }

    func fail() { self.end(.failed) }

    private func end(_ end: Event) {
        self.wake(
            self.state.withLock { state -> Side? in
                guard state.end == nil, !state.isCancelled else { return nil }
                state.end = end
                return state.takeWaitingConsumer()
            })
    }

    /// In place on the consumer's loop, so that a body crosses a proxy of one loop without a detour.
    private func wake(_ consumer: Side?) {
        guard let consumer else { return }
        if consumer.eventLoop.inEventLoop {
            consumer.changed()
        } else {
            consumer.eventLoop.execute(consumer.changed)
        }
    }

    // MARK: The consumer's side

    /// Whether the body broke off.
    var hasFailed: Bool {
        self.state.withLock { if case .failed = $0.end { true } else { false } }
    }

    /// Names the consumer, which then takes what there is.
    func attach(_ consumer: Side) {
        self.state.withLock { $0.consumer = consumer }
    }

    /// The next event; `nil` if there is none yet, and then the consumer will be called.
    func next() -> Event? {
        let (event, resumes) = self.state.withLock { state -> (Event?, Bool) in
            guard let piece = state.pieces.popFirst() else {
                if let end = state.end { return (end, false) }
                state.isConsumerWaiting = true
                return (nil, false)
            }
            if state.pieces.isEmpty { state.ownsLast = false }
            state.count -= piece.readableBytes
            guard state.isProducerPaused, state.count <= Self.lowMark else { return (.piece(piece), false) }
            state.isProducerPaused = false
            return (.piece(piece), true)
        }
        // Never in place: the producer may be further up the stack.
        if resumes { self.producer.eventLoop.execute(self.producer.changed) }
        return event
    }

    /// The consumer wants no more. What is here and what still comes is dropped.
    func cancel() {
        let tells = self.state.withLock { state in
            guard !state.isCancelled else { return false }
            state.isCancelled = true
            state.pieces = []
            state.count = 0
            state.consumer = nil
            state.isProducerPaused = false
            return state.end == nil
        }
        if tells { self.producer.eventLoop.execute(self.producer.changed) }
    }
}
