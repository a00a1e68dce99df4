public import Synchronization
public import TeleportTransport

/// The lane of handlers that run on the loop of their connections.
///
/// Handlers begin in the order in which requests came, in the turn of the loop that read them, behind the reading.
@usableFromInline
final class LoopLane<Codec: MessageCodec, Work: RequestWork>: Sendable
where Work.Request == Codec.Request, Work.Response == Codec.Response {
    @usableFromInline typealias Job = HandlerJob<Codec.Request, Codec.Response>

    /// A task of the lane. Only ever used on the loop.
    @usableFromInline
    final class Shift: Sendable {
        /// A handler waits, or waited: this task takes no more requests.
        @usableFromInline let hasWaited = Atomic(false)
        /// A handler has cancelled its own task: those behind it get another.
        @usableFromInline let isCancelled = Atomic(false)
        /// Who answers its request, if it waited.
        @usableFromInline let responder = Mutex<Responder<Codec.Response>?>(nil)

        @inlinable
        init() {}
    }

    /// Locked, but only ever used on the loop: no one waits.
    @usableFromInline
    struct State: Sendable {
        @usableFromInline var queue = HandlerQueue<Codec.Request, Codec.Response>()
        /// Who answers the request that the task at work has under way. There is one such task at a time: others wait, and
        /// have theirs in their ``Shift``.
        @usableFromInline var current: Responder<Codec.Response>?

        @inlinable
        init() {}

        @inlinable
        mutating func next() -> (request: Codec.Request, isOneWay: Bool)? {
            guard let job = self.queue.popFirst() else { return nil }
            let (request, responder) = job.split()
            let isOneWay = responder.isOneWay
            self.current = responder
            return (request, isOneWay)
        }
    }

    @usableFromInline let body: TaskHandler<Codec, Work>.Body
    @usableFromInline let executor: EventLoopExecutor
    @usableFromInline let state: Mutex<State>

    @inlinable
    init(_ body: TaskHandler<Codec, Work>.Body, _ executor: EventLoopExecutor) {
        self.body = body
        self.executor = executor
        self.state = Mutex(State())
    }

    /// Has a request handled. Call on the loop.
    @inlinable
    func add(_ job: consuming Job) {
        var job: Job? = job
        let isSomebodyWanted = self.state.withLock { state in state.queue.append(from: &job) }
        if isSomebodyWanted { self.executor.perform { self.run() } }
    }

    @inlinable
    func run() {
        while self.hasJobs() {
            let shift = Shift()
            // Runs up to the first suspension before this returns. Not isolated to anything, or it would queue.
            let task = Task.immediate(executorPreference: self.executor) {
                // Told, and not asked for at each request: that would count a reference to the task.
                await withTaskCancellationHandler {
                    await self.work(shift)
                } onCancel: {
                    shift.isCancelled.store(true, ordering: .relaxed)
                }
            }
            // Who answered without waiting is done, and cannot be cancelled.
            guard let responder = self.state.withLock({ $0.current.take() }) else { continue }
            shift.hasWaited.store(true, ordering: .relaxed)
            shift.responder.withLock { $0 = responder }
            responder.cancelOnDisconnect(task)
        }
    }

    @inlinable
    func hasJobs() -> Bool {
        self.state.withLock { state in
            state.queue.arrive()
            return state.queue.wantsSomebody()
        }
    }

    @inlinable
    func work(_ shift: Shift) async {
        var job = self.next()
        // Taken out: what stays in the variable would be copied.
        while let (request, isOneWay) = job.take() {
            do {
                let context = RequestContext(executor: self.executor, isOneWay: isOneWay)
                let response = try await self.body.work.response(to: request, context)
                if self.body.isStreamed(response), self.wire(shift) == .v0 {
                    job = self.answer(try await self.body.codec.buffered(response: response), shift)
                } else {
                    job = self.answer(response, shift)
                }
            } catch {
                job = self.answer(self.body.response(to: error), shift)
            }
        }
    }

    // What is inlined into an asynchronous function lives in its frame, on the heap.

    /// The next request; its responder is then the current one.
    @inlinable @inline(never)
    func next() -> (request: Codec.Request, isOneWay: Bool)? {
        self.state.withLock { state in state.next() }
    }

    /// Gives the answer, and takes the next request, unless the task waited or its handler has cancelled it.
    @inlinable @inline(never)
    func answer(_ response: consuming Codec.Response, _ shift: Shift) -> (request: Codec.Request, isOneWay: Bool)? {
        guard !shift.hasWaited.load(ordering: .relaxed) else {
            if let responder = shift.responder.withLock({ $0.take() }) { responder.respond(response) }
            return nil
        }
        let mayGoOn = !shift.isCancelled.load(ordering: .relaxed)
        var responder: Responder<Codec.Response>?
        let job = self.state.withLock { state in
            responder = state.current.take()
            return mayGoOn ? state.next() : nil
        }
        // Moved, not copied.
        responder.take()?.respond(response)
        return job
    }

    @inlinable @inline(never)
    func wire(_ shift: Shift) -> WireVersion? {
        shift.hasWaited.load(ordering: .relaxed)
            ? shift.responder.withLock { $0?.wire } : self.state.withLock { $0.current?.wire }
    }
}
