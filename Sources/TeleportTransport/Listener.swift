public import NIOCore
internal import NIOPosix
internal import NIOSSL

/// Accepts connections at one address.
public struct Listener: Sendable {
    private enum Backing: Sendable {
        case socket(any Channel)
        case unix(any Channel, UnixSocketFile)
        case memory(MemoryListeners.Registration)
    }

    private let backing: Backing
    private let acceptor: ConnectionAcceptor.Replaceable
    /// Where it listens; the port is the real one if 0 was asked for.
    public let address: TransportAddress

    /// Listens at `address`.
    ///
    /// - Parameters:
    ///   - group: the loops that accepted connections are spread over.
    ///   - options: TLS, batching, who is admitted, and so on. Default: plain, everybody.
    ///   - makeStream: called on the loop of each accepted connection for the stream to drive; `nil` closes it.
    /// - Throws: as ``bind(_:group:accepting:)``.
    public static func bind(
        _ address: TransportAddress, group: any EventLoopGroup, options: ListenerOptions = .init(),
        makeStream: @escaping @Sendable (any EventLoop) -> (any ByteStream)?
    ) async throws(TransportError) -> Listener {
        try await self.bind(
            address, group: group, accepting: ConnectionAcceptor(options: options, makeStream: makeStream))
    }

