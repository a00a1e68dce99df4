public import TeleportTransport

/// Where the requests of one loop's connections wait for a task to handle them.
///
/// A task for each request would cost more than most handlers do. So a task takes one request after the other for as long
/// as handlers return without waiting for anything; when one waits, the others go on in another task.
@usableFromInline
enum HandlerLane<Codec: MessageCodec, Work: RequestWork>: Sendable
where Work.Request == Codec.Request, Work.Response == Codec.Response {
    case eventLoop(LoopLane<Codec, Work>)
    case pool(PoolLane<Codec, Work>)

    @inlinable
    init(_ body: TaskHandler<Codec, Work>.Body, _ placement: HandlerPlacement, _ executor: EventLoopExecutor) {
        switch placement {
        case .eventLoop: self = .eventLoop(LoopLane(body, executor))
        case .pool: self = .pool(PoolLane(body))
        }
    }

    @inlinable
    func add(_ job: consuming HandlerJob<Codec.Request, Codec.Response>) {
        switch self {
        case .eventLoop(let lane): lane.add(job)
        case .pool(let lane): lane.add(job)
        }
    }
}

/// A request that waits for its handler.
@usableFromInline
struct HandlerJob<Request: Sendable, Response: Sendable>: Sendable {
    @usableFromInline let request: Request
    @usableFromInline let responder: Responder<Response>

    @inlinable
    init(_ request: consuming Request, _ responder: consuming Responder<Response>) {
        self.request = request
        self.responder = responder
    }
}

/// Requests in the order in which they came. They are moved in and out, never copied.
@usableFromInline
struct HandlerQueue<Request: Sendable, Response: Sendable>: Sendable {
    @usableFromInline typealias Job = HandlerJob<Request, Response>

    @usableFromInline var jobs: [Job?] = []
    /// How many of ``jobs`` were taken.
    @usableFromInline var taken = 0

    @inlinable
    init() {}

    @inlinable var isEmpty: Bool { self.taken == self.jobs.count }

    @inlinable
    mutating func append(_ job: consuming Job) {
        self.jobs.append(job)
    }

    @inlinable
    mutating func popFirst() -> Job? {
        guard !self.isEmpty else { return nil }
        let job = self.jobs[self.taken].take()
        self.taken += 1
        if self.isEmpty {
            self.jobs.removeAll(keepingCapacity: true)
            self.taken = 0
        } else if self.taken >= 1024, self.taken * 2 >= self.jobs.count {
            // A queue that never runs empty.
            self.jobs.removeFirst(self.taken)
            self.taken = 0
        }
        return job
    }
}
