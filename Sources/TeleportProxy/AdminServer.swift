public import NIOCore
internal import Synchronization
public import Teleport

/// Shows what a proxy does, over HTTP: `/`, a live page; `/metrics` with all that is counted; `/expvar` and `/prometheus` with
/// the counters of the reference's `httptp`; `/healthz` and `/readyz` for whoever decides where requests go.
///
/// Whoever can connect can read; listen where only those can who may.
public final class AdminServer: Sendable {
    private let address: TransportAddress
    private let group: any EventLoopGroup
    private let server: HTTPServer
    private let listener = Mutex<Listener?>(nil)
    private let sampler: LiveSampler
    private let sampling = Mutex<Task<Void, Never>?>(nil)

    /// - Parameters:
    ///   - address: where to listen.
    ///   - proxy: what to show.
    ///   - group: the loops that connections live on.
    public init(at address: TransportAddress, of proxy: Proxy, group: any EventLoopGroup = EventLoops.shared) {
        self.sampler = LiveSampler(statistics: { proxy.statistics }, durations: proxy.counts.durations)
        let pages = AdminPages(
            statistics: { proxy.statistics }, readiness: { proxy.readiness }, sampler: self.sampler)
        self.address = address
        self.group = group
        self.server = HTTPServer(
            group: group, options: ListenerOptions(readSizes: .many), service: PageService(pages: pages),
            settings: FrontSettings(
                FrontConfiguration(.http, at: [address]), gathered: GatheredBytes(limit: 1 << 20)))
    }

    /// Listens, and answers from now on.
    ///
    /// - Parameter inherited: sockets that are there already: the one that listens at its address is used.
    /// - Returns: the address, with the real port if 0 was asked for.
    /// - Throws: ``TransportError`` `.bindFailed`.
    @discardableResult
    public func start(inheriting inherited: InheritedSockets? = nil) async throws(TransportError) -> TransportAddress {
        let listener = try await Listener.bind(
            self.address, group: self.group, accepting: self.server.acceptor, inheriting: inherited)
        self.listener.withLock { $0 = listener }
        self.sampling.withLock { $0 = Task { [sampler] in await sampler.run() } }
        return listener.address
    }

    /// A descriptor of the socket that it listens at, for a process that is to take its place; `nil` if it does not listen.
    ///
    /// - Throws: ``TransportError`` `.bindFailed`.
    public func listeningSocket() async throws(TransportError) -> InheritedSockets.Socket? {
        guard let listener = self.listener.withLock({ $0 }) else { return nil }
        return try await listener.duplicate(named: self.address)
    }

    /// Answers what was read, then closes.
    ///
    /// - Parameter isHandedOver: somebody else listens at the same socket.
    public func shutDown(handedOver isHandedOver: Bool = false) async {
        self.sampling.withLock { $0.take() }?.cancel()
        await self.listener.withLock { $0.take() }?.close(keepingFile: isHandedOver)
        if isHandedOver { try? await Task.sleep(for: Proxy.settling) }
        _ = await self.server.shutDown(limit: .seconds(1))
    }
}

/// Answers with pages.
private final class PageService: RequestService {
    private let pages: AdminPages

    init(pages: AdminPages) { self.pages = pages }

    func takesStream(after bytes: Int) -> Bool { false }

    func accept(_ request: consuming InboundRequest) -> Exchange? {
        request.replyTo.respond(.whole(self.pages.response(to: request.request)))
        return nil
    }
}
