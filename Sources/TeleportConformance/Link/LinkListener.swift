internal import NIOCore
internal import NIOPosix
internal import Synchronization
internal import TeleportTransport

/// Accepts the connections of a client under test, and keeps them until a check takes one.
final class LinkListener: Sendable {
    private struct State {
        var queue: [Link] = []
        var waiter: (number: UInt64, continuation: CheckedContinuation<Void, Never>)?
        var waiters: UInt64 = 0
    }

    private let state = Mutex(State())
    private let channel: Mutex<(any Channel)?> = Mutex(nil)

    /// Where it listens; the port is the real one if 0 was asked for.
    let address: TransportAddress

    private init(address: TransportAddress) {
        self.address = address
    }

    /// - Throws: ``CannotListen``.
    static func bind(_ address: TransportAddress) async throws(CannotListen) -> LinkListener {
        let accepted = Accepted()
        let bootstrap = ServerBootstrap(group: EventLoops.shared)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                let handler = LinkHandler()
                return channel.pipeline.addHandler(handler).map {
                    accepted.listener.withLock { $0 }?.add(Link(channel: channel, handler: handler))
                }
            }
        do {
            let channel: any Channel
            let actual: TransportAddress
            switch address {
            case .tcp(let host, let port):
                channel = try await bootstrap.bind(host: host.isEmpty ? "0.0.0.0" : host, port: port).get()
                actual = .tcp(host: host, port: channel.localAddress?.port ?? port)
            case .unix(let path):
                channel = try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
                actual = address
            case .memory:
                throw TransportError(.invalidAddress, "The peer is tested over a socket.")
            }
            let listener = LinkListener(address: actual)
            listener.channel.withLock { $0 = channel }
            accepted.listener.withLock { $0 = listener }
            return listener
        } catch {
            throw CannotListen(description: "Cannot listen at \(address): \(error)")
        }
    }

    /// Where accepted connections go: known only when the socket is bound.
    private final class Accepted: Sendable {
        let listener = Mutex<LinkListener?>(nil)
    }

    private func add(_ link: Link) {
        self.state.withLock { state in
            state.queue.append(link)
            return state.waiter.take()
        }?.continuation.resume()
    }

    /// The next connection that its client has not ended yet.
    ///
    /// - Returns: `nil` if none comes in time.
    func accept(within limit: Duration) async -> Link? {
        let clock = ContinuousClock()
        let end = clock.now + limit
        while true {
            if let link = self.state.withLock({ $0.queue.isEmpty ? nil : $0.queue.removeFirst() }) {
                // One that waited for long has been given up by its client.
                if link.end == nil { return link }
                await link.close()
                continue
            }
            let left = end - clock.now
            guard left > .zero else { return nil }
            await self.wait(within: left)
        }
    }

    /// Closes the connections that nobody took.
    func dismissWaiting() async {
        for link in self.state.withLock({ state in
            defer { state.queue = [] }
            return state.queue
        }) { await link.close() }
    }

    private func wait(within limit: Duration) async {
        let number = self.state.withLock { state in
            state.waiters += 1
            return state.waiters
        }
        let timer = EventLoops.shared.any().scheduleTask(in: .nanoseconds(limit.nanoseconds)) {
            self.state.withLock { state in
                state.waiter?.number == number ? state.waiter.take() : nil
            }?.continuation.resume()
        }
        await withCheckedContinuation { continuation in
            let isReady = self.state.withLock { state in
                guard state.queue.isEmpty else { return true }
                state.waiter = (number, continuation)
                return false
            }
            if isReady { continuation.resume() }
        }
        timer.cancel()
    }

    func close() async {
        let channel = self.channel.withLock { $0.take() }
        try? await channel?.close().get()
        await self.dismissWaiting()
    }
}

/// The address to listen at cannot be had.
public struct CannotListen: Error, Sendable, CustomStringConvertible {
    /// What the operating system said, in a sentence.
    public let description: String
}
