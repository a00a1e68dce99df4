internal import NIOCore
internal import Teleport
internal import TeleportEndpoint

/// Chooses a server for each request, keeps to the limit, and tries again where that is safe.
final class Forwarder: RequestService {
    let upstreams: [Upstream]
    private let choice: ServerChoice
    private let timeout: TimeAmount
    private let limit: Int
    private let failures: FailureLog
    private let logsAll: Bool
    private let uploads: UploadPlaces?
    private let counts: ForwarderCounts
    /// What all bodies that are not complete are counted against, where they have to be whole.
    var gathered: GatheredBytes { self.counts.gathered }
    /// The largest bodies that are held where they have to be whole.
    let maxRequest: Int
    let maxAnswer: Int
    private let tunnelIdleTimeout: TimeAmount
    private let clientStall: (gives: TimeAmount, takes: TimeAmount)
    /// How often it is looked whether bodies move.
    let watchInterval: TimeAmount

    init(upstreams: [Upstream], weights: [Int], _ configuration: ProxyConfiguration, counts: ForwarderCounts) {
        self.upstreams = upstreams
        self.choice = ServerChoice(upstreams, weights: weights, balance: configuration.outBalance)
        self.counts = counts
        self.timeout = configuration.outTimeout
        self.limit = configuration.concurrency
        self.logsAll = configuration.logsAllErrors
        self.failures = FailureLog(logger: configuration.logger, logsAll: configuration.logsAllErrors)
        self.maxRequest = configuration.largestRequest.maxBodySize
        self.maxAnswer = configuration.outLimits.maxBodySize
        self.tunnelIdleTimeout = configuration.tunnelIdleTimeout
        self.clientStall = (configuration.inUploadStall, configuration.inDownloadStall)
        self.watchInterval = .nanoseconds(
            Swift.min(1_000_000_000, Swift.max(1_000_000, configuration.outTimeout.nanoseconds / 4)))
        // Streams of a Teleport link keep nothing from each other.
        self.uploads =
            configuration.outKind == .http
            ? UploadPlaces(
                connections: upstreams.count
                    * (configuration.outConnectionsPerAddress ?? ProxyConfiguration.defaultHTTPConnections)) : nil
    }

    /// v0 has no way to send a body whose length is not known yet, or to wait for a slow one. Whoever is not known yet is
    /// taken for v1.
    func takesStream(after bytes: Int) -> Bool {
        if let uploads = self.uploads { return uploads.admits(after: bytes) }
        return self.upstreams.contains { $0.carriesStreams != false }
    }

    /// Forwards a request. Its target gets exactly one answer, maybe before this returns.
    ///
    /// - Returns: what can be given up; `nil` if it was answered.
    @discardableResult
    func accept(_ inbound: consuming InboundRequest) -> Exchange? {
        self.counts.requests.started()
        guard self.counts.load.enter(upTo: self.limit) else {
            let response = Response.text(
                "Too many requests: the limit is \(self.limit) at the same time.\n", status: .tooManyRequests)
            self.counts.requests.failed()
            inbound.upload?.cancel()
            inbound.note?.ended(
                response.status, requestBytes: inbound.request.body.count ?? 0,
                responseBytes: response.body.count ?? 0, failure: "too_many")
            inbound.replyTo.respond(.whole(response))
            return nil
        }
        // With nothing tried yet there is always one.
        guard let upstream = self.choice.choose(except: 0) else { return nil }
        let now = NIODeadline.now()
        let deadline = self.deadline(of: inbound, now: now)
        return self.forward(consume inbound, to: upstream, deadline: deadline, now: now, attempts: .init())
    }

    private func deadline(of inbound: borrowing InboundRequest, now: NIODeadline) -> NIODeadline {
        let own = now + self.timeout
        return inbound.replyTo.deadline.map { Swift.min($0, own) } ?? own
    }

