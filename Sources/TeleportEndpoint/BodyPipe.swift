public import NIOCore
internal import Synchronization
public import struct TeleportRPC.RPCError
internal import struct TeleportWire.ErrorCode

/// A body on its way: from the connection or task it comes from to the one it goes to, which may live elsewhere.
///
/// The producer appends and is told when there is too much; the consumer takes and is told when there is something. It
/// holds little more than ``highMark`` bytes: a producer that was told to stop is the back pressure that the peer feels.
/// One producer, one consumer, any threads. Dropped by its consumer it has to be cancelled, or the producer waits.
public final class BodyPipe: Sendable {
    /// What the consumer gets.
    public enum Event: Sendable {
        case piece(ByteBuffer)
        /// The body is complete. Trailers are of the codec's type.
        case end(trailers: (any Sendable)?)
        /// The body broke off: it must not look complete to whoever reads it.
        case failed(RPCError)
    }

    /// One side: what to call, from any thread, when something changed for it.
    public struct Side: Sendable {
        @usableFromInline let changed: @Sendable () -> Void

        public init(_ changed: @escaping @Sendable () -> Void) {
            self.changed = changed
        }

        /// A side on an event loop, called in place there: for consumers, so that a body crosses a process of one loop
        /// without a detour.
        public static func consumer(on eventLoop: any EventLoop, _ changed: @escaping @Sendable () -> Void) -> Side {
            Side {
                if eventLoop.inEventLoop { changed() } else { eventLoop.execute(changed) }
            }
        }

        /// A side on an event loop, never called in place: for producers, which may be further up the stack.
        public static func producer(on eventLoop: any EventLoop, _ changed: @escaping @Sendable () -> Void) -> Side {
            Side { eventLoop.execute(changed) }
        }
    }

    struct State: Sendable {
        var pieces: CircularBuffer<ByteBuffer> = []
        /// The last piece was made here, so appending to it copies nothing.
        var ownsLast = false
        var count = 0
        var total = 0
        /// Bytes that the consumer took, or that were dropped, and that the producer has not asked for.
        var taken = 0
        var end: Event?
        var producer: Side?
        var consumer: Side?
        /// Ends the work of a producer that may be waiting for something else.
        var stop: (@Sendable () -> Void)?
        var isConsumerWaiting = false
        var isProducerPaused = false
        var isCancelled = false
        var size: Int?
        var limit = Int.max
        /// What goes out ahead of everything, and was counted as taken before.
        var ahead: ByteBuffer?
        var observer: (@Sendable (Ending, Int) -> Void)?

        /// Tasks that wait, for a piece and for room.
        var reader: Waiter?
        var writer: Waiter?

        /// Whether a consumer has to wait.
        var hasNothing: Bool { self.pieces.isEmpty && self.ahead == nil && self.end == nil && !self.isCancelled }

        mutating func takeWaitingConsumer() -> Wake {
            let side = self.isConsumerWaiting ? self.consumer : nil
            self.isConsumerWaiting = false
            return Wake(side: side, task: self.reader.take())
        }
    }

    typealias Waiter = CheckedContinuation<Void, Never>

    /// Whom to tell of a change, once the lock is released: it may run somebody's code.
    struct Wake {
        var side: Side?
        var task: Waiter?

        func callAsFunction() {
            self.side?.changed()
            self.task?.resume()
        }
    }

    /// Bytes from which on the producer is told to stop.
    public static let highMark = 128 << 10
    /// Bytes from which down it is told to go on.
    public static let lowMark = 64 << 10
    /// Smaller pieces are copied together: as slices, each would keep a whole block alive.
    static let smallPiece = 4096

    /// Whether the producer wants to hear of every 64 KiB that were taken, and of an empty pipe: a connection whose peer
    /// is given credit.
    private let reportsTaken: Bool
    let state: Mutex<State>

    /// - Parameters:
    ///   - size: all bytes that will come, if that is known.
    ///   - producer: called when there is room again, or when the body is not wanted any more.
    public convenience init(size: Int? = nil, producer: Side? = nil) {
        self.init(size: size, reportsTaken: false, producer: producer)
    }

    init(size: Int?, reportsTaken: Bool, producer: Side?) {
        self.reportsTaken = reportsTaken
        var state = State()
        state.size = size
        state.producer = producer
        self.state = Mutex(state)
    }

    /// A pipe that holds all of its body.
    public convenience init(whole body: ByteBuffer, trailers: (any Sendable)? = nil) {
        self.init(size: body.readableBytes)
        var rest = body
        while let piece = rest.readSlice(length: Swift.min(Self.lowMark, rest.readableBytes)), piece.readableBytes > 0 {
            _ = self.append(piece)
        }
        self.finish(trailers: trailers)
    }

    /// All bytes that will come, if that is known.
    public var size: Int? { self.state.withLock { $0.size } }

    /// Bytes that were appended so far.
    public var total: Int { self.state.withLock { $0.total } }

    // MARK: The producer's side

    /// Has `stop` called once, from any thread, if the consumer wants no more: at once if that is so already, and not
    /// behind the end. For producers that may be waiting for something else than the pipe.
    public func onCancel(_ stop: @escaping @Sendable () -> Void) {
        let isCancelled = self.state.withLock { state in
            if !state.isCancelled, state.end == nil { state.stop = stop }
            return state.isCancelled
        }
        if isCancelled { stop() }
    }

