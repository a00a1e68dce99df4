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

    @inlinable
    consuming func split() -> (request: Request, responder: Responder<Response>) { (self.request, self.responder) }
}

/// Requests in the order in which they came, and whether somebody comes for them. They are moved in and out, never copied.
///
/// While requests wait, somebody is on the way.
@usableFromInline
struct HandlerQueue<Request: Sendable, Response: Sendable>: Sendable {
    @usableFromInline typealias Job = HandlerJob<Request, Response>

    @usableFromInline var jobs: [Job?] = []
    /// How many of ``jobs`` were taken.
    @usableFromInline var taken = 0
    /// Somebody was called for requests and has not arrived.
    @usableFromInline var isSomebodyOnTheWay = false

    @inlinable
    init() {}

    @inlinable var isEmpty: Bool { self.taken == self.jobs.count }

    /// Takes `job`, which is moved and not copied.
    ///
    /// - Returns: whether somebody is to be called for it.
    @inlinable
    mutating func append(from job: inout Job?) -> Bool {
        self.jobs.append(job.take())
        return self.wantsSomebody()
    }

    /// Somebody who was called has arrived, or looks whether to leave.
    @inlinable
    mutating func arrive() {
        self.isSomebodyOnTheWay = false
    }

    /// Whether somebody is to be called, as requests wait and nobody is on the way. The caller does so.
    @inlinable
    mutating func wantsSomebody() -> Bool {
        guard !self.isEmpty, !self.isSomebodyOnTheWay else { return false }
        self.isSomebodyOnTheWay = true
        return true
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