    /// Listens at `address`.
    ///
    /// At the path of a unix socket, a file that is no socket is never replaced, nor is a socket that somebody listens
    /// at; one that was left behind is.
    ///
    /// - Parameters:
    ///   - group: the loops that accepted connections are spread over.
    ///   - acceptor: what to do with them.
    ///   - inherited: sockets that are there already: one that listens at `address` is taken instead of making one. The
    ///     file of a unix socket then stays: it belongs to who has made it, unless ``InheritedSockets/Socket/ownsFile``.
    /// - Throws: ``TransportError`` `.bindFailed` that names the address and what the system said.
    public static func bind(
        _ address: TransportAddress, group: any EventLoopGroup, accepting acceptor: ConnectionAcceptor,
        inheriting inherited: InheritedSockets? = nil
    ) async throws(TransportError) -> Listener {
        let options = acceptor.options
        let acceptor = ConnectionAcceptor.Replaceable(acceptor)
        let bootstrap = SocketOptions.apply(
            to: ServerBootstrap(group: group), isTCP: address.isTCP, reusesPort: options.reusesPort,
            readSizes: options.readSizes
        )
        .serverChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                if let traffic = options.traffic {
                    try pipeline.addHandler(AcceptMeter(traffic.shard(of: channel.eventLoop)))
                }
                try pipeline.addHandler(AcceptBackoffHandler(backoffProvider: Self.acceptBackoff))
            }
        }
        .childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture { try Self.setUp(channel, acceptor.current) }
        }
        do {
            if let socket = inherited?.take(address) {
                let channel = try await bootstrap.withBoundSocket(socket.descriptor).get()
                if case .unix(let path) = address, socket.ownsFile {
                    let file = UnixSocketFile(at: path)
                    return Listener(backing: .unix(channel, file), acceptor: acceptor, address: address)
                }
                return Listener(backing: .socket(channel), acceptor: acceptor, address: address.withPort(of: channel))
            }
            switch address {
            case .tcp(let host, let port):
                let channel = try await Self.bindTCP(bootstrap, host: host, port: port)
                return Listener(backing: .socket(channel), acceptor: acceptor, address: address.withPort(of: channel))
            case .unix(let path):
                let (file, descriptor) = try UnixSocketFile.listen(at: path)
                do {
                    let channel = try await bootstrap.withBoundSocket(descriptor).get()
                    // That set a backlog of its own.
                    UnixSocketFile.listen(descriptor)
                    return Listener(backing: .unix(channel, file), acceptor: acceptor, address: address)
                } catch {
                    file.remove()
                    throw error
                }
            case .memory(let name):
                let registration = try MemoryListeners.Registration(name, group: group) { channel in
                    try Self.setUp(channel, acceptor.current)
                }
                return Listener(backing: .memory(registration), acceptor: acceptor, address: address)
            }
        } catch let error as TransportError {
            throw error
        } catch {
            throw TransportError(.bindFailed, "Cannot listen at \(address).", cause: error)
        }
    }

    /// Listens at all of `addresses`, or at none.
    ///
    /// - Returns: a listener for each address, in the same order.
    /// - Throws: ``TransportError`` `.bindFailed` for the first address that fails; those before it were closed again.
    public static func bind(
        all addresses: [TransportAddress], group: any EventLoopGroup, options: ListenerOptions = .init(),
        makeStream: @escaping @Sendable (any EventLoop) -> (any ByteStream)?
    ) async throws(TransportError) -> [Listener] {
        var bound: [Listener] = []
        do throws(TransportError) {
            for address in addresses {
                bound.append(
                    try await Self.bind(address, group: group, options: options, makeStream: makeStream))
            }
        } catch {
            for listener in bound { await listener.close() }
            throw error
        }
        return bound
    }

    /// Has other things done with the connections that are accepted from now on; those that were accepted go on. What
    /// concerns the socket itself stays: ``ListenerOptions/reusesPort``, ``ListenerOptions/readSizes``.
    public func accept(with acceptor: ConnectionAcceptor) { self.acceptor.replace(with: acceptor) }

    /// Another descriptor of its socket, for a process that is to go on listening here, to be closed by who gets it; `nil` for
    /// an address in memory. Connections that wait to be accepted belong to the socket: they are lost only when the last
    /// descriptor of it is closed.
    ///
    /// - Parameter name: the address that it was opened for, as the other process will ask for it.
    /// - Throws: ``TransportError`` `.bindFailed` if it is closed, or there is no descriptor to be had.
    public func duplicate(named name: TransportAddress) async throws(TransportError) -> InheritedSockets.Socket? {
        let (channel, ownsFile): (any Channel, Bool)
        switch self.backing {
        case .socket(let socket): (channel, ownsFile) = (socket, false)
        case .unix(let socket, _): (channel, ownsFile) = (socket, true)
        case .memory: return nil
        }
        let duplicated = try? await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { handle in
                Result { () throws(TransportError) in try InheritedSockets.duplicate(handle) }
            }
        }.get()
        guard let result = duplicated ?? nil else {
            throw TransportError(.bindFailed, "The socket at \(self.address) cannot be handed over: it is closed.")
        }
        return InheritedSockets.Socket(try result.get(), name: "\(name)", ownsFile: ownsFile)
    }

    /// Accepts nothing more. Connections that were accepted go on. The file of a unix socket is removed, unless another
    /// one has taken its place.
    ///
    /// - Parameter keepsFile: leaves the file where it is: another process listens there.
    public func close(keepingFile keepsFile: Bool = false) async {
        switch self.backing {
        case .socket(let channel):
            try? await channel.close().get()
        case .unix(let channel, let file):
            if !keepsFile { file.remove() }
            try? await channel.close().get()
        case .memory(let registration):
            registration.close()
        }
    }

    private static func setUp(
        _ channel: any Channel, _ acceptor: ConnectionAcceptor
    ) throws {
        let options = acceptor.options
        if let admits = options.admits, !admits(channel.remoteAddress) {
            throw TransportError(.closedLocally, "The peer is not admitted.")
        }
        guard let stream = acceptor.makeStream(channel.eventLoop) else {
            throw TransportError(.closedLocally, "No more connections are accepted.")
        }
        let pipeline = channel.pipeline.syncOperations
        let meter = options.traffic.map { SocketMeter($0.shard(of: channel.eventLoop)) }
        if let tls = options.tls {
            if let meter { try pipeline.addHandler(TrafficMeter(meter)) }
            try pipeline.addHandler(NIOSSLServerHandler(context: tls.context))
        }
        let driver = ConnectionDriver(stream: stream, policy: options.policy, opensAfterTLS: options.tls != nil)
        driver.meter = options.tls == nil ? meter : nil
        driver.requiredProtocol = options.tls?.applicationProtocol
        try pipeline.addHandler(driver)
    }

    /// Without descriptors or memory for a connection, the next attempt fails like this one: a loop that tried on would
    /// do nothing else. What concerns one peer only is no reason to let others wait.
    private static func acceptBackoff(_ error: IOError) -> TimeAmount? {
        switch error.errnoCode {
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: .milliseconds(100)
        default: nil
        }
    }

    /// An empty host is all addresses: IPv6 with IPv4 mapped in, or IPv4 alone where there is no IPv6.
    private static func bindTCP(
        _ bootstrap: ServerBootstrap, host: String, port: Int
    ) async throws -> any Channel {
        guard host.isEmpty else { return try await bootstrap.bind(host: host, port: port).get() }
        do {
            return try await bootstrap.bind(host: "::", port: port).get()
        } catch let error as IOError where error.errnoCode != EADDRINUSE && error.errnoCode != EACCES {
            return try await bootstrap.bind(host: "0.0.0.0", port: port).get()
        }
    }
}

extension TransportAddress {
    /// With the real port of a channel that listens there, where 0 was asked for.
    fileprivate func withPort(of channel: any Channel) -> TransportAddress {
        guard case .tcp(let host, let port) = self else { return self }
        return .tcp(host: host, port: channel.localAddress?.port ?? port)
    }
}
