internal import NIOCore
internal import Synchronization

/// One end of a connection within the process: a channel over two ``MemoryPipe``s, for ``TransportAddress/memory(name:)``.
///
/// Behaves as a connected socket does: batches flow together, writes may be taken in part, the output may end before the
/// input, and bytes that arrive while nobody reads wait. Whatever is not atomic or constant belongs to the event loop.
final class MemoryChannel: Channel, @unchecked Sendable {
    let eventLoop: any EventLoop
    let allocator = ByteBufferAllocator()
    let parent: (any Channel)? = nil
    var closeFuture: EventLoopFuture<Void> { self.closePromise.futureResult }
    /// There is no kind of address for a name in this process: it is written as a path that does not exist.
    let localAddress: SocketAddress?
    var remoteAddress: SocketAddress? { self.localAddress }
    var isActive: Bool { self.active.load(ordering: .relaxed) }
    var isWritable: Bool { self.writable.load(ordering: .relaxed) }
    var _channelCore: any ChannelCore { self }
    private(set) lazy var pipeline = ChannelPipeline(channel: self)

    private let input: MemoryPipe
    private let output: MemoryPipe
    private let closePromise: EventLoopPromise<Void>
    private let active = Atomic<Bool>(false)
    private let writable = Atomic<Bool>(true)

    private var isOpen = true
    private var isReadPending = false
    /// Something came while nobody wanted it.
    private var isStalled = false
    private var isInputOver = false
    private var isOutputOver = false
    private var spare = ByteBuffer()

    private var writes = MarkedCircularBuffer<(bytes: ByteBuffer, promise: EventLoopPromise<Void>?)>(initialCapacity: 4)
    private var heldBytes = 0
    private var isFlushing = false
    private var outputEnd: EventLoopPromise<Void>?
    private var endsOutput = false

    /// Two ends of one connection. Each has to be activated on its loop.
    static func pair(
        at name: String, _ first: any EventLoop, _ second: any EventLoop
    ) -> (first: MemoryChannel, second: MemoryChannel) {
        let (there, back) = (MemoryPipe(), MemoryPipe())
        let ends = (
            MemoryChannel(name, first, input: back, output: there),
            MemoryChannel(name, second, input: there, output: back)
        )
        for (pipe, writer, reader) in [(there, ends.0, ends.1), (back, ends.1, ends.0)] {
            pipe.attach(
                onBytes: { reader.eventLoop.execute { reader.inputArrived() } },
                onRoom: { writer.eventLoop.execute { writer.roomCame() } })
        }
        return ends
    }

    private init(_ name: String, _ eventLoop: any EventLoop, input: MemoryPipe, output: MemoryPipe) {
        self.localAddress = try? SocketAddress(unixDomainSocketPath: "memory:" + name.prefix(90))
        self.eventLoop = eventLoop
        self.input = input
        self.output = output
        self.closePromise = eventLoop.makePromise()
        // Now, before another thread can ask for it.
        _ = self.pipeline
    }

    /// Begins to read, behind the handlers that `setUp` adds. If that throws, the connection is closed. On the loop.
    func activate(setUp: (any Channel) throws -> Void) throws {
        self.eventLoop.preconditionInEventLoop()
        do {
            try setUp(self)
        } catch {
            self.close0(error: error, mode: .all, promise: nil)
            throw error
        }
        guard self.isOpen else { return }
        self.active.store(true, ordering: .relaxed)
        self.pipeline.syncOperations.fireChannelActive()
        self.pipeline.syncOperations.read()
    }

    // MARK: Options

    var syncOptions: (any NIOSynchronousChannelOptions)? { Options(channel: self) }

    func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) -> EventLoopFuture<Void> {
        self.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
    }

    func getOption<Option: ChannelOption>(_ option: Option) -> EventLoopFuture<Option.Value> {
        self.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
    }

    /// What handlers ask for that know sockets: it cannot be changed.
    private struct Options: NIOSynchronousChannelOptions {
        let channel: MemoryChannel

        func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) throws {
            throw ChannelError.operationUnsupported
        }

        func getOption<Option: ChannelOption>(_ option: Option) throws -> Option.Value {
            let value: Any =
                switch option {
                case is ChannelOptions.Types.BufferedWritableBytesOption: self.channel.heldBytes
                case is ChannelOptions.Types.AllowRemoteHalfClosureOption: true
                case is ChannelOptions.Types.AutoReadOption: true
                case is ChannelOptions.Types.WriteBufferWaterMarkOption: SocketOptions.waterMarks
                default: throw ChannelError.operationUnsupported
                }
            guard let value = value as? Option.Value else { throw ChannelError.operationUnsupported }
            return value
        }
    }
}

/// What its pipeline asks of it. All on the loop.
extension MemoryChannel: ChannelCore {
    func localAddress0() throws -> SocketAddress {
        guard let address = self.localAddress else { throw ChannelError.unknownLocalAddress }
        return address
    }
    func remoteAddress0() throws -> SocketAddress { try self.localAddress0() }
    func register0(promise: EventLoopPromise<Void>?) { promise?.succeed() }
    func registerAlreadyConfigured0(promise: EventLoopPromise<Void>?) { promise?.succeed() }
    func bind0(to: SocketAddress, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }
    func connect0(to: SocketAddress, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }
    func triggerUserOutboundEvent0(_ event: Any, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }
    func channelRead0(_ data: NIOAny) {}
    func errorCaught0(error: any Error) {}

