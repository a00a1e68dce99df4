import Histogram

/// What a run measured, per request, both ends together unless said otherwise.
struct Result {
    var requestsPerSecond = 0.0
    /// CPU of the whole process, in microseconds.
    var cpu = 0.0
    /// CPU of the client's loop and of the server's; `nil` when callers and handlers run on the pool, which both share.
    var clientCPU: Double?
    var serverCPU: Double?
    /// Nanoseconds.
    var histogram = Histogram<UInt64>(highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)
    var wireBytes = (request: 0.0, response: 0.0)
    var allocations = 0.0
    var residentBytes = 0

    private func latency(_ percentile: Double) -> Double {
        Double(self.histogram.valueAtPercentile(percentile)) / 1000
    }

    /// One object; the names are stable.
    func json(_ options: EndToEnd) -> String {
        """
        {"wire":"\(options.wire)","payload":"\(options.payload)","codec":"\(options.codec)",\
        "placement":"\(options.placement)","in_flight":\(options.inFlight),"connections":\(options.connections),\
        "batch_delay_us":\(options.batchDelay),"seconds":\(options.seconds),\
        "requests_per_second":\(Self.number(self.requestsPerSecond)),\
        "cpu_us_per_request":\(Self.number(self.cpu)),\
        "cpu_us_per_request_client":\(self.clientCPU.map(Self.number) ?? "null"),\
        "cpu_us_per_request_server":\(self.serverCPU.map(Self.number) ?? "null"),\
        "latency_us":{"p50":\(Self.number(self.latency(50))),"p99":\(Self.number(self.latency(99))),\
        "p999":\(Self.number(self.latency(99.9)))},\
        "wire_bytes_per_request":{"request":\(Self.number(self.wireBytes.request)),\
        "response":\(Self.number(self.wireBytes.response))},\
        "allocations_per_request":\(Self.number(self.allocations)),\
        "resident_bytes":\(self.residentBytes),"floor_ratio":null}
        """
    }

    func text(_ options: EndToEnd) -> String {
        """
        \(options.payload), \(options.codec), \(options.inFlight) in flight on \(options.connections) connection(s), \
        \(options.placement)
          requests/s             \(Self.number(self.requestsPerSecond))
          CPU µs/request         \(Self.number(self.cpu)) (client \(self.clientCPU.map(Self.number) ?? "–"), \
        server \(self.serverCPU.map(Self.number) ?? "–"))
          latency µs             p50 \(Self.number(self.latency(50))), p99 \(Self.number(self.latency(99))), \
        p99.9 \(Self.number(self.latency(99.9)))
          bytes/request          \(Self.number(self.wireBytes.request)) sent, \
        \(Self.number(self.wireBytes.response)) received
          allocations/request    \(Self.number(self.allocations))
          resident bytes         \(self.residentBytes)
        """
    }

    /// Two digits behind the point.
    static func number(_ value: Double) -> String {
        let hundredths = (value * 100).rounded()
        guard hundredths.isFinite, abs(hundredths) < 1e15 else { return "null" }
        let whole = Int(hundredths) / 100
        let rest = abs(Int(hundredths) % 100)
        return "\(whole).\(rest < 10 ? "0" : "")\(rest)"
    }
}
