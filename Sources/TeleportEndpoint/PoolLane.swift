public import Synchronization

/// The lane of handlers that run on Swift's concurrency pool.
///
/// At most one task at a time is on its way to the lane; when it takes a request and others wait, it calls the next. So as
/// many tasks work as the pool has threads, or as handlers wait, and no more are made.
@usableFromInline
final class PoolLane<Codec: MessageCodec, Work: RequestWork>: Sendable
where Work.Request == Codec.Request, Work.Response == Codec.Response {
    @usableFromInline typealias Job = HandlerJob<Codec.Request, Codec.Response>

    @usableFromInline
    struct State: Sendable {
        @usableFromInline var jobs = HandlerQueue<Codec.Request, Codec.Response>()
        /// A task was made that has not taken a request yet.
        @usableFromInline var isTaskOnItsWay = false

        @inlinable
        init() {}
    }

    @usableFromInline let body: TaskHandler<Codec, Work>.Body
    @usableFromInline let state: Mutex<State>

    @inlinable
    init(_ body: TaskHandler<Codec, Work>.Body) {
        self.body = body
        self.state = Mutex(State())
    }

    /// Has a request handled.
    @inlinable
    func add(_ job: consuming Job) {
        var job: Job? = job
        let isAlone = self.state.withLock { state in
            // Moved, not copied.
            if let job = job.take() { state.jobs.append(job) }
            defer { state.isTaskOnItsWay = true }
            return !state.isTaskOnItsWay
        }
        if isAlone { self.callTask() }
    }

    @inlinable @inline(never)
    func callTask() {
        let shift = PoolShift()
        shift.began(in: Task { await self.work(shift) })
    }

    @inlinable
    func work(_ shift: PoolShift) async {
        var job = self.next(for: shift, isFirst: true)
        while let current = job {
            await self.body.run(current.request, current.responder)
            job = self.mayGoOn(shift) ? self.next(for: shift, isFirst: false) : nil
        }
    }

    // What is inlined into an asynchronous function lives in its frame, on the heap.

    @inlinable @inline(never)
    func next(for shift: PoolShift, isFirst: Bool) -> Job? {
        let (job, isOneWanted) = self.state.withLock { state -> (Job?, Bool) in
            if isFirst { state.isTaskOnItsWay = false }
            guard let job = state.jobs.popFirst() else { return (nil, false) }
            guard !state.jobs.isEmpty, !state.isTaskOnItsWay else { return (job, false) }
            state.isTaskOnItsWay = true
            return (job, true)
        }
        if isOneWanted { self.callTask() }
        guard let job else { return nil }
        job.responder.stop(with: .shift(shift, shift.begin()))
        return job
    }

    @inlinable @inline(never)
    func mayGoOn(_ shift: PoolShift) -> Bool {
        // A handler may have cancelled its own task: those behind it get another.
        shift.ended() && !Task.isCancelled
    }
}

/// What a task of a ``PoolLane`` has under way: one request after the other, each of which may be cancelled, from any
/// thread and also when it has ended, without harm to the next.
@usableFromInline
final class PoolShift: Sendable {
    private struct State: Sendable {
        var task: Task<Void, Never>?
        /// Which request it is, counted from 1.
        var number = 0
        var isIdle = true
        var isCancelled = false
    }

    private let state = Mutex(State())

    @usableFromInline
    init() {}

    /// Which task it is; it may be at work already.
    @usableFromInline
    func began(in task: Task<Void, Never>) {
        let isCancelled = self.state.withLock { state in
            state.task = task
            return state.isCancelled
        }
        if isCancelled { task.cancel() }
    }

    /// The task has another request.
    ///
    /// - Returns: its number, for ``cancel(_:)``.
    @usableFromInline
    func begin() -> Int {
        self.state.withLock { state in
            state.number += 1
            state.isIdle = false
            return state.number
        }
    }

    /// Its request was answered. False if the task was cancelled: then it may take no other.
    @usableFromInline
    func ended() -> Bool {
        self.state.withLock { state in
            state.isIdle = true
            return !state.isCancelled
        }
    }

    /// Cancels the task if it still has that request.
    @usableFromInline
    func cancel(_ number: Int) {
        let task = self.state.withLock { state -> Task<Void, Never>? in
            guard state.number == number, !state.isIdle else { return nil }
            state.isCancelled = true
            return state.task
        }
        task?.cancel()
    }
}
