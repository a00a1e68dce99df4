internal import NIOCore

/// Counts what passes between a socket and the rest of its pipeline: the first handler, and only there when somebody
/// asked for counters.
///
/// What the socket was given is not yet what it took. As long as the channel is writable it took all but 64 KiB at most,
/// which may wait for as long as the socket is full: they count as taken. Once the channel is not, it is what it was given
/// less what the channel still holds; and something has to tell when the socket has taken the rest: an empty write with a
/// promise, one at a time. To ask the channel after each flush what it holds would be 4 % of a proxy's CPU.
final class TrafficMeter: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let shard: TrafficCounters.Shard
    private var context: ChannelHandlerContext?
    private var isOpen = false
    private var isFlushing = false
    /// A close was asked for on this side: then the channel may end in a flush without an error.
    private var isClosing = false
    /// Empty writes that wait behind what the socket did not take yet: one, or two when the output ends.
    private var marks = 0
    /// Bytes given to the channel.
    private var given = 0
    /// Of these, bytes given before the last flush.
    private var flushed = 0
    /// Of these, bytes that were counted as written.
    private var counted = 0

    init(_ shard: TrafficCounters.Shard) { self.shard = shard }

    /// Passes on bytes that were counted when they came, before there was a handler for them.
    func passOn(_ bytes: ByteBuffer) {
        self.context?.fireChannelRead(self.wrapInboundOut(bytes))
        self.context?.fireChannelReadComplete()
    }

    // MARK: Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { self.opened() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.closed()
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        self.opened()
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        if self.isFlushing, !self.isClosing { self.shard.writeFailed() }
        self.closed()
        context.fireChannelInactive()
    }

    private func opened() {
        guard !self.isOpen else { return }
        self.isOpen = true
        self.shard.connectionOpened()
    }

    private func closed() {
        guard self.isOpen else { return }
        self.isOpen = false
        self.shard.connectionClosed()
    }

    // MARK: Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.shard.read(self.unwrapInboundIn(data).readableBytes)
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Whatever comes from below this handler is the socket's.
        if error is IOError, self.isOpen { self.shard.readFailed() }
        context.fireErrorCaught(error)
    }

    // MARK: Writing

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        self.given += self.unwrapOutboundIn(data).readableBytes
        context.write(data, promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        // A flush within a flush only adds to it.
        guard !self.isFlushing else { return context.flush() }
        if self.given > self.flushed { self.shard.writeCalled() }
        self.isFlushing = true
        context.flush()
        self.isFlushing = false
        self.flushed = self.given
        self.count()
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode != .input {
            self.count()
            // Nothing can be written behind the end of the output.
            if mode == .output, self.flushed > self.counted { self.mark(context) }
            self.isClosing = true
        }
        context.close(mode: mode, promise: promise)
    }

    /// Counts what the socket took since the last time. A channel that has closed tells nothing: then what it did not
    /// take is not counted, and neither is the last part that it may have taken.
    private func count() {
        guard let context = self.context else { return }
        let channel = context.channel
        guard channel.isActive else { return }
        guard !channel.isWritable || self.given > self.flushed else { return self.count(self.flushed) }
        guard let held = try? channel.syncOptions?.getOption(.bufferedWritableBytes) else { return }
        self.count(self.given - held)
        if self.flushed > self.counted, self.marks == 0, !self.isClosing { self.mark(context) }
    }

    private func count(_ taken: Int) {
        guard taken > self.counted else { return }
        self.shard.wrote(taken - self.counted)
        self.counted = taken
    }

    private func mark(_ context: ChannelHandlerContext) {
        self.marks += 1
        let taken = context.eventLoop.makePromise(of: Void.self)
        taken.futureResult.assumeIsolated().whenComplete { result in
            self.marks -= 1
            switch result {
            case .success: self.count()
            case .failure(let error): if error is IOError { self.shard.writeFailed() }
            }
        }
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer()), promise: taken)
    }
}

/// Counts connections that a listening socket failed to accept.
final class AcceptMeter: ChannelInboundHandler {
    typealias InboundIn = Never

    private let shard: TrafficCounters.Shard

    init(_ shard: TrafficCounters.Shard) { self.shard = shard }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is IOError { self.shard.connectionFailed() }
        context.fireErrorCaught(error)
    }
}
