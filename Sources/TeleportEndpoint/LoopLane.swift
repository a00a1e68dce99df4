public import NIOCore
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

        @usableFromInline
        init() {}
    }

    /// Locked, but only ever used on the loop: no one waits.
    @usableFromInline
    struct State: Sendable {
        @usableFromInline var queue = HandlerQueue<Codec.Request, Codec.Response>()
        /// Who answers the request that the task at work has under way. There is one such task at a time: others wait.
        @usableFromInline var current: Responder<Codec.Response>?

        @inlinable
        init() {}
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
        if isSomebodyWanted { self.executor.eventLoop.execute { self.run() } }
    }

    @inlinable
    func run() {
        while self.hasJobs() {
            let shift = Shift()
            // Runs up to the first suspension before this returns. Not isolated to anything, or it would queue.
            let task = Task.immediate(executorPreference: self.executor) { await self.work(shift) }
            shift.hasWaited.store(true, ordering: .relaxed)
            // Who answered without waiting is done, and cannot be cancelled.
            self.state.withLock { $0.current.take() }?.cancelOnDisconnect(task)
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
        while let job = self.next() {
            await self.body.run(job.request, job.responder)
            guard self.mayGoOn(shift) else { return }
        }
    }

    // What is inlined into an asynchronous function lives in its frame, on the heap.

    /// The next request, which is then the current one.
    @inlinable @inline(never)
    func next() -> Job? {
        self.state.withLock { state in
            guard let job = state.queue.popFirst() else {
                state.current = nil
                return nil
            }
            state.current = job.responder
            return job
        }
    }

    @inlinable @inline(never)
    func mayGoOn(_ shift: Shift) -> Bool {
        guard !shift.hasWaited.load(ordering: .relaxed) else { return false }
        // A handler may have cancelled its own task: those behind it get another.
        guard Task.isCancelled else { return true }
        self.state.withLock { $0.current = nil }
        return false
    }
}
