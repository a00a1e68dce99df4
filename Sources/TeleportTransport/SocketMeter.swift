internal import NIOCore

/// Counts what one socket gives and takes. It is told by whoever is next to the socket: the driver of the connection, or,
/// below TLS, a ``TrafficMeter``.
///
/// What the socket was given is not yet what it took. As long as the channel is writable it took all but 64 KiB at most,
/// which may wait for as long as the socket is full: they count as taken. Once the channel is not, it is what it was given
/// less what the channel still holds; and something has to tell when the socket has taken the rest: an empty write with a
/// promise, one at a time. To ask the channel after each flush what it holds would be 4 % of a proxy's CPU.
final class SocketMeter {
    private let shard: TrafficCounters.Shard
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

    // MARK: Life

    func opened() {
        guard !self.isOpen else { return }
        self.isOpen = true
        self.shard.connectionOpened()
    }

    /// The channel has become inactive.
    func ended() {
        if self.isFlushing, !self.isClosing { self.shard.writeFailed() }
        self.closed()
    }

    func closed() {
        guard self.isOpen else { return }
        self.isOpen = false
        self.shard.connectionClosed()
    }

    // MARK: Reading

    func read(_ count: Int) { self.shard.read(count) }

    /// An error came from the channel.
    func failed(_ error: any Error) {
        if error is IOError, self.isOpen { self.shard.readFailed() }
    }

    // MARK: Writing

    func write(_ count: Int) { self.given += count }

    /// Counts a flush, which `flush` does. A flush within a flush only adds to it.
    func flush(_ context: ChannelHandlerContext, _ flush: () -> Void) {
        guard !self.isFlushing else { return flush() }
        if self.given > self.flushed { self.shard.writeCalled() }
        self.isFlushing = true
        flush()
        self.isFlushing = false
        self.flushed = self.given
        self.count(context)
    }

    /// The channel is about to be closed on this side.
    func close(_ mode: CloseMode, _ context: ChannelHandlerContext) {
        guard mode != .input else { return }
        self.count(context)
        // Nothing can be written behind the end of the output.
        if mode == .output, self.flushed > self.counted { self.mark(context) }
        self.isClosing = true
    }

    /// Counts what the socket took since the last time. A channel that has closed tells nothing: then what it did not
    /// take is not counted, and neither is the last part that it may have taken.
    private func count(_ context: ChannelHandlerContext) {
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
            case .success: self.count(context)
            case .failure(let error): if error is IOError { self.shard.writeFailed() }
            }
        }
        context.writeAndFlush(NIOAny(ByteBuffer()), promise: taken)
    }
}
