internal import Histogram
internal import NIOCore
internal import Synchronization
internal import Teleport

/// What the live page shows: a moment each second, of the last ten minutes.
final class LiveSampler: Sendable {
    static let interval = Duration.seconds(1)
    static let capacity = 600

    private struct State: Sendable {
        var samples: CircularBuffer<LiveSample> = []
        /// How many there ever were.
        var count = 0
        /// The upstreams at the last moment.
        var upstreams: [UpstreamStatistics] = []
    }

    private let statistics: @Sendable () -> ProxyStatistics
    private let durations: RequestDurations
    private let state = Mutex(State())

    init(statistics: @escaping @Sendable () -> ProxyStatistics, durations: RequestDurations) {
        self.statistics = statistics
        self.durations = durations
    }

    /// Takes a moment each second, until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            self.take()
            try? await Task.sleep(for: Self.interval)
        }
    }

    func take() {
        let statistics = self.statistics()
        let recent = self.durations.takeRecent()
        self.state.withLock { state in
            state.count += 1
            state.samples.append(LiveSample(number: state.count, statistics, recent))
            if state.samples.count > Self.capacity { state.samples.removeFirst() }
            state.upstreams = statistics.upstreams
        }
    }

    /// The moments behind the one with that number, and the servers now, as JSON.
    func json(after number: Int) -> String {
        let (samples, upstreams) = self.state.withLock { state in
            // Whoever has later ones has them of a process that was here before.
            (number > state.count ? Array(state.samples) : state.samples.filter { $0.number > number }, state.upstreams)
        }
        return """
            {"samples":[\(samples.map(\.json).joined(separator: ","))],\
            "upstreams":[\(upstreams.map(\.json).joined(separator: ","))]}
            """
    }
}

/// One moment. Counts are since the proxy was made.
struct LiveSample: Sendable {
    let number: Int
    let json: String

    init(number: Int, _ statistics: ProxyStatistics, _ recent: RequestDurations.Exact) {
        let links = statistics.clientLinks + statistics.serverLinks
        let all = statistics.clients + statistics.servers
        func milliseconds(_ percentile: Double) -> String {
            recent.totalCount == 0 ? "null" : "\(Double(recent.valueAtPercentile(percentile)) / 1000)"
        }
        self.number = number
        self.json = """
            {"n":\(number),"started":\(statistics.requestsStarted),"ok":\(statistics.requestsSucceeded),\
            "failed":\(statistics.requestsFailed + statistics.requestsTimedOut),"active":\(statistics.requestsActive),\
            "http":\(all.bytesRead + all.bytesWritten - links.bytesRead - links.bytesWritten),\
            "link":\(links.bytesRead + links.bytesWritten),"plain":\(links.plainBytesRead + links.plainBytesWritten),\
            "p50":\(milliseconds(50)),"p90":\(milliseconds(90)),"p99":\(milliseconds(99))}
            """
    }
}

extension UpstreamStatistics {
    fileprivate var json: String {
        var address = ByteBuffer()
        AccessLine.writeText(self.address, into: &address)
        return """
            {"address":\(String(buffer: address)),"weight":\(self.weight),"state":"\(self.state.rawValue)","pending":\(self.pending),\
            "answered":\(self.answered),"failed":\(self.failed),"latency":\(self.latency)}
            """
    }
}
