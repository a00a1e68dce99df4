internal import Logging
internal import NIOCore
internal import Synchronization
internal import Teleport
internal import TeleportEndpoint

/// Chooses a server for each request, keeps to the limit, and tries once more where that is safe.
final class Forwarder: Sendable {
    private let upstreams: [Upstream]
    private let timeout: TimeAmount
    private let limit: Int
    private let logger: Logger
    private let inFlight = Atomic<Int>(0)
    private let turn = Turn()

    init(upstreams: [Upstream], timeout: TimeAmount, limit: Int, logger: Logger) {
        self.upstreams = upstreams
        self.timeout = timeout
        self.limit = limit
        self.logger = logger
    }

    /// Forwards a request. `replyTo` gets exactly one response, maybe before this returns.
    func forward(_ request: Request, replyTo: ReplyTarget) {
        guard self.inFlight.wrappingAdd(1, ordering: .relaxed).newValue <= self.limit else {
            self.finished()
            return replyTo.respond(
                .text("Too many requests: the limit is \(self.limit) at the same time.\n", status: .tooManyRequests))
        }
        guard request.method != .connect else {
            self.finished()
            return replyTo.respond(.text("CONNECT is not supported.\n", status: .notImplemented))
        }
        let upstream = self.leastLoaded(except: nil)
        let exchange = Exchange(
            request: self.withHost(request, for: upstream), replyTo: replyTo, deadline: .now() + self.timeout,
            upstream: upstream, forwarder: self, attempt: 0)
        upstream.forward(exchange)
    }

    /// Forwards a request that nobody waits for.
    func forwardOneWay(_ request: Request, _ responder: Responder<Response>) {
        if self.leastLoaded(except: nil).forwardOneWay(request) {
            responder.respond(Response(status: .noContent))
        } else {
            self.forward(request, replyTo: .teleport(responder))
        }
    }

    /// Tries a failed exchange again. False if there is nobody to ask or no time left.
    func retry(_ exchange: Exchange, after failure: ForwardingFailure) -> Bool {
        guard exchange.deadline > .now() else { return false }
        if failure.needsAnotherServer, self.upstreams.count < 2 { return false }
        let upstream = self.leastLoaded(except: self.upstreams.count > 1 ? exchange.upstream : nil)
        upstream.forward(
            Exchange(
                request: exchange.request, replyTo: exchange.replyTo, deadline: exchange.deadline, upstream: upstream,
                forwarder: self, attempt: exchange.attempt + 1))
        return true
    }

    /// An exchange ended for good.
    func finished() {
        self.inFlight.wrappingSubtract(1, ordering: .relaxed)
    }

    func logFailure(_ failure: ForwardingFailure, upstream: Upstream) {
        self.logger.debug(
            "forwarding failed",
            metadata: ["upstream": "\(upstream.address)", "kind": "\(failure.kind)", "cause": "\(failure.cause)"])
    }

    func shutDown(limit: TimeAmount) async {
        for upstream in self.upstreams { await upstream.shutDown(limit: limit) }
    }

    /// The server with the fewest pending requests; in turn among equals.
    private func leastLoaded(except excluded: Upstream?) -> Upstream {
        guard self.upstreams.count > 1 else { return self.upstreams[0] }
        let count = self.upstreams.count
        let start = self.turn.take(of: count)
        var best: Upstream?
        var fewest = Int.max
        for offset in 0..<count {
            let upstream = self.upstreams[(start + offset) % count]
            guard upstream !== excluded, upstream.pendingCount < fewest else { continue }
            fewest = upstream.pendingCount
            best = upstream
        }
        return best ?? self.upstreams[start]
    }

    /// HTTP/1.0 clients may send no `Host`; everything behind needs one.
    private func withHost(_ request: Request, for upstream: Upstream) -> Request {
        guard request.head.version == .http10, !request.fields.contains(.host) else { return request }
        var request = request
        try? request.fields.append(.host, upstream.address.hostField)
        return request
    }
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
