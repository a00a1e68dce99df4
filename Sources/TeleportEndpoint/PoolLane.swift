public import Synchronization

/// The lane of handlers that run on Swift's concurrency pool.
///
/// At most one task at a time is on its way to the lane; when it takes a request and others wait, it calls the next. So as
/// many tasks work as the pool has threads, or as handlers wait, and no more are made.
@usableFromInline
final class PoolLane<Codec: MessageCodec, Work: RequestWork>: Sendable
where Work.Request == Codec.Request, Work.Response == Codec.Response {
    @usableFromInline typealias Job = HandlerJob<Codec.Request, Codec.Response>

    @usableFromInline let body: TaskHandler<Codec, Work>.Body
    @usableFromInline let queue: Mutex<HandlerQueue<Codec.Request, Codec.Response>>

    @inlinable
    init(_ body: TaskHandler<Codec, Work>.Body) {
        self.body = body
        self.queue = Mutex(HandlerQueue())
    }

    /// Has a request handled.
    @inlinable
    func add(_ job: consuming Job) {
        var job: Job? = job
        if self.queue.withLock({ $0.append(from: &job) }) { self.callTask() }
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
            let (request, responder) = current.split()
            do {
                let response = try await self.body.work.response(to: request, RequestContext(responder))
                if self.body.isStreamed(response), responder.wire == .v0 {
                    responder.respond(try await self.body.codec.buffered(response: response))
                } else {
                    responder.respond(response)
                }
            } catch {
                responder.respond(self.body.response(to: error))
            }
            job = self.mayGoOn(shift) ? self.next(for: shift, isFirst: false) : nil
        }
    }

    // What is inlined into an asynchronous function lives in its frame, on the heap.

    @inlinable @inline(never)
    func next(for shift: PoolShift, isFirst: Bool) -> Job? {
        let (job, isOneWanted) = self.queue.withLock { queue -> (Job?, Bool) in
            if isFirst { queue.arrive() }
            let job = queue.popFirst()
            return (job, queue.wantsSomebody())
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
