internal import NIOCore
internal import Teleport
internal import TeleportEndpoint

/// A request that was read from a client and may be forwarded.
struct InboundRequest: Sendable {
    var request: Request
    /// The body, if it is still coming.
    var upload: BodyPipe?
    let replyTo: ReplyTarget
    let note: RequestNote?
}

/// Who answers the requests of an HTTP connection.
protocol RequestService: AnyObject, Sendable {
    /// Whether it takes a request of which so many bytes of the body are here, and the rest is still coming; else more is
    /// gathered first.
    func takesStream(after bytes: Int) -> Bool
    /// Answers, exactly once, maybe before this returns.
    func accept(_ request: InboundRequest)
}

/// Chooses a server for each request, keeps to the limit, and tries again where that is safe.
final class Forwarder: RequestService {
    private let upstreams: [Upstream]
    private let timeout: TimeAmount
    private let limit: Int
    private let load: RequestLoad
    private let failures: FailureLog
    private let logsAll: Bool
    private let turn = Turn()
    private let uploads: UploadPlaces?
    let counters = RequestCounters()

    init(upstreams: [Upstream], _ configuration: ProxyConfiguration) {
        self.upstreams = upstreams
        self.timeout = configuration.outTimeout
        self.limit = configuration.concurrency
        self.load = RequestLoad(limit: configuration.concurrency)
        self.logsAll = configuration.logsAllErrors
        self.failures = FailureLog(logger: configuration.logger, logsAll: configuration.logsAllErrors)
        // Protocol v0 has no way to send a body whose length is not known yet, or to wait for a slow one.
        self.uploads =
            configuration.outKind == .http
            ? UploadPlaces(
                connections: upstreams.count
                    * (configuration.outConnectionsPerAddress ?? ProxyConfiguration.defaultHTTPConnections)) : nil
    }

    func takesStream(after bytes: Int) -> Bool { self.uploads?.admits(after: bytes) ?? false }

    /// Forwards a request. Its target gets exactly one answer, maybe before this returns.
    func accept(_ inbound: InboundRequest) {
        self.counters.started()
        guard self.load.enter() else {
            let response = Response.text(
                "Too many requests: the limit is \(self.limit) at the same time.\n", status: .tooManyRequests)
            self.counters.failed()
            inbound.upload?.cancel()
            inbound.note?.ended(
                response.status, requestBytes: inbound.request.body.count ?? 0,
                responseBytes: response.body.count ?? 0, failure: "too_many")
            return inbound.replyTo.respond(.whole(response))
        }
        if inbound.upload != nil { self.uploads?.entered() }
        self.forward(inbound, deadline: .now() + self.timeout, attempts: .init())
    }

    /// Forwards a request that nobody waits for.
    func acceptOneWay(_ inbound: InboundRequest, _ responder: Responder<Response>) {
        guard let upstream = self.choose(except: 0), upstream.forwardOneWay(inbound.request) else {
            return self.accept(inbound)
        }
        self.counters.started()
        self.counters.succeeded(is200: true)
        responder.respond(Response(status: .noContent))
    }

    /// Gives a failed exchange to another server, or to the same one once more, where that does no harm. False if not.
    func tryAgain(_ exchange: Exchange, after failure: ForwardingFailure) -> Bool {
        guard exchange.deadline > .now() else { return false }
        var attempts = exchange.attempts
        var isTriedAllowed = false
        if failure.isUnreachable {
            // The server has seen nothing of it, so this is no second sending.
            guard attempts.count < self.upstreams.count else { return false }
        } else {
            guard !attempts.isRetry, exchange.upload == nil, failure.permitsRetry(of: exchange.request.method) else {
                return false
            }
            attempts.isRetry = true
            isTriedAllowed = true
        }
        guard let upstream = self.choose(except: attempts.tried) ?? (isTriedAllowed ? exchange.upstream : nil) else {
            return false
        }
        self.forward(
            InboundRequest(
                request: exchange.request, upload: exchange.upload, replyTo: exchange.replyTo, note: exchange.note),
            to: upstream, deadline: exchange.deadline, attempts: attempts)
        return true
    }

    private func forward(_ inbound: InboundRequest, deadline: NIODeadline, attempts: Exchange.Attempts) {
        // With nothing tried yet there is always one.
        guard let upstream = self.choose(except: 0) else { return }
        self.forward(inbound, to: upstream, deadline: deadline, attempts: attempts)
    }

