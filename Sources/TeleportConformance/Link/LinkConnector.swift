internal import NIOCore
internal import NIOPosix
internal import TeleportTransport

/// Makes connections to a server under test.
struct LinkConnector: Sendable {
    let address: TransportAddress
    let timeout: Duration

    /// A connection, plain as yet.
    ///
    /// - Parameter receiveBuffer: bytes that the operating system may hold unread; `nil` leaves that to it.
    /// - Throws: ``Unreachable``.
    func connect(receiveBuffer: Int? = nil) async throws(Unreachable) -> Link {
        let handler = LinkHandler()
        var bootstrap = ClientBootstrap(group: EventLoops.shared)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connectTimeout(.nanoseconds(self.timeout.nanoseconds))
            .channelInitializer { $0.pipeline.addHandler(handler) }
        if self.address.host != nil { bootstrap = bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1) }
        if let receiveBuffer {
            bootstrap = bootstrap.channelOption(
                .socketOption(.so_rcvbuf), value: SocketOptionValue(receiveBuffer))
        }
        do {
            let channel =
                switch self.address {
                case .tcp(let host, let port):
                    try await bootstrap.connect(host: host.isEmpty ? "localhost" : host, port: port).get()
                case .unix(let path):
                    try await bootstrap.connect(unixDomainSocketPath: path).get()
                case .memory:
                    throw TransportError(.invalidAddress, "The peer is tested over a socket.")
                }
            return Link(channel: channel, handler: handler)
        } catch {
            throw Unreachable(address: self.address, error: error)
        }
    }
}

/// Nothing could be reached at an address.
public struct Unreachable: Error, Sendable, CustomStringConvertible {
    /// What is there, or is not, in a sentence.
    public let description: String

    init(address: TransportAddress, error: any Error) {
        let failures = (error as? NIOConnectionError)?.connectionErrors.map(\.error) ?? [error]
        let codes = failures.compactMap { ($0 as? IOError)?.errnoCode }
        if codes.contains(ECONNREFUSED) || codes.contains(ENOENT) {
            self.description = "Nothing listens at \(address)."
        } else if let error = error as? ChannelError, case .connectTimeout = error {
            self.description = "Nothing answers at \(address)."
        } else {
            self.description = "Cannot connect to \(address): \(failures.first ?? error)"
        }
    }
}
