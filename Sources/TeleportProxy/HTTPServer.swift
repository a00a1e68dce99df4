internal import NIOCore
internal import Teleport
internal import TeleportEndpoint

/// Serves HTTP connections that somebody accepts: has a service answer their requests.
final class HTTPServer: Sendable {
    private let options: ListenerOptions
    private let service: any RequestService
    private let settings: FrontSettings
    private let registry: ServerRegistry

    init(
        group: any EventLoopGroup, options: ListenerOptions, service: any RequestService, settings: FrontSettings
    ) {
        self.options = options
        self.service = service
        self.settings = settings
        self.registry = ServerRegistry(group: group)
    }

    /// What listeners do with connections for it.
    var acceptor: ConnectionAcceptor {
        ConnectionAcceptor(options: self.options) { self.makeStream(on: $0) }
    }

    /// Connections that are open now.
    var connectionCount: Int { self.registry.count }

    /// Answers what was read, then closes. True if all of it was answered within `limit`.
    func shutDown(limit: TimeAmount) async -> Bool { await self.registry.shutDown(limit: limit) }

    /// Closes each connection with its next answer, which says so: no request can be on its way then.
    func retire() { self.registry.retire() }

    private func makeStream(on eventLoop: any EventLoop) -> (any ByteStream)? {
        let front = HTTPFront(eventLoop: eventLoop)
        let key = ObjectIdentifier(front)
        let registry = self.registry
        let isAccepted = registry.started(
            key,
            .init(
                drain: { eventLoop.execute { front.stream.value?.drain() } },
                retire: { eventLoop.execute { front.stream.value?.retire() } },
                closeNow: { eventLoop.execute { front.stream.value?.closeNow() } }))
        guard isAccepted else { return nil }
        let stream = HTTPFrontStream(
            front: front, service: self.service, settings: self.settings, onClosed: { registry.ended(key) })
        front.stream.value = stream
        return stream
    }
}
