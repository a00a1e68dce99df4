public import NIOCore
internal import Synchronization

/// What is done with the connections that a ``Listener`` accepts.
public struct ConnectionAcceptor: Sendable {
    /// TLS, batching, who is admitted, and what is counted.
    public var options: ListenerOptions
    /// Called on the loop of each accepted connection for the stream to drive; `nil` closes it.
    public var makeStream: @Sendable (any EventLoop) -> (any ByteStream)?

    public init(
        options: ListenerOptions = .init(), makeStream: @escaping @Sendable (any EventLoop) -> (any ByteStream)?
    ) {
        self.options = options
        self.makeStream = makeStream
    }

    /// One that can be replaced while connections are accepted.
    final class Replaceable: Sendable {
        private let acceptor: Mutex<ConnectionAcceptor>

        init(_ acceptor: ConnectionAcceptor) { self.acceptor = Mutex(acceptor) }

        var current: ConnectionAcceptor { self.acceptor.withLock { $0 } }
        func replace(with acceptor: ConnectionAcceptor) { self.acceptor.withLock { $0 = acceptor } }
    }
}