    private func forward(
        _ inbound: InboundRequest, to upstream: Upstream, deadline: NIODeadline, attempts: Exchange.Attempts
    ) {
        var attempts = attempts
        attempts.count += 1
        attempts.tried |= upstream.bit
        upstream.forward(
            Exchange(
                request: Self.withHost(inbound.request, for: upstream), upload: inbound.upload,
                replyTo: inbound.replyTo, deadline: deadline, upstream: upstream, forwarder: self, attempts: attempts,
                note: inbound.note))
    }

    // MARK: Ends

    /// An exchange has its answer.
    func succeeded(_ exchange: Exchange, _ status: Status, bytes: Int) {
        self.leave(exchange)
        self.counters.succeeded(is200: status == .ok)
        guard let note = exchange.note else { return }
        self.note(note, exchange, status, bytes, nil)
    }

    /// An exchange ended without an answer, or without all of it.
    func failed(_ exchange: Exchange, _ status: Status, bytes: Int, _ failure: ForwardingFailure) {
        self.leave(exchange)
        if case .timedOut = failure.kind { self.counters.timedOut() } else { self.counters.failed() }
        // Clients leave all the time, and nobody can do anything about it.
        if !failure.isClientGone || self.logsAll {
            self.failures.failed(
                kind: failure.word, upstream: "\(exchange.upstream.address)", cause: "\(failure.cause)")
        }
        guard let note = exchange.note else { return }
        self.note(note, exchange, status, bytes, failure.word)
    }

    private func leave(_ exchange: Exchange) {
        self.load.leave()
        if exchange.upload != nil { self.uploads?.left() }
    }

    private func note(
        _ note: RequestNote, _ exchange: Exchange, _ status: Status, _ bytes: Int, _ failure: String?
    ) {
        note.ended(
            status, requestBytes: exchange.upload?.total ?? exchange.request.body.count ?? 0, responseBytes: bytes,
            upstream: "\(exchange.upstream.address)", attempts: exchange.attempts.count, failure: failure)
    }

    func shutDown(limit: TimeAmount) async {
        for upstream in self.upstreams { await upstream.shutDown(limit: limit) }
    }

    // MARK: Choosing

    /// The server with the fewest pending requests, the quicker one among equals, in turn among those that are equal in
    /// that too. Ones that were set aside are passed over unless all were; then it is the one to be tried again first.
    ///
    /// - Parameter tried: servers not to be chosen.
    private func choose(except tried: UInt64) -> Upstream? {
        guard self.upstreams.count > 1 else {
            return self.upstreams.first.flatMap { tried & $0.bit == 0 ? $0 : nil }
        }
        let now = NIODeadline.now()
        let count = self.upstreams.count
        let start = self.turn.take(of: count)
        var best: (upstream: Upstream, load: (Int, Int))?
        for offset in 0..<count {
            let upstream = self.upstreams[(start + offset) % count]
            guard tried & upstream.bit == 0 else { continue }
            switch upstream.standing(now: now) {
            case .trusted:
                let load = (upstream.pendingCount, upstream.slowness(now: now))
                if best.map({ load < $0.load }) ?? true { best = (upstream, load) }
            case .onTrial where upstream.takeTrial(now: now):
                return upstream
            case .onTrial, .aside:
                continue
            }
        }
        return best?.upstream ?? self.soonest(except: tried)
    }

    private func soonest(except tried: UInt64) -> Upstream? {
        self.upstreams.filter { tried & $0.bit == 0 }.min { $0.setAsideUntil < $1.setAsideUntil }
    }

    /// HTTP/1.0 clients may send no `Host`; everything behind needs one.
    private static func withHost(_ request: Request, for upstream: Upstream) -> Request {
        guard request.head.version == .http10, !request.fields.contains(.host) else { return request }
        var request = request
        try? request.fields.append(.host, upstream.address.hostField)
        return request
    }
}

extension Upstream {
    /// Its bit in ``Exchange/Attempts/tried``; servers beyond the 64th share the last.
    var bit: UInt64 { 1 << UInt64(Swift.min(self.index, 63)) }
}

extension TransportAddress {
    /// The address as the value of a `Host` field.
    var hostField: String {
        switch self {
        case .tcp: self.description
        case .unix: "localhost"
        }
    }
}
