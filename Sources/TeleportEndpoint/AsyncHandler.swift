public import TeleportTransport

/// Answers requests with an `async` function, and, if given, a synchronous one that is tried first.
///
/// A handler whose connection ends before it answered is cancelled. One that throws is answered for by the codec.
public struct AsyncHandler<Codec: MessageCodec>: RequestHandler {
    public typealias Request = Codec.Request
    public typealias Response = Codec.Response
    /// Answers, or throws.
    public typealias Handler = @Sendable (Codec.Request, RequestContext) async throws -> Codec.Response

    @usableFromInline
    struct Work: RequestWork {
        @usableFromInline let immediate: (@Sendable (Codec.Request, RequestContext) -> Codec.Response?)?
        @usableFromInline let handler: Handler

        @inlinable
        init(immediate: (@Sendable (Codec.Request, RequestContext) -> Codec.Response?)?, handler: @escaping Handler) {
            self.immediate = immediate
            self.handler = handler
        }

        @inlinable var answersImmediately: Bool { self.immediate != nil }

        @inlinable
        func immediateResponse(to request: Codec.Request, _ context: RequestContext) -> Codec.Response? {
            self.immediate?(request, context)
        }

        @inlinable
        nonisolated(nonsending) func response(
            to request: Codec.Request, _ context: RequestContext
        ) async throws -> Codec.Response {
            try await self.handler(request, context)
        }
    }

    @usableFromInline let tasks: TaskHandler<Codec, Work>

    /// - Parameters:
    ///   - placement: where `handler` runs.
    ///   - immediate: called first, on the loop of the connection; `nil` falls through to `handler`. It must return at
    ///     once. The fast lane: no task is made for what it answers.
    ///   - handler: answers, or throws.
    @inlinable
    public init(
        codec: Codec, placement: HandlerPlacement = .pool,
        immediate: (@Sendable (Codec.Request, RequestContext) -> Codec.Response?)? = nil,
        handler: @escaping Handler
    ) {
        self.tasks = TaskHandler(
            codec: codec, placement: placement, work: Work(immediate: immediate, handler: handler))
    }

    @inlinable
    init(_ tasks: TaskHandler<Codec, Work>) {
        self.tasks = tasks
    }

    @inlinable
    public func placed(on executor: EventLoopExecutor) -> Self { Self(self.tasks.placed(on: executor)) }

    @inlinable
    public func handle(_ request: consuming Codec.Request, _ responder: consuming Responder<Codec.Response>) {
        self.tasks.handle(request, responder)
    }
}
