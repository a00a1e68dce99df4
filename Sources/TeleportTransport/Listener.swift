public import NIOCore
internal import NIOPosix
internal import NIOSSL

/// Accepts connections at one address.
public struct Listener: Sendable {
    private let channel: any Channel
    /// Where it listens; the port is the real one if 0 was asked for.
    public let address: TransportAddress

    /// Listens at `address`.
    ///
    /// - Parameters:
    ///   - group: the loops that accepted connections are spread over.
    ///   - tls: TLS from the first byte, if any. (An upgrade later is the stream's business.)
    ///   - policy: when what waits is written.
    ///   - makeStream: called on the loop of each accepted connection for the stream to drive; `nil` closes it.
    /// - Throws: ``TransportError`` `.bindFailed` that names the address and what the system said.
    public static func bind(
        _ address: TransportAddress, group: any EventLoopGroup, tls: ServerTLS? = nil,
        policy: BatchingPolicy = .init(),
        makeStream: @escaping @Sendable (any EventLoop) -> (any ByteStream)?
    ) async throws(TransportError) -> Listener {
        let bootstrap = SocketOptions.apply(to: ServerBootstrap(group: group), isTCP: address.isTCP)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let stream = makeStream(channel.eventLoop) else {
                        throw TransportError(.closedLocally, "No more connections are accepted.")
                    }
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls.context))
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        ConnectionDriver(stream: stream, policy: policy, opensAfterTLS: tls != nil))
                }
            }
        do {
            switch address {
            case .tcp(let host, let port):
                let channel = try await Self.bindTCP(bootstrap, host: host, port: port)
                let actual = channel.localAddress?.port ?? port
                return Listener(channel: channel, address: .tcp(host: host, port: actual))
            case .unix(let path):
                let channel = try await bootstrap.bind(
                    unixDomainSocketPath: path, cleanupExistingSocketFile: true
                ).get()
                return Listener(channel: channel, address: address)
            }
        } catch {
            throw TransportError(.bindFailed, "Cannot listen at \(address).", cause: error)
        }
    }

    /// An empty host is all addresses: IPv6 with IPv4 mapped in, or IPv4 alone where there is no IPv6.
    private static func bindTCP(
        _ bootstrap: ServerBootstrap, host: String, port: Int
    ) async throws -> any Channel {
        guard host.isEmpty else { return try await bootstrap.bind(host: host, port: port).get() }
        guard let channel = try? await bootstrap.bind(host: "::", port: port).get() else {
            return try await bootstrap.bind(host: "0.0.0.0", port: port).get()
        }
        return channel
    }

    /// Accepts nothing more. Connections that were accepted go on.
    public func close() async {
        try? await self.channel.close().get()
    }
}
