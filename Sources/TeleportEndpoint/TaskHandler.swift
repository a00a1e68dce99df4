public import TeleportTransport

/// Where asynchronous handlers run.
public enum HandlerPlacement: Sendable, Hashable {
    /// On Swift's concurrency pool. The default: a handler may compute for a while, and all cores serve one connection.
    case pool
    /// On the loop of the connection. Saves a thread hop each way, up to half of the CPU of a small request; choose it
    /// for handlers that are short and never block: everything else on that loop waits for them.
    case eventLoop
}

/// What a handler may want to know besides the request.
public struct RequestContext: Sendable {
    /// Runs tasks on the loop of the request's connection.
    public let executor: EventLoopExecutor
    /// Whether nobody waits for an answer.
    public let isOneWay: Bool

    @inlinable
    init(executor: EventLoopExecutor, isOneWay: Bool) {
        self.executor = executor
        self.isOneWay = isOneWay
    }

    @inlinable
    init(_ responder: borrowing Responder<some Sendable>) {
        self.init(executor: responder.executor, isOneWay: responder.isOneWay)
    }
}

/// What answers requests in a ``TaskHandler``: a type of your own in the place of a closure.
///
/// A closure of an ``AsyncHandler`` is called through generic code, which copies requests and responses on the way; a type
/// that says what its messages are is called directly.
public protocol RequestWork<Request, Response>: Sendable {
    associatedtype Request: Sendable
    associatedtype Response: Sendable

    /// Whether ``immediateResponse(to:_:)`` is worth asking; looked at once. By default false.
    var answersImmediately: Bool { get }

    /// Asked first, on the loop of the connection; `nil` falls through to ``response(to:_:)``. It must return at once. The
    /// fast lane: no task is made for what it answers. By default `nil`.
    func immediateResponse(to request: Request, _ context: RequestContext) -> Response?

    /// Answers, or throws.
    nonisolated(nonsending) func response(to request: Request, _ context: RequestContext) async throws -> Response
}

extension RequestWork {
    @inlinable public var answersImmediately: Bool { false }
    @inlinable
    public func immediateResponse(to request: Request, _ context: RequestContext) -> Response? { nil }
}

/// Answers requests in tasks. A task that has answered without waiting takes the next request; one that waits has its
/// request for itself.
///
/// It is cancelled if the client gives its request up, its deadline passes, or the connection ends, before it answered. What
/// throws is answered for by the codec.
public struct TaskHandler<Codec: MessageCodec, Work: RequestWork>: RequestHandler
where Work.Request == Codec.Request, Work.Response == Codec.Response {
    public typealias Request = Codec.Request
    public typealias Response = Codec.Response

    /// What a task captures: one reference instead of many.
    @usableFromInline
    final class Body: Sendable {
        @usableFromInline let codec: Codec
        @usableFromInline let work: Work
        /// Asked once: to ask the work counts references to what it holds.
        @usableFromInline let answersImmediately: Bool

        @inlinable
        init(_ codec: Codec, _ work: Work) {
            self.codec = codec
            self.work = work
            self.answersImmediately = work.answersImmediately
        }

        // What is inlined into an asynchronous function lives in its frame, on the heap: what needs not wait is kept out
        // of it, so that a request takes hundreds of bytes instead of thousands.

        /// Whether the body of a response has to be gathered before v0 can carry it.
        @inlinable @inline(never)
        func isStreamed(_ response: borrowing Codec.Response) -> Bool { self.codec.isStreamed(response: response) }

        /// What answers for a handler that threw.
        @inlinable @inline(never)
        func response(to error: any Error) -> Codec.Response { self.codec.response(to: .handlerFailed(error)) }
    }

    @usableFromInline let body: Body
    @usableFromInline let placement: HandlerPlacement
    /// Where requests wait; `nil` for a handler that belongs to no loop yet.
    @usableFromInline let lane: HandlerLane<Codec, Work>?

    /// - Parameter placement: where ``RequestWork/response(to:_:)`` runs.
    @inlinable
    public init(codec: Codec, placement: HandlerPlacement = .pool, work: Work) {
        self.init(Body(codec, work), placement, lane: nil)
    }

    @inlinable
    init(_ body: Body, _ placement: HandlerPlacement, lane: HandlerLane<Codec, Work>?) {
        self.body = body
        self.placement = placement
        self.lane = lane
    }

    @inlinable
    public func placed(on executor: EventLoopExecutor) -> Self {
        Self(self.body, self.placement, lane: HandlerLane(self.body, self.placement, executor))
    }

    @inlinable
    public func handle(_ request: consuming Codec.Request, _ responder: consuming Responder<Codec.Response>) {
        guard self.body.answersImmediately else { return self.enqueue(request, responder) }
        guard let response = self.body.work.immediateResponse(to: request, RequestContext(responder)) else {
            return self.enqueue(request, responder)
        }
        responder.respond(response)
    }

    @inlinable
    func enqueue(_ request: consuming Codec.Request, _ responder: consuming Responder<Codec.Response>) {
        if let lane = self.lane { return lane.add(HandlerJob(request, responder)) }
        let executor = responder.executor
        HandlerLane(self.body, self.placement, executor).add(HandlerJob(request, responder))
    }
}
