public import NIOCore
internal import Synchronization
public import Teleport
internal import TeleportEndpoint

/// A reverse proxy and load balancer: HTTP or Teleport in, HTTP or Teleport out.
///
/// ```swift
/// let proxy = Proxy(ProxyConfiguration(
///     in: .http, at: [try TransportAddress(parsing: ":8080")],
///     out: .teleport, to: [try TransportAddress(parsing: "10.0.0.7:8043")]))
/// try await proxy.run()
/// ```
///
/// Requests are read whole, given to the server with the fewest pending, and answered; all of it happens on the event
/// loops of the connections, without a task or a closure a request.
public final class Proxy: Sendable {
    private let configuration: ProxyConfiguration
    private let forwarder: Forwarder
    private let registry: ServerRegistry
    /// Serves Teleport clients; `nil` with HTTP in.
    private let teleportServer: TeleportServer?
    private let listeners = Mutex<[Listener]>([])
    private let stopSignal: AsyncStream<Void>
    private let stop: AsyncStream<Void>.Continuation

    public init(_ configuration: ProxyConfiguration) {
        self.configuration = configuration
        self.forwarder = Forwarder(
            upstreams: configuration.outAddresses.map { Self.makeUpstream($0, configuration) },
            timeout: configuration.outTimeout, limit: configuration.concurrency, logger: configuration.logger)
        self.registry = ServerRegistry(group: configuration.eventLoopGroup)
        self.teleportServer =
            configuration.inKind == .teleport ? Self.makeTeleportServer(self.forwarder, configuration) : nil
        (self.stopSignal, self.stop) = AsyncStream.makeStream(of: Void.self)
    }

    private static func makeUpstream(_ address: TransportAddress, _ configuration: ProxyConfiguration) -> Upstream {
        guard configuration.outKind == .teleport else {
            return Upstream(
                address: address, transport: .http(HTTPUpstream(address: address, configuration: configuration)))
        }
        var client = ClientConfiguration(address: address, logger: configuration.logger)
        client.compression = configuration.outCompression
        client.batching.delay = configuration.outDelay
        client.connections = configuration.outConnectionsPerAddress ?? 1
        client.timeout = configuration.outTimeout
        client.limits.maxPending = configuration.concurrency
        client.limits.maxTombstones = configuration.concurrency
        client.eventLoopGroup = configuration.eventLoopGroup
        let codec = HTTPCodec(limits: configuration.outLimits, addsDate: false)
        return Upstream(
            address: address, transport: .teleport(ConnectionPool(codec: codec, configuration: client)))
    }

    private static func makeTeleportServer(
        _ forwarder: Forwarder, _ configuration: ProxyConfiguration
    ) -> TeleportServer {
        var server = ServerConfiguration(addresses: configuration.inAddresses, logger: configuration.logger)
        server.compression = configuration.inCompression
        server.batching.delay = configuration.inDelay
        server.maxConcurrent = configuration.concurrency
        server.limits.maxConcurrent = configuration.concurrency
        server.eventLoopGroup = configuration.eventLoopGroup
        return TeleportServer(
            configuration: server, limits: configuration.inLimits, addsDate: false,
            handler: TeleportFront(forwarder: forwarder))
    }

    /// Listens at all addresses, and forwards from now on.
    ///
    /// - Returns: the addresses, with the real ports where 0 was asked for.
    /// - Throws: ``TransportError`` `.bindFailed`; then it listens nowhere.
    @discardableResult
    public func start() async throws(TransportError) -> [TransportAddress] {
        if let server = self.teleportServer { return try await server.start() }
        var bound: [Listener] = []
        do throws(TransportError) {
            for address in self.configuration.inAddresses {
                bound.append(
                    try await Listener.bind(
                        address, group: self.configuration.eventLoopGroup,
                        policy: BatchingPolicy(delay: .zero)
                    ) { self.accept(on: $0) })
            }
        } catch {
            for listener in bound { await listener.close() }
            throw error
        }
        let started = bound
        self.listeners.withLock { $0 += started }
        return bound.map(\.address)
    }

    /// Starts, and forwards until ``beginGracefulShutdown()`` is called or the task is cancelled; then drains and
    /// returns.
    ///
    /// - Throws: ``TransportError`` `.bindFailed`.
    public func run() async throws(TransportError) {
        try await self.start()
        await self.runUntilShutdown()
    }

    /// The rest of ``run()``, for a proxy that was started.
    public func runUntilShutdown() async {
        for await _ in self.stopSignal {}
        await self.shutDown(limit: self.configuration.drainLimit)
    }

    /// Has ``run()`` drain and return.
    public func beginGracefulShutdown() {
        self.stop.finish()
    }

    /// Accepts no more connections, answers the requests that were read, then closes everything.
    ///
    /// - Parameter limit: after this long, connections that still wait for an answer are closed.
    /// - Returns: true if all requests were answered.
    @discardableResult
    public func shutDown(limit: TimeAmount) async -> Bool {
        self.stop.finish()
        let isClean: Bool
        if let server = self.teleportServer {
            isClean = await server.shutDown(limit: limit)
        } else {
            let listeners = self.listeners.withLock { listeners in
                defer { listeners = [] }
                return listeners
            }
            for listener in listeners { await listener.close() }
            isClean = await self.registry.shutDown(limit: limit)
        }
        await self.forwarder.shutDown(limit: .seconds(1))
        return isClean
    }

    private func accept(on eventLoop: any EventLoop) -> (any ByteStream)? {
        let front = HTTPFront(eventLoop: eventLoop)
        let key = ObjectIdentifier(front)
        let registry = self.registry
        let isAccepted = registry.started(
            key,
            .init(
                drain: { eventLoop.execute { front.stream.value?.drain() } },
                closeNow: { eventLoop.execute { front.stream.value?.closeNow() } }))
        guard isAccepted else { return nil }
        let stream = HTTPFrontStream(
            front: front, forwarder: self.forwarder, configuration: self.configuration,
            onClosed: { registry.ended(key) })
        front.stream.value = stream
        return stream
    }
}
