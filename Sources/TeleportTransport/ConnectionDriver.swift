public import NIOCore

/// Drives one ``ByteStream`` on one channel: reads, batched writes, one timer, back pressure, orderly closing.
///
/// Confined to the event loop of its channel. Other threads reach it through a ``ConnectionWaker``.
///
/// It owns the received bytes that the stream did not consume yet, and nothing else that is proportional to traffic:
/// outbound bytes stay with the stream until they are written.
public final class ConnectionDriver: ChannelDuplexHandler {
    public typealias InboundIn = ByteBuffer
    public typealias InboundOut = Never
    public typealias OutboundIn = Never
    public typealias OutboundOut = ByteBuffer

    let stream: any ByteStream
    let policy: BatchingPolicy
    /// Whether the stream opens when the channel does, or only after a TLS handshake that comes first.
    let opensAfterTLS: Bool
    /// What TLS has to negotiate (ALPN); `nil` is nothing.
    var requiredProtocol: String?

    /// Counts what the socket gives and takes, if somebody wants that and there is no TLS in between.
    var meter: SocketMeter?

    var context: ChannelHandlerContext?
    var timer: DeadlineTimer?
    var isOpen = false
    var isClosed = false
    var closeCause: TransportError?

    // Reading.
    var received = ByteBuffer()
    var isDelivering = false
    var isInReadBatch = false
    /// What waits for the end of the read batch on this loop.
    var turn: LoopTurn?
    /// The read batch ended while the stream was taking bytes: it is told afterwards.
    var isReadBatchOver = false
    var isReadingPaused = false
    var isReadWithheld = false
    var isInputClosed = false
    var isInputCloseTold = false
    /// The connection is closing in an orderly way: what still arrives is of no interest.
    var isDiscarding = false

    // Writing.
    /// With whom it flushes at the end of a turn; `nil`, by default, is by itself.
    public var flushRound: FlushRound?
    var flushState = FlushState.idle
    var batchTimer: NIOScheduledCallback?
    var closesAfterFlush = false
    /// The peer is told that nothing more comes, and still read.
    var finishesOutput = false
    var isOutputClosed = false
    /// All that was to be sent has left, and the peer was told that it was the last.
    var isOutputFlushed = false
    var lingerLimit = TimeAmount.seconds(1)
    var stallLimit = TimeAmount.seconds(10)
    var lingerTimer: NIOScheduledCallback?
    /// Bytes that the socket had not taken when the linger timer was set.
    var lingeringBytes = 0

    enum FlushState {
        /// Nothing waits.
        case idle
        /// A flush will happen: at the end of this read batch or loop turn, or when the batching delay is over.
        case scheduled
        /// A flush will happen as soon as the socket takes bytes again.
        case awaitingWritability
    }

    /// A driver for `stream`. Add it as the last handler of a channel.
    public init(stream: any ByteStream, policy: BatchingPolicy = .init(), opensAfterTLS: Bool = false) {
        self.stream = stream
        self.policy = policy
        self.opensAfterTLS = opensAfterTLS
    }

    /// The event loop that this driver and its stream live on; `nil` before and after their time on a channel.
    public var eventLoop: (any EventLoop)? { self.context?.eventLoop }

    /// The channel, for what the driver does not wrap, such as addresses.
    public var channel: (any Channel)? { self.context?.channel }

    /// Wakes this driver from any thread; `nil` when it is on no channel.
    public var waker: ConnectionWaker? {
        guard let context = self.context else { return nil }
        return ConnectionWaker(driver: NIOLoopBound(self, eventLoop: context.eventLoop), eventLoop: context.eventLoop)
    }

    // MARK: Deadline

    /// Asks for ``ByteStream/deadlineReached(now:)`` at `deadline`; `nil` asks for nothing. Replaces what was asked
    /// before.
    public func setDeadline(_ deadline: NIODeadline?) {
        self.timer?.set(deadline)
    }

    // MARK: Channel life

    public func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.turn = LoopTurn.of(context.eventLoop)
        self.timer = DeadlineTimer(eventLoop: context.eventLoop) { now in self.stream.deadlineReached(now: now) }
        guard context.channel.isActive else { return }
        self.meter?.opened()
        self.channelBecameActive()
    }

    public func handlerRemoved(context: ChannelHandlerContext) {
        self.meter?.closed()
        self.closed(.init(.closedLocally, "The connection was taken out of its channel."))
        self.context = nil
    }

    public func channelActive(context: ChannelHandlerContext) {
        self.meter?.opened()
        self.channelBecameActive()
    }

    public func channelInactive(context: ChannelHandlerContext) {
        self.meter?.ended()
        self.tellLateInput()
        self.closed(
            self.isInputClosed
                ? .init(.closedByPeer, "The peer closed the connection.")
                : .init(.closedByPeer, "The peer closed the connection, or it was cut."))
    }

    public func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.meter?.failed(error)
        self.closeNow(TransportError(classifying: error))
    }

    func channelBecameActive() {
        guard !self.opensAfterTLS else { return }
        self.open()
    }

    func open() {
        guard !self.isOpen, !self.isClosed else { return }
        self.isOpen = true
        self.stream.connectionOpened(self)
    }

    func closed(_ cause: TransportError) {
        guard !self.isClosed else { return }
        self.isClosed = true
        self.timer?.end()
        self.batchTimer?.cancel()
        self.batchTimer = nil
        self.lingerTimer?.cancel()
        self.lingerTimer = nil
        self.received = ByteBuffer()
        if self.isInReadBatch {
            self.isInReadBatch = false
            self.turn?.readingBrokeOff()
        }
        self.stream.connectionClosed(self.closeCause ?? cause)
    }
}