    // MARK: Reading

    func read0() {
        guard self.isOpen, !self.isReadPending, !self.isInputOver else { return }
        self.isReadPending = true
        guard self.isStalled else { return }
        self.isStalled = false
        self.eventLoop.execute { self.inputArrived() }
    }

    private func inputArrived() {
        guard self.isOpen, !self.isInputOver else { return }
        guard self.isReadPending else {
            self.isStalled = true
            return
        }
        var read = self.input.read(spare: self.spare)
        self.spare = ByteBuffer()
        let pipeline = self.pipeline.syncOperations
        if var bytes = read.bytes.take() {
            self.isReadPending = false
            pipeline.fireChannelRead(NIOAny(bytes))
            pipeline.fireChannelReadComplete()
            // Its memory serves again, unless somebody kept a part of it.
            if bytes.modifyIfUniquelyOwned({ $0.clear() }) != nil {
                self.spare = bytes
            }
        }
        guard self.isOpen else { return }
        if read.isEnd {
            self.isInputOver = true
            // As with a socket: with both directions over, nothing is left.
            guard !self.isOutputOver else { return self.close0(error: ChannelError.eof, mode: .all, promise: nil) }
            pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        } else {
            pipeline.read()
        }
    }

    // MARK: Writing

    func write0(_ data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard self.isOpen else { return promise?.fail(ChannelError.ioOnClosedChannel) ?? () }
        guard !self.endsOutput else { return promise?.fail(ChannelError.outputClosed) ?? () }
        let bytes = self.unwrapData(data, as: ByteBuffer.self)
        self.writes.append((bytes, promise))
        self.heldBytes += bytes.readableBytes
        if self.heldBytes > SocketOptions.waterMarks.high, self.isWritable {
            self.writable.store(false, ordering: .relaxed)
            self.pipeline.syncOperations.fireChannelWritabilityChanged()
        }
    }

    func flush0() {
        self.writes.mark()
        self.flushWrites()
    }

    private func roomCame() {
        guard self.isOpen else { return }
        if self.output.isReset { self.outputBroke() } else { self.flushWrites() }
    }

    private func flushWrites() {
        // A flush within a flush only adds to it.
        guard self.isOpen, !self.isFlushing else { return }
        self.isFlushing = true
        let isBroken = !self.pourWrites()
        self.isFlushing = false
        if isBroken { return self.outputBroke() }
        guard self.isOpen else { return }
        self.updateWritability()
        if self.endsOutput, self.writes.isEmpty { self.endOutput() }
    }

    /// False if the other end is gone.
    private func pourWrites() -> Bool {
        while self.writes.hasMark, var first = self.writes.first {
            guard case .took(let count) = self.output.write(&first.bytes) else { return false }
            self.heldBytes -= count
            guard first.bytes.readableBytes == 0 else {
                self.writes[self.writes.startIndex].bytes = first.bytes
                return true
            }
            _ = self.writes.popFirst()
            first.promise?.succeed()
        }
        return true
    }

    /// What the other end sent before it left is still worth reading.
    private func outputBroke() {
        if let bytes = self.input.read(spare: ByteBuffer()).bytes {
            self.pipeline.syncOperations.fireChannelRead(NIOAny(bytes))
            self.pipeline.syncOperations.fireChannelReadComplete()
        }
        self.close0(error: ChannelError.ioOnClosedChannel, mode: .all, promise: nil)
    }

    private func updateWritability() {
        guard !self.isWritable, self.heldBytes < SocketOptions.waterMarks.low else { return }
        self.writable.store(true, ordering: .relaxed)
        self.pipeline.syncOperations.fireChannelWritabilityChanged()
    }

    // MARK: Closing

    func close0(error: any Error, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard self.isOpen else { return promise?.fail(ChannelError.alreadyClosed) ?? () }
        switch mode {
        case .all: self.closeAll(error, promise)
        case .output where self.isInputOver: self.closeAll(error, promise)
        case .output:
            guard !self.endsOutput else { return promise?.fail(ChannelError.outputClosed) ?? () }
            self.endsOutput = true
            self.outputEnd = promise
            if self.writes.isEmpty { self.endOutput() }
        case .input: promise?.fail(ChannelError.operationUnsupported)
        }
    }

    private func endOutput() {
        guard !self.isOutputOver else { return }
        self.isOutputOver = true
        self.output.end()
        self.outputEnd.take()?.succeed()
        guard self.isOpen else { return }
        self.pipeline.syncOperations.fireUserInboundEventTriggered(ChannelEvent.outputClosed)
    }

    private func closeAll(_ error: any Error, _ promise: EventLoopPromise<Void>?) {
        self.isOpen = false
        let wasActive = self.active.exchange(false, ordering: .relaxed)
        self.output.end()
        self.input.breakOff()
        let (writes, end) = (self.writes, self.outputEnd)
        self.writes = MarkedCircularBuffer(initialCapacity: 0)
        self.heldBytes = 0
        self.outputEnd = nil
        for write in writes { write.promise?.fail(error) }
        end?.fail(error)
        promise?.succeed()
        if wasActive { self.pipeline.syncOperations.fireChannelInactive() }
        // Behind whatever is under way, as on a socket.
        self.eventLoop.execute {
            self.removeHandlers(pipeline: self.pipeline)
            self.closePromise.succeed()
        }
    }
}
