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

    /// What a task has under way. Locked, but only ever used on the loop: no one waits.
    @usableFromInline
    final class Shift: Sendable {
        @usableFromInline
        struct State: Sendable {
            @usableFromInline var current: Responder<Codec.Response>?
            /// A handler waits, or waited: this task takes no more requests.
            @usableFromInline var hasWaited = false

            @inlinable
            init() {}
        }

        @usableFromInline let state: Mutex<State>

        @inlinable
        init() { self.state = Mutex(State()) }
    }

    @usableFromInline let body: TaskHandler<Codec, Work>.Body
    @usableFromInline let executor: EventLoopExecutor
    @usableFromInline let queue: Mutex<HandlerQueue<Codec.Request, Codec.Response>>

    @inlinable
    init(_ body: TaskHandler<Codec, Work>.Body, _ executor: EventLoopExecutor) {
        self.body = body
        self.executor = executor
        self.queue = Mutex(HandlerQueue())
    }

    /// Has a request handled. Call on the loop.
    @inlinable
    func add(_ job: consuming Job) {
        if self.queue.append(job) { self.executor.eventLoop.execute { self.run() } }
    }

    @inlinable
    func run() {
        while self.hasJobs() {
            let shift = Shift()
            // Runs up to the first suspension before this returns. Not isolated to anything, or it would queue.
            let task = Task.immediate(executorPreference: self.executor) { await self.work(shift) }
            // Who answered without waiting is done, and cannot be cancelled.
            let waiting = shift.state.withLock { shift in
                shift.hasWaited = true
                return shift.current
            }
            waiting?.cancelOnDisconnect(task)
        }
    }

    @inlinable
    func hasJobs() -> Bool {
        self.queue.withLock { queue in
            queue.arrive()
            return queue.wantsSomebody()
        }
    }

    @inlinable
    func work(_ shift: Shift) async {
        while let job = self.next(for: shift) {
            await self.body.run(job.request, job.responder)
            guard self.mayGoOn(shift) else { return }
        }
    }

    // What is inlined into an asynchronous function lives in its frame, on the heap.

    @inlinable @inline(never)
    func next(for shift: Shift) -> Job? {
        guard let job = self.queue.withLock({ $0.popFirst() }) else { return nil }
        shift.state.withLock { $0.current = job.responder }
        return job
    }

    @inlinable @inline(never)
    func mayGoOn(_ shift: Shift) -> Bool {
        let hasWaited = shift.state.withLock { shift in
            shift.current = nil
            return shift.hasWaited
        }
        // A handler may have cancelled its own task: those behind it get another.
        return !hasWaited && !Task.isCancelled
    }
}