    /// Forwards a request that nobody waits for.
    func acceptOneWay(_ inbound: InboundRequest, _ responder: Responder<Response>) {
        guard let upstream = self.choice.choose(except: 0), upstream.forwardOneWay(inbound.request) else {
            self.accept(inbound)
            return
        }
        self.counts.requests.started()
        self.counts.requests.succeeded(is200: true)
        responder.respond(Response(status: .noContent))
    }

    /// Gives a failed exchange to another server, or to the same one once more, where that does no harm. False if not.
    func tryAgain(_ exchange: Exchange, after failure: ForwardingFailure) -> Bool {
        let now = NIODeadline.now()
        guard exchange.deadline > now else { return false }
        var attempts = exchange.attempts
        var isTriedAllowed = false
        if failure.isUnreachable {
            // The server has seen nothing of it, so this is no second sending.
            guard attempts.count < self.upstreams.count else { return false }
        } else {
            guard !attempts.isRetry, exchange.isReplayable, failure.permitsRetry(of: exchange.request.method) else {
                return false
            }
            guard self.counts.takeRetry(now: now) else { return false }
            attempts.isRetry = true
            isTriedAllowed = true
        }
        guard let upstream = self.choice.choose(except: attempts.tried) ?? (isTriedAllowed ? exchange.upstream : nil)
        else {
            return false
        }
        self.forward(
            InboundRequest(
                request: exchange.request, upload: exchange.upload, replyTo: exchange.replyTo, note: exchange.note),
            to: upstream, deadline: exchange.deadline, now: now, attempts: attempts, after: exchange)
        return true
    }

    /// More of the request's body was gathered: it goes on, with all of its time.
    func goOn(_ exchange: Exchange, as inbound: InboundRequest) {
        exchange.upstream.left()
        var attempts = exchange.attempts
        attempts.tried &= ~exchange.upstream.bit
        attempts.count -= 1
        // The one that it comes from, at least.
        let upstream = self.choice.choose(except: attempts.tried) ?? exchange.upstream
        let now = NIODeadline.now()
        self.forward(
            inbound, to: upstream, deadline: self.deadline(of: inbound, now: now), now: now, attempts: attempts,
            after: exchange, isGathered: true)
    }

    @discardableResult
    private func forward(
        _ inbound: consuming InboundRequest, to upstream: Upstream, deadline: NIODeadline, now: NIODeadline,
        attempts: Exchange.Attempts, after predecessor: Exchange? = nil, isGathered: Bool = false
    ) -> Exchange {
        var attempts = attempts
        attempts.count += 1
        attempts.tried |= upstream.bit
        if inbound.request.head.version == .http10 { Self.addHost(to: &inbound.request, for: upstream) }
        let gathers = !isGathered && self.gathersFirst(inbound, for: upstream)
        let holdsPlace = self.uploads != nil && inbound.upload != nil && !gathers && !inbound.request.opensTunnel
        if holdsPlace { self.uploads?.entered() }
        let exchange = Exchange(
            consume inbound, deadline: deadline, upstream: upstream, forwarder: self, attempts: attempts,
            holdsPlace: holdsPlace, now: now, startedAt: predecessor?.startedAt)
        upstream.took()
        if let predecessor {
            if predecessor.holdsPlace { self.uploads?.left() }
            predecessor.isSuperseded(by: exchange)
        }
        if gathers {
            exchange.gatherUpload { self.uploads?.admits(after: $0) ?? false }
        } else {
            upstream.forward(exchange, waits: self.upstreams.count == 1)
        }
        return exchange
    }

    /// Whether more of a body that is still coming has to be here before this server can be given the request.
    private func gathersFirst(_ inbound: borrowing InboundRequest, for upstream: Upstream) -> Bool {
        // Of a tunnel nothing comes before it is granted.
        guard let upload = inbound.upload, !inbound.request.opensTunnel else { return false }
        // HTTP connections of clients ask before.
        if let uploads = self.uploads { return inbound.replyTo.isTeleport && !uploads.admits(after: upload.flow.held) }
        return upstream.carriesStreams == false
    }

