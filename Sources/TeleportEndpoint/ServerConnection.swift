public import NIOCore
public import Synchronization
public import TeleportRPC
public import TeleportTransport
public import TeleportWire

/// One connection of a server, as handlers see it: any thread may answer on it.
///
/// What handlers and the loop share is one value under one lock: the machine, and the bytes that wait to be sent. What
/// only the loop touches is in ``ServerStream``.
@usableFromInline
final class ServerConnection<Response: Sendable>: Sendable {
    @usableFromInline
    struct State: Sendable {
        @usableFromInline var machine: ServerStateMachine<Cancellation>
        /// Encoded answers that were not handed to the transport. Handlers append, the loop takes.
        @usableFromInline var outbound = ByteBuffer()
        /// The loop knows already that something waits.
        @usableFromInline var isFlushRequested = false

        @inlinable
        init(limits: ServerLimits) { self.machine = ServerStateMachine(limits: limits) }
    }

    @usableFromInline typealias Signal = ConnectionSignal

    /// Appends an answer, or what stands in for one that cannot be sent; false if neither can.
    @usableFromInline typealias Encode = @Sendable (Response, inout ByteBuffer) -> Bool

    /// Runs tasks on the loop of the connection.
    @usableFromInline let executor: EventLoopExecutor
    @usableFromInline let encode: Encode
    @usableFromInline let load: RequestLoad
    @usableFromInline let batching: BatchingPolicy
    @usableFromInline let state: Mutex<State>
    /// Where the client connects from; set before the first request.
    @usableFromInline let remoteAddress = Mutex<SocketAddress?>(nil)
    /// Hands a signal to the stream; called on the loop.
    @usableFromInline let onSignal: NIOLoopBoundBox<((Signal) -> Void)?>

    @inlinable
    init(
        executor: EventLoopExecutor, limits: ServerLimits, batching: BatchingPolicy, load: RequestLoad,
        encode: @escaping Encode
    ) {
        self.executor = executor
        self.encode = encode
        self.load = load
        self.batching = batching
        self.state = Mutex(State(limits: limits))
        self.onSignal = NIOLoopBoundBox.makeEmptyBox(eventLoop: executor.eventLoop)
    }

    /// A handler has its answer.
    @inlinable
    func answer(_ token: RequestToken, with response: Response) {
        let signal = self.state.withLock { state -> Signal in
            guard
                case .answer(let id, let resumeReading, let finish) = state.machine.requestAnswered(token)
            else { return [] }
            self.load.leave()
            var signal: Signal = []
            if let id { signal = self.append(response, id: id, to: &state) }
            if resumeReading { signal.insert(.resumeReading) }
            if finish { signal.insert(.finish) }
            return signal
        }
        if !signal.isEmpty { self.send(signal) }
    }

    /// The server answers by itself a request that took no place.
    @inlinable
    func answer(_ id: CallID, with response: Response) {
        guard id != .oneWay else { return }
        let signal = self.state.withLock { self.append(response, id: id, to: &$0) }
        if !signal.isEmpty { self.send(signal) }
    }

    @inlinable
    func handlerStarted(_ token: RequestToken, _ cancellation: Cancellation) {
        self.state.withLock { $0.machine.handlerStarted(token, handle: cancellation) }
    }

    @inlinable
    func append(_ response: Response, id: CallID, to state: inout State) -> Signal {
        let mark = state.outbound.writerIndex
        let before = state.outbound.readableBytes
        id.encode(into: &state.outbound)
        guard self.encode(response, &state.outbound) else {
            state.outbound.moveWriterIndex(to: mark)
            return .fail
        }
        var signal: Signal = []
        if !state.isFlushRequested {
            state.isFlushRequested = true
            signal.insert(.flush)
        }
        // Said once: when the batch passes the cap.
        if before < self.batching.byteCap, state.outbound.readableBytes >= self.batching.byteCap {
            signal.insert(.flushNow)
        }
        return signal
    }

    /// Tells the loop; one wake-up.
    @inlinable
    func send(_ signal: Signal) {
        if self.executor.eventLoop.inEventLoop {
            self.onSignal.value?(signal)
        } else {
            self.executor.eventLoop.execute { self.onSignal.value?(signal) }
        }
    }
}
