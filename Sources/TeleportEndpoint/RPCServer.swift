public import NIOCore
internal import Synchronization
internal import TeleportRPC
public import TeleportTransport

/// A server for any messages a ``SelfDelimitingCodec`` describes.
///
/// ```swift
/// let server = RPCServer(
///     codec: TLVCodec(), configuration: .init(addresses: [try .init(parsing: "127.0.0.1:9000")]),
///     handler: AsyncHandler(codec: TLVCodec()) { request, _ in TLVResponse(value: request.value) })
/// try await server.run()
/// ```
public final class RPCServer<Codec: SelfDelimitingCodec>: Sendable {
    @usableFromInline let configuration: ServerConfiguration
    @usableFromInline let registry: ServerRegistry
    /// Made where the codec and the handler are known, so that the loop over messages is specialised for them.
    @usableFromInline let makeStream: @Sendable (any EventLoop) -> (any ByteStream)?
    private let listeners = Mutex<[Listener]>([])
    private let stop = StopSignal()

    @inlinable
    public convenience init<Handler: RequestHandler>(
        codec: Codec, configuration: ServerConfiguration, handler: Handler
    ) where Handler.Request == Codec.Request, Handler.Response == Codec.Response {
        let registry = ServerRegistry(group: configuration.eventLoopGroup)
        let load = RequestLoad(limit: configuration.maxConcurrent)
        let encode: ServerConnection<Codec.Response>.Encode = { response, buffer in
            let mark = buffer.writerIndex
            do throws(RPCError) {
                try codec.encode(response, into: &buffer)
                return true
            } catch {
                buffer.moveWriterIndex(to: mark)
                return (try? codec.encode(codec.response(to: .unsendable(error)), into: &buffer)) != nil
            }
        }
        let place = registry.forEachLoop { executor in
            let handler = handler.placed(on: executor)
            return (executor: executor, handler: handler, service: FramedService(codec, handler))
        }
        self.init(configuration: configuration, registry: registry) { eventLoop in
            let (executor, handler, service) = place(eventLoop)
            return registry.admit(configuration, on: eventLoop) { onClosed in
                ServerDoor.Ways(
                    v0: {
                        let connection = ServerConnection<Codec.Response>(
                            executor: executor, limits: configuration.limits, batching: configuration.batching,
                            load: load, encode: encode)
                        let stream = ServerStream(
                            codec: codec, handler: handler, configuration: configuration, connection: connection,
                            onClosed: onClosed)
                        return ServerDoor.Owner(
                            takeOver: stream.takeOver, drain: stream.drain, fail: stream.fail)
                    },
                    v1: { .framed(service, configuration, executor, load, onClosed: onClosed) })
            }
        }
    }

    @usableFromInline
    init(
        configuration: ServerConfiguration, registry: ServerRegistry,
        makeStream: @escaping @Sendable (any EventLoop) -> (any ByteStream)?
    ) {
        self.configuration = configuration
        self.registry = registry
        self.makeStream = makeStream
    }

    /// Listens at all configured addresses, and serves from now on.
    ///
    /// - Returns: the addresses, with the real ports where 0 was asked for.
    /// - Throws: ``TransportError`` `.bindFailed`; then it listens nowhere.
    @discardableResult
    public func start() async throws(TransportError) -> [TransportAddress] {
        let listeners = try await Listener.bind(
            all: self.configuration.addresses, group: self.configuration.eventLoopGroup,
            options: self.configuration.listenerOptions, makeStream: self.makeStream)
        self.listeners.withLock { $0 += listeners }
        return listeners.map(\.address)
    }

    /// What it does with connections, for one who listens in its place: instead of ``start()``.
    public var acceptor: ConnectionAcceptor {
        ConnectionAcceptor(options: self.configuration.listenerOptions, makeStream: self.makeStream)
    }

    /// Starts, unless ``start()`` was called before, and serves until ``beginGracefulShutdown()`` is called or the task
    /// is cancelled; then drains and returns.
    ///
    /// - Throws: ``TransportError`` `.bindFailed`.
    public func run() async throws(TransportError) {
        if !self.isStarted { try await self.start() }
        await self.runUntilShutdown()
    }

    /// The rest of ``run()``, for a server that was started.
    public func runUntilShutdown() async {
        await self.stop.wait()
        // In a task of its own: this one may be cancelled, and what was read is answered all the same.
        _ = await Task { await self.shutDown(limit: self.configuration.drainLimit) }.value
    }

    /// Has ``run()`` drain and return: no more connections and requests are taken, those that were read are answered.
    public func beginGracefulShutdown() {
        self.stop.stop()
    }

    /// Takes no more connections and requests, answers those that were read, flushes, and half-closes.
    ///
    /// - Parameter limit: after this long, connections that still have requests in flight are closed.
    /// - Returns: true if all requests were answered.
    @discardableResult
    public func shutDown(limit: TimeAmount = .seconds(10)) async -> Bool {
        self.stop.stop()
        let listeners = self.listeners.withLock { listeners in
            defer { listeners = [] }
            return listeners
        }
        for listener in listeners { await listener.close() }
        return await self.registry.shutDown(limit: limit)
    }

    /// Tells the clients that are connected over v1 to make their next calls on other connections: none is lost. v0 has no
    /// way to say so; its connections stay. The server goes on.
    public func retireConnections() { self.registry.retire() }

    /// Where it listens, with the real ports; empty while it does not.
    public var addresses: [TransportAddress] { self.listeners.withLock { $0.map(\.address) } }

    /// Whether it listens.
    public var isStarted: Bool { self.listeners.withLock { !$0.isEmpty } }

    /// Connections that are open now.
    public var connectionCount: Int { self.registry.count }
}
