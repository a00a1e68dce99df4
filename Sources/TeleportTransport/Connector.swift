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
    /// How long the socket may take to connect, a name be resolved included. Default 3 s.
    public let timeout: TimeAmount
    /// Counts the connections made, those that could not be, and their bytes. Default none.
    public let traffic: TrafficCounters?
    /// Finds the addresses of a name; shared by copies.
    private let resolution: NameResolution

    /// Makes connections to `address`. A name is resolved anew for each, and each begins with another one of its
    /// addresses; copies of this value take turns too.
    public init(
        to address: TransportAddress, tls: ClientTLS? = nil, policy: BatchingPolicy = .init(),
        timeout: TimeAmount = .seconds(3), traffic: TrafficCounters? = nil
    ) {
        self.init(
            to: address, tls: tls, policy: policy, timeout: timeout, traffic: traffic, resolution: NameResolution())
    }

    /// For those who make a connector anew for each connection, or have a say in what names mean.
    package init(
        to address: TransportAddress, tls: ClientTLS? = nil, policy: BatchingPolicy = .init(),
        timeout: TimeAmount = .seconds(3), traffic: TrafficCounters? = nil, resolution: NameResolution
    ) {
        self.address = address
        self.tls = tls
        self.policy = policy
        self.timeout = timeout
        self.traffic = traffic
        self.resolution = resolution
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
        let counters = self.traffic?.shard(of: eventLoop)
        // Only now the driver: a name may have several addresses, each is tried on a channel of its own, and the stream
        // must not hear of those that fail.
        return self.connected(on: eventLoop, counters).flatMapThrowing { channel in
            let driver = ConnectionDriver(stream: makeStream(), policy: policy, opensAfterTLS: tls != nil)
            driver.meter = tls == nil ? counters.map { SocketMeter($0) } : nil
            driver.requiredProtocol = tls?.applicationProtocol
            try channel.pipeline.syncOperations.addHandler(driver)
        }.flatMapErrorThrowing { error in
            counters?.connectionFailed()
            throw TransportError(connectingTo: address, failedWith: error)
        }
    }

    private func connected(
        on eventLoop: any EventLoop, _ counters: TrafficCounters.Shard?
    ) -> EventLoopFuture<any Channel> {
        switch self.address {
        case .tcp(let host, let port):
            let bootstrap = self.bootstrap(on: eventLoop, counters)
            // Of an address there is nothing to find out.
            if let address = try? SocketAddress(ipAddress: host, port: port) { return bootstrap.connect(to: address) }
            return bootstrap.connect(host: host.isEmpty ? "localhost" : host, port: port)
        case .unix(let path):
            return self.bootstrap(on: eventLoop, counters).connect(unixDomainSocketPath: path)
        case .memory(let name):
            return eventLoop.makeCompletedFuture {
                try MemoryListeners.connect(to: name, on: eventLoop) { channel in
                    try Self.setUp(channel, self.tls, host: nil, counters)
                }
            }
        }
    }

    private func bootstrap(on eventLoop: any EventLoop, _ counters: TrafficCounters.Shard?) -> ClientBootstrap {
        let (address, tls) = (self.address, self.tls)
        return SocketOptions.apply(
            to: ClientBootstrap(group: eventLoop).connectTimeout(self.timeout), isTCP: address.isTCP
        )
        .resolver(self.resolution.resolver(on: eventLoop))
        .channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture { try Self.setUp(channel, tls, host: address.host, counters) }
        }
    }

    private static func setUp(
        _ channel: any Channel, _ tls: ClientTLS?, host: String?, _ counters: TrafficCounters.Shard?
    ) throws {
        guard let tls else { return }
        let pipeline = channel.pipeline.syncOperations
        if let counters { try pipeline.addHandler(TrafficMeter(SocketMeter(counters))) }
        try pipeline.addHandler(NIOSSLClientHandler.make(tls, host: host))
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
