public import NIOCore
internal import NIOPosix
internal import Synchronization
public import TeleportTransport

/// One end of a bare connection: a test plays the other peer by hand.
public final class RawPeer: ChannelInboundHandler, Sendable {
    public typealias InboundIn = ByteBuffer

    private struct State {
        var channel: (any Channel)?
        var received = ByteBuffer()
        var isEnded = false
        var hasFailed = false
        var waiter: (count: Int, continuation: CheckedContinuation<Void, Never>)?

        mutating func takeWaiter() -> CheckedContinuation<Void, Never>? {
            guard let waiter = self.waiter, self.isEnded || self.received.readableBytes >= waiter.count else {
                return nil
            }
            self.waiter = nil
            return waiter.continuation
        }
    }

    private let state = Mutex(State())

    /// A peer that is on no connection yet: for a test that makes the channel itself.
    public init() {}

    /// Connects to a server under test. One that does not read leaves what is sent to it in the socket.
    public static func connect(to address: TransportAddress, reads: Bool = true) async throws -> RawPeer {
        let peer = RawPeer()
        let bootstrap = ClientBootstrap(group: EventLoops.shared)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.autoRead, value: reads)
            .channelInitializer { $0.pipeline.addHandler(peer) }
        switch address {
        case .tcp(let host, let port): _ = try await bootstrap.connect(host: host, port: port).get()
        case .unix(let path): _ = try await bootstrap.connect(unixDomainSocketPath: path).get()
        case .memory: throw TransportError(.invalidAddress, "There is no socket in \(address).")
        }
        return peer
    }

    public var channel: (any Channel)? { self.state.withLock { $0.channel } }

    /// Bytes that came and were not read.
    public var unread: Int { self.state.withLock { $0.received.readableBytes } }

    /// Whether the connection ended by a failure, such as a reset.
    public var hasFailed: Bool { self.state.withLock { $0.hasFailed } }

    public func write(_ bytes: ByteBuffer) {
        self.channel?.writeAndFlush(bytes, promise: nil)
    }

    public func write(_ bytes: [UInt8]) { self.write(ByteBuffer(bytes: bytes)) }
    public func write(_ text: String) { self.write(ByteBuffer(string: text)) }

    /// Says that nothing more comes. What was written before is sent first.
    public func endOutput() { self.channel?.close(mode: .output, promise: nil) }

    public func close() async { try? await self.channel?.close().get() }

    /// Has the operating system send a reset instead of an orderly end.
    public func reset() async throws {
        guard let channel = self.channel else { return }
        try await (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        await self.close()
    }

    /// The next `count` bytes; `nil` if the connection ends before.
    public func read(_ count: Int) async -> ByteBuffer? {
        await self.wait(for: count)
        return self.state.withLock { $0.received.readSlice(length: count) }
    }

    /// All that is here, at least one byte; `nil` if the connection ends before.
    public func readSome() async -> ByteBuffer? {
        await self.wait(for: 1)
        return self.state.withLock { state in
            defer { state.received = ByteBuffer() }
            return state.received.readableBytes > 0 ? state.received : nil
        }
    }

    /// All that comes until the peer ends.
    public func readToEnd() async -> ByteBuffer {
        await self.wait(for: .max)
        return self.state.withLock { state in
            defer { state.received.clear() }
            return state.received
        }
    }

    private func wait(for count: Int) async {
        await withCheckedContinuation { continuation in
            let ready = self.state.withLock { state in
                state.waiter = (count, continuation)
                return state.takeWaiter()
            }
            ready?.resume()
        }
    }

    public func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        self.state.withLock { $0.channel = channel }
    }

    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        self.state.withLock { state in
            state.received.writeBuffer(&bytes)
            return state.takeWaiter()
        }?.resume()
    }

    public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { self.ended() }
    }

    public func channelInactive(context: ChannelHandlerContext) { self.ended() }

    public func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.state.withLock { $0.hasFailed = true }
        self.ended()
        context.close(promise: nil)
    }

    private func ended() {
        self.state.withLock { state in
            state.isEnded = true
            return state.takeWaiter()
        }?.resume()
    }
}

/// A listening socket behind which a test plays the server by hand.
public final class RawServer: Sendable {
    public let address: TransportAddress
    private let listener: any Channel
    private let peers: Peers

    private final class Peers: Sendable {
        let all = Mutex<[RawPeer]>([])
    }

    /// Listens on loopback; `script` is run for each connection.
    public init(port: Int = 0, script: @escaping @Sendable (RawPeer) async throws -> Void) async throws {
        let peers = Peers()
        self.peers = peers
        self.listener = try await ServerBootstrap(group: EventLoops.shared)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                let peer = RawPeer()
                peers.all.withLock { $0.append(peer) }
                return channel.pipeline.addHandler(peer).map {
                    Task {
                        try? await script(peer)
                    }
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        self.address = .tcp(host: "127.0.0.1", port: self.listener.localAddress?.port ?? 0)
    }

    public var connectionCount: Int { self.peers.all.withLock { $0.count } }

    /// Closes everything, as a process that is killed would.
    public func kill() async {
        try? await self.listener.close().get()
        for peer in self.peers.all.withLock({ $0 }) { await peer.close() }
    }
}
