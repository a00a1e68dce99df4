public import NIOCore
internal import NIOPosix
internal import NIOSSL

/// Makes connections to one address.
public struct Connector: Sendable {
    /// Where to.
    public let address: TransportAddress
    /// TLS from the first byte, if any. (An upgrade later is the stream's business:
    /// ``ConnectionDriver/startTLS(_:host:received:)``.)
    public let tls: ClientTLS?
    /// When what waits is written.
    public let policy: BatchingPolicy
    /// How long the socket may take to connect. Default 3 s.
    public let timeout: TimeAmount

    public init(
        to address: TransportAddress, tls: ClientTLS? = nil, policy: BatchingPolicy = .init(),
        timeout: TimeAmount = .seconds(3)
    ) {
        self.address = address
        self.tls = tls
        self.policy = policy
        self.timeout = timeout
    }

    /// Connects on `eventLoop`. Once a connection is made, `makeStream` is called there, once, for the stream to drive.
    ///
    /// The future fails with a ``TransportError`` if no connection was made; then no stream was made either. Later
    /// failures are told to the stream.
    public func connect(
        on eventLoop: any EventLoop, makeStream: @escaping @Sendable () -> any ByteStream
    ) -> EventLoopFuture<Void> {
        // On the loop, so that the stream is there before anything can happen to the connection.
        guard eventLoop.inEventLoop else {
            return eventLoop.flatSubmit { self.connect(on: eventLoop, makeStream: makeStream) }
        }
        let (address, tls, policy) = (self.address, self.tls, self.policy)
        let bootstrap = SocketOptions.apply(
            to: ClientBootstrap(group: eventLoop).connectTimeout(self.timeout), isTCP: address.isTCP
        )
        .channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                if let tls {
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLClientHandler.make(tls, host: address.host))
                }
            }
        }
        let channel =
            switch address {
            case .tcp(let host, let port): bootstrap.connect(host: host.isEmpty ? "localhost" : host, port: port)
            case .unix(let path): bootstrap.connect(unixDomainSocketPath: path)
            }
        // Only now: a name may have several addresses, each is tried on a channel of its own, and the stream must not
        // hear of those that fail.
        return channel.flatMapThrowing { channel in
            try channel.pipeline.syncOperations.addHandler(
                ConnectionDriver(stream: makeStream(), policy: policy, opensAfterTLS: tls != nil))
        }.flatMapErrorThrowing { error in
            throw TransportError(connectingTo: address, failedWith: error)
        }
    }
}

extension TransportAddress {
    /// The host of a TCP address.
    public var host: String? {
        if case .tcp(let host, _) = self { host } else { nil }
    }

    var isTCP: Bool {
        if case .tcp = self { true } else { false }
    }
}