    /// Says how many bytes will come, if that is known, and how many may at most. A connection that produces holds its peer
    /// to both.
    public func declare(size: Int?, limit: Int = .max) {
        self.state.withLock { state in
            state.size = size
            state.limit = limit
        }
    }

    /// What is wrong with how much came so far, or, if `isComplete`, in all.
    func excess(isComplete: Bool) -> Excess? {
        self.state.withLock { state in
            if state.total > state.limit { return .overLimit(state.limit) }
            guard let size = state.size else { return nil }
            return state.total > size || (isComplete && state.total < size) ? .notAsDeclared : nil
        }
    }

    /// A body that is not what it should be.
    @usableFromInline
    enum Excess: Sendable, Equatable {
        /// More or less came than was declared.
        case notAsDeclared
        /// More came than is accepted.
        case overLimit(Int)
    }

    /// Whether the consumer wants no more.
    public var isCancelled: Bool { self.state.withLock { $0.isCancelled } }

    /// Appends a piece. False: stop, until the producer is called.
    public func append(_ piece: ByteBuffer) -> Bool {
        let (goesOn, wake) = self.state.withLock { state -> (Bool, Wake) in
            state.total += piece.readableBytes
            guard !state.isCancelled, state.end == nil else {
                state.taken += piece.readableBytes
                return (true, Wake())
            }
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
        wake()
        return goesOn
    }

    public func finish(trailers: (any Sendable)? = nil) { self.end(.end(trailers: trailers)) }

    /// The body will not be completed.
    public func fail(_ error: RPCError = RPCError(.connectionClosed, "The body broke off.")) {
        self.end(.failed(error))
    }

    private func end(_ end: Event) {
        // First: who sees the end finds it counted.
        self.tellObserver(end.ending)
        // What is let go is let go outside the lock: it may run somebody's code.
        let (wake, stop) = self.state.withLock { state -> (Wake, (@Sendable () -> Void)?) in
            guard state.end == nil, !state.isCancelled else { return (Wake(), nil) }
            state.end = end
            return (state.takeWaitingConsumer(), state.stop.take())
        }
        _ = consume stop
        wake()
    }

    /// Bytes that were taken or dropped since this was asked last.
    func takeTaken() -> Int {
        self.state.withLock { state in
            defer { state.taken = 0 }
            return state.taken
        }
    }

    // MARK: The consumer's side

    /// Whether the body broke off.
    public var hasFailed: Bool {
        self.state.withLock { if case .failed = $0.end { true } else { false } }
    }

    /// How it ended, once it has.
    package var ended: Event? { self.state.withLock { $0.end } }

    /// Names the consumer, which then takes what there is.
    public func attach(_ consumer: Side) {
        self.state.withLock { $0.consumer = consumer }
    }

    /// The next event; `nil` if there is none yet, and then the consumer will be called.
    public func next() -> Event? {
        let (event, wake) = self.state.withLock { state -> (Event?, Wake) in
            // Never an end as if nothing had been dropped.
            if state.isCancelled {
                return (.failed(RPCError(.cancelled, "The body was given up by its reader.")), Wake())
            }
            if let ahead = state.ahead.take() { return (.piece(ahead), Wake()) }
            guard let piece = state.pieces.popFirst() else {
                if let end = state.end { return (end, Wake()) }
                state.isConsumerWaiting = true
                return (nil, Wake())
            }
            if state.pieces.isEmpty { state.ownsLast = false }
            state.count -= piece.readableBytes
            state.taken += piece.readableBytes
            return (.piece(piece), state.takeProducer(reportsTaken: self.reportsTaken))
        }
        wake()
        return event
    }

    /// The consumer wants no more. What is here and what still comes is dropped.
    public func cancel() {
        self.tellObserver(.cancelled)
        let (wake, reader, stop) = self.state.withLock { state -> (Wake, Waiter?, (@Sendable () -> Void)?) in
            guard !state.isCancelled else { return (Wake(), nil, nil) }
            let stop = state.stop.take()
            state.isCancelled = true
            state.taken += state.count
            state.pieces = []
            state.ahead = nil
            state.count = 0
            state.consumer = nil
            state.isProducerPaused = false
            let isTold = state.end == nil || (self.reportsTaken && state.taken > 0)
            return (
                Wake(side: isTold ? state.producer : nil, task: state.writer.take()), state.reader.take(), stop
            )
        }
        wake()
        reader?.resume()
        stop?()
    }
}

extension BodyPipe.State {
    /// The producer, if it is to hear that a piece was taken.
    fileprivate mutating func takeProducer(reportsTaken: Bool) -> BodyPipe.Wake {
        if self.isProducerPaused, self.count <= BodyPipe.lowMark {
            self.isProducerPaused = false
            return BodyPipe.Wake(side: self.producer, task: self.writer.take())
        }
        guard reportsTaken, self.taken >= BodyPipe.lowMark || self.count == 0 else { return BodyPipe.Wake() }
        return BodyPipe.Wake(side: self.producer)
    }
}

extension BodyPipe.Excess {
    /// What the peer is told.
    var code: ErrorCode {
        switch self {
        case .notAsDeclared: .malformed
        case .overLimit: .tooLarge
        }
    }

    var message: String {
        switch self {
        case .notAsDeclared: "The body is not as long as its head says."
        case .overLimit(let limit): "The body is larger than the limit of \(limit) bytes."
        }
    }
}
