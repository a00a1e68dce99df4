internal import Teleport

/// Whether a proxy takes requests, for whoever decides to send it some.
public enum ProxyReadiness: Sendable, Hashable {
    /// It does.
    case ready
    /// It does not listen yet.
    case starting
    /// It was told to stop, and only answers what it has read.
    case draining
    /// Every server behind it fails, and is set aside for now. Requests that come all the same are tried.
    case withoutServers
}

/// The pages of the admin address: `/healthz` and `/readyz` here, the live page in ``LivePage``, those with numbers in
/// ``MetricsPages``.
///
/// `/healthz` is 200 as long as the process answers. `/readyz` is 200 while it takes requests, and otherwise 503 with the
/// reason.
final class AdminPages: Sendable {
    private let metrics: MetricsPages
    private let readiness: @Sendable () -> ProxyReadiness
    private let sampler: LiveSampler

    /// - Parameters:
    ///   - statistics: called for each page with numbers.
    ///   - readiness: called for each `/readyz`.
    ///   - sampler: what the live page shows.
    init(
        statistics: @escaping @Sendable () -> ProxyStatistics, readiness: @escaping @Sendable () -> ProxyReadiness,
        sampler: LiveSampler
    ) {
        self.sampler = sampler
        self.metrics = MetricsPages(statistics: statistics)
        self.readiness = readiness
    }

    /// Answers a request: 404 that names the pages for other paths, 405 for methods other than `GET` and `HEAD`.
    ///
    /// The answer to `HEAD` has the body of the answer to `GET`; the connection leaves it out (RFC 9110 §9.3.2).
    func response(to request: Request) -> Response {
        let (path, query) = Self.split(request.target)
        let page: () -> Response
        switch path {
        case "/expvar": page = { self.metrics.expvar(query) }
        case "/prometheus": page = { self.metrics.prometheus() }
        case "/metrics": page = { self.metrics.openMetrics() }
        case "/": page = { LivePage.response }
        case "/live.json": page = { self.live(query) }
        case "/healthz": page = { Self.status("ok\n") }
        case "/readyz": page = { Self.page(of: self.readiness()) }
        default: return .text("The pages are /, /metrics, /prometheus, /expvar, /healthz and /readyz.\n", status: 404)
        }
        guard request.method == .get || request.method == .head else {
            var refusal = Response.text("Only GET and HEAD are supported.\n", status: 405)
            // A literal: never refused.
            try? refusal.fields.append(.allow, "GET, HEAD")
            return refusal
        }
        return page()
    }

    /// `?after=N` leaves out what the page has.
    private func live(_ query: Substring) -> Response {
        let number = query.hasPrefix("after=") ? Int(query.dropFirst("after=".count)) ?? 0 : 0
        return Response(
            fields: ["Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"],
            body: Body(self.sampler.json(after: number)))
    }

    private static func page(of readiness: ProxyReadiness) -> Response {
        switch readiness {
        case .ready: self.status("ready\n")
        case .starting: self.status("not listening yet\n", 503)
        case .draining: self.status("draining\n", 503)
        case .withoutServers: self.status("every server behind fails\n", 503)
        }
    }

    /// What is true now, and maybe not any more a moment later.
    private static func status(_ text: String, _ status: Status = .ok) -> Response {
        var response = Response.text(text, status: status)
        // A literal: never refused.
        try? response.fields.append("Cache-Control", "no-store")
        return response
    }

    /// The path and the query of a target in origin form or absolute form (RFC 9112 §3.2).
    private static func split(_ target: String) -> (path: Substring, query: Substring) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var path = parts[0]
        if !path.hasPrefix("/") {
            // Behind the scheme, two slashes and the authority.
            let pieces = path.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
            let isAbsolute = pieces.count == 4 && pieces[0].hasSuffix(":") && pieces[1].isEmpty
            path = isAbsolute ? path[path.index(before: pieces[3].startIndex)...] : ""
        }
        return (path, parts.count > 1 ? parts[1] : "")
    }
}
