/// What `wrk --latency` printed.
public struct WrkReport: Sendable, Equatable {
    public var requests: Int
    public var requestsPerSecond: Double
    /// Microseconds; `nil` if it did not say.
    public var p50: Double?
    public var p99: Double?
    /// Answers that were none: other statuses than 2xx and 3xx, and what went wrong at sockets.
    public var failures: Int

    /// `nil` if it is not what wrk prints when it has run.
    public init?(parsing text: String) {
        var requests: Int?
        var rate: Double?
        self.failures = 0
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard let first = words.first else { continue }
            if words.count > 2, words[1] == "requests", words[2] == "in" {
                requests = Int(first)
            } else if first == "Requests/sec:", words.count > 1 {
                rate = Double(words[1])
            } else if first == "50%", words.count > 1 {
                self.p50 = Self.microseconds(words[1])
            } else if first == "99%", words.count > 1 {
                self.p99 = Self.microseconds(words[1])
            } else if first == "Non-2xx", let count = words.last.flatMap({ Int($0) }) {
                self.failures += count
            } else if first == "Socket" {
                // Socket errors: connect 0, read 0, write 0, timeout 3
                let numbers = words.compactMap { Int($0.last == "," ? $0.dropLast() : $0) }
                self.failures += numbers.reduce(0, +)
            }
        }
        guard let requests, let rate else { return nil }
        self.requests = requests
        self.requestsPerSecond = rate
    }

    /// 812.00us, 1.23ms, 2.00s, 1.10m.
    private static func microseconds(_ text: Substring) -> Double? {
        let units: [(String, Double)] = [("us", 1), ("ms", 1e3), ("s", 1e6), ("m", 6e7)]
        for (unit, factor) in units where text.hasSuffix(unit) {
            return Double(text.dropLast(unit.count)).map { $0 * factor }
        }
        return nil
    }
}
