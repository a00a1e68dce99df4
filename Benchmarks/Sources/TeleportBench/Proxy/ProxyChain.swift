import TeleportReport

/// wrk, some proxies, and the origin behind them.
struct ProxyChain: Sendable {
    /// What stands between wrk and the origin, for people and for JSON.
    let name: String
    /// Where wrk connects.
    let port: Int
    /// In the order of the way.
    let proxies: [ChildProcess]
    /// What tells it from another one that goes the same way.
    var note: String?

    /// The way of a request.
    var path: String {
        let programs = self.proxies.map { String($0.name.prefix { $0 != " " }) }
        return (["wrk"] + programs + ["nginx"]).joined(separator: " → ") + (self.note.map { ", \($0)" } ?? "")
    }
}

/// What a round of one chain measured, for each request.
struct ProxyFigures: Sendable {
    var requestsPerSecond: Double
    /// Microseconds.
    var p50: Double
    var p99: Double
    /// CPU microseconds of each proxy, of the origin and of wrk.
    var proxies: [Double]
    var origin: Double
    var wrk: Double
    /// Of each proxy, in bytes.
    var residentBytes: [Double]

    var cpu: Double { self.proxies.reduce(0, +) }

    /// Each figure's own median.
    init(medianOf rounds: [ProxyFigures]) {
        func median(_ value: (ProxyFigures) -> Double) -> Double { Median.of(rounds.map(value)) }
        let count = rounds.first?.proxies.count ?? 0
        self.init(
            requestsPerSecond: median(\.requestsPerSecond), p50: median(\.p50), p99: median(\.p99),
            proxies: (0..<count).map { index in median { $0.proxies[index] } }, origin: median(\.origin),
            wrk: median(\.wrk), residentBytes: (0..<count).map { index in median { $0.residentBytes[index] } })
    }

    init(
        requestsPerSecond: Double, p50: Double, p99: Double, proxies: [Double], origin: Double, wrk: Double,
        residentBytes: [Double]
    ) {
        self.requestsPerSecond = requestsPerSecond
        self.p50 = p50
        self.p99 = p99
        self.proxies = proxies
        self.origin = origin
        self.wrk = wrk
        self.residentBytes = residentBytes
    }
}
