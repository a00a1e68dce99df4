public import NIOCore
public import TeleportEndpoint
public import TeleportHTTP
public import TeleportTransport

/// Answers HTTP requests that Teleport clients send, the reference's included.
///
/// ```swift
/// let server = TeleportServer(at: try TransportAddress(parsing: ":8080")) { request, _ in
///     .text("Hello, \(request.target)")
/// }
/// try await server.run()
/// ```
///
/// **Where handlers run.** On the concurrency pool, unless you choose ``HandlerPlacement/eventLoop``: that saves two
/// thread hops a request and suits handlers that are short and never block. An `immediate` closure is quicker still: it is
/// called on the loop as soon as a request was read, costs no task, and returns `nil` for what has to wait.
public final class TeleportServer: Sendable {
    @usableFromInline let server: RPCServer<HTTPCodec>

    /// Answers one request. An error that it throws is answered with 500. It is cancelled when the client is gone.
    public typealias Handler = @Sendable (Request, RequestContext) async throws -> Response
    /// Answers one request at once, or returns `nil` to leave it to the ``Handler``.
    public typealias ImmediateHandler = @Sendable (Request, RequestContext) -> Response?

    /// The closures, with the types of their messages said: they are called without a detour through generic code.
    private struct Work: RequestWork {
        let immediate: ImmediateHandler?
        let handler: Handler

        var answersImmediately: Bool { self.immediate != nil }

        func immediateResponse(to request: Request, _ context: RequestContext) -> Response? {
            self.immediate?(request, context)
        }

        nonisolated(nonsending) func response(to request: Request, _ context: RequestContext) async throws -> Response {
            try await self.handler(request, context)
        }
    }

    /// A server.
    ///
    /// - Parameters:
    ///   - configuration: where to listen, how compressed, which limits.
    ///   - limits: which requests are accepted; others are answered with the status that fits, and harm nobody else.
    ///   - addsDate: whether responses without a `Date` get one. Default true.
    ///   - placement: where `handler` runs. Default the pool.
    ///   - immediate: tried first, on the loop.
    ///   - handler: answers.
    public convenience init(
        configuration: ServerConfiguration, limits: HTTPLimits = .default, addsDate: Bool = true,
        placement: HandlerPlacement = .pool, immediate: ImmediateHandler? = nil, handler: @escaping Handler
    ) {
        self.init(
            configuration: configuration, limits: limits, addsDate: addsDate, placement: placement,
            work: Work(immediate: immediate, handler: handler))
    }

    /// A server whose requests a type of yours answers, called without a detour through closures.
    ///
    /// ```swift
    /// struct Bidder: RequestWork {
    ///     nonisolated(nonsending) func response(to request: Request, _ context: RequestContext) async throws -> Response {
    ///         .text("no bid")
    ///     }
    /// }
    /// let server = TeleportServer(configuration: configuration, placement: .eventLoop, work: Bidder())
    /// ```
    ///
    /// The quickest that waits: an asynchronous closure asks the runtime twice, under a lock, whether it is where it should
    /// be; a function that is `nonisolated(nonsending)` is where its caller is.
    @inlinable
    public init(
        configuration: ServerConfiguration, limits: HTTPLimits = .default, addsDate: Bool = true,
        placement: HandlerPlacement = .pool, work: some RequestWork<Request, Response>
    ) {
        let codec = HTTPCodec(limits: limits, addsDate: addsDate)
        var configuration = configuration
        configuration.maxHeadSize = limits.headSizeOnWire
        self.server = RPCServer(
            codec: codec, configuration: configuration,
            handler: TaskHandler(codec: codec, placement: placement, work: work))
    }

    /// A server that does without tasks: see ``RequestHandler``.
    public init(
        configuration: ServerConfiguration, limits: HTTPLimits = .default, addsDate: Bool = true,
        handler: some RequestHandler<Request, Response>
    ) {
        var configuration = configuration
        configuration.maxHeadSize = limits.headSizeOnWire
        self.server = RPCServer(
            codec: HTTPCodec(limits: limits, addsDate: addsDate), configuration: configuration, handler: handler)
    }

    /// A server with defaults for everything but the address.
    public convenience init(at address: TransportAddress, handler: @escaping Handler) {
        self.init(configuration: ServerConfiguration(addresses: [address]), handler: handler)
    }

    /// Listens at all configured addresses, and serves from now on.
    ///
    /// - Returns: the addresses, with the real ports where 0 was asked for.
    /// - Throws: ``TransportError`` `.bindFailed`; then it listens nowhere.
    @discardableResult
    public func start() async throws(TransportError) -> [TransportAddress] {
        try await self.server.start()
    }

    /// Starts, unless ``start()`` was called before, and serves until ``beginGracefulShutdown()`` is called or the task
    /// is cancelled; then drains and returns. In a service group, its graceful shutdown does the same.
    ///
    /// - Throws: ``TransportError`` `.bindFailed`.
    public func run() async throws(TransportError) {
        if !self.server.isStarted { try await self.server.start() }
        await withShutdownHandler {
            await self.server.runUntilShutdown()
        } onShutdown: {
            self.server.beginGracefulShutdown()
        }
    }

    /// Has ``run()`` drain and return: it stops reading, answers what was read, flushes and half-closes. Calls that
    /// clients sent later fail there as possibly not executed.
    public func beginGracefulShutdown() {
        self.server.beginGracefulShutdown()
    }

    /// Drains, as ``beginGracefulShutdown()`` says, and returns when it is done.
    ///
    /// - Parameter limit: after this long, connections that still have requests in flight are closed.
    /// - Returns: true if all requests were answered.
    @discardableResult
    public func shutDown(limit: TimeAmount = .seconds(10)) async -> Bool {
        await self.server.shutDown(limit: limit)
    }

    /// Where it listens, with the real ports; empty while it does not.
    public var addresses: [TransportAddress] { self.server.addresses }

    /// Connections that are open now.
    public var connectionCount: Int { self.server.connectionCount }
}