    /// Which sides of an exchange nobody else watches; `nil` if there is none.
    func watchLimits(server: Upstream, client: ReplyTarget) -> StreamWatch.Limits? {
        guard server.isTeleport || client.isTeleport else { return nil }
        return StreamWatch.Limits(
            server: server.isTeleport ? self.timeout : nil,
            clientGives: client.isTeleport ? self.clientStall.gives : nil,
            clientTakes: client.isTeleport ? self.clientStall.takes : nil)
    }

    // MARK: Ends

    /// An exchange has its answer.
    func succeeded(_ exchange: Exchange, _ status: Status, bytes: Int, now: NIODeadline) {
        self.leave(exchange)
        self.counts.requests.succeeded(is200: status == .ok)
        self.timed(exchange, status, now: now)
        guard let note = exchange.note else { return }
        self.note(note, exchange, status, bytes, nil)
    }

    /// An exchange ended without an answer, or without all of it.
    func failed(_ exchange: Exchange, _ status: Status, bytes: Int, _ failure: ForwardingFailure) {
        self.leave(exchange)
        if case .timedOut = failure.kind { self.counts.requests.timedOut() } else { self.counts.requests.failed() }
        self.timed(exchange, status, now: .now())
        // Clients leave all the time, and nobody can do anything about it.
        if !failure.isClients || self.logsAll {
            self.failures.failed(
                kind: failure.word, upstream: "\(exchange.upstream.address)", cause: "\(failure.cause)")
        }
        guard let note = exchange.note else { return }
        self.note(note, exchange, status, bytes, failure.word)
    }

    /// The time of its request is over: how long a tunnel lives says nothing about anybody.
    func tunnelOpened(_ exchange: Exchange, _ status: Status, upload: BodyPipe, download: BodyPipe) {
        self.timed(exchange, status, now: .now())
        Tunnel(
            exchange, status, upload: upload, download: download, idleTimeout: self.tunnelIdleTimeout,
            counts: self.counts.tunnels
        ).begin()
    }

    func tunnelEnded(_ exchange: Exchange, _ status: Status, bytes: Int, because failure: String?) {
        self.leave(exchange)
        self.counts.requests.succeeded(is200: status == .ok)
        if let note = exchange.note { self.note(note, exchange, status, bytes, failure) }
    }

    private func timed(_ exchange: Exchange, _ status: Status, now: NIODeadline) {
        self.counts.durations.record(exchange.request.method, status, now - exchange.startedAt)
    }

    private func leave(_ exchange: Exchange) {
        self.counts.load.leave()
        if exchange.holdsPlace { self.uploads?.left() }
    }

    private func note(
        _ note: RequestNote, _ exchange: Exchange, _ status: Status, _ bytes: Int, _ failure: String?
    ) {
        note.ended(
            status, requestBytes: exchange.upload?.total ?? exchange.request.body.count ?? 0, responseBytes: bytes,
            upstream: "\(exchange.upstream.address)", attempts: exchange.attempts.count, failure: failure)
    }

    func upstreamStatistics(now: NIODeadline) -> [UpstreamStatistics] { self.choice.statistics(now: now) }

    /// Whether there is a server that may be asked.
    func hasServers(now: NIODeadline) -> Bool { self.choice.hasServers(now: now) }

    /// HTTP/1.0 clients may send no `Host`; everything behind needs one.
    private static func addHost(to request: inout Request, for upstream: Upstream) {
        guard !request.fields.contains(.host) else { return }
        try? request.fields.append(.host, upstream.address.hostField)
    }
}

extension TransportAddress {
    /// The address as the value of a `Host` field.
    var hostField: String {
        switch self {
        case .tcp: self.description
        case .unix, .memory: "localhost"
        }
    }
}
