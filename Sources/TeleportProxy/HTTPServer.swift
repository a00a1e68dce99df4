internal import NIOCore
internal import Synchronization
internal import Teleport
internal import TeleportEndpoint

/// Accepts HTTP connections and has a service answer their requests.
final class HTTPServer: Sendable {
    private let addresses: [TransportAddress]
    private let group: any EventLoopGroup
    private let options: ListenerOptions
    private let service: any RequestService
    private let settings: FrontSettings
    private let registry: ServerRegistry
    private let listeners = Mutex<[Listener]>([])

    init(
        addresses: [TransportAddress], group: any EventLoopGroup, options: ListenerOptions,
        service: any RequestService, settings: FrontSettings
    ) {
        self.addresses = addresses
        self.group = group
        self.options = options
        self.service = service
        self.settings = settings
        self.registry = ServerRegistry(group: group)
    }

    /// Listens at all addresses, or at none.
    func start() async throws(TransportError) -> [TransportAddress] {
        let bound = try await Listener.bind(all: self.addresses, group: self.group, options: self.options) {
            self.accept(on: $0)
        }
        self.listeners.withLock { $0 += bound }
        return bound.map(\.address)
    }

    /// Accepts nothing more, answers what was read, then closes. True if all of it was answered within `limit`.
    func shutDown(limit: TimeAmount) async -> Bool {
        let listeners = self.listeners.withLock { listeners in
            defer { listeners = [] }
            return listeners
        }
        for listener in listeners { await listener.close() }
        return await self.registry.shutDown(limit: limit)
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
            front: front, service: self.service, settings: self.settings, onClosed: { registry.ended(key) })
        front.stream.value = stream
        return stream
    }
}
