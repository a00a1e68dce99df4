import NIOCore
import Synchronization
import TeleportTransport

/// Keep-alive connections that send one request after another for some time, and check every answer.
final class Load: Sendable {
    /// What happened so far.
    struct Totals: Sendable {
        var requests = 0
        var sentBytes = 0
        var receivedBytes = 0
        var latencies = LatencyHistogram()
        /// From the start to the last answer.
        var seconds = 0.0
    }

    private struct State {
        var totals = Totals()
        var living: Int
        var failure: (any Error)?
    }

    let traffic: Traffic
    private let start: NIODeadline
    private let end: NIODeadline
    private let state: Mutex<State>

    private init(_ traffic: Traffic, connections: Int, seconds: Double) {
        self.traffic = traffic
        self.start = .now()
        self.end = self.start + .nanoseconds(Int64(seconds * 1e9))
        self.state = Mutex(State(living: connections))
    }

    /// Begins to send `traffic` to `address`.
    static func start(
        _ traffic: Traffic, to address: TransportAddress, connections: Int, seconds: Double
    ) -> Load {
        let load = Load(traffic, connections: connections, seconds: seconds)
        let connector = Connector(to: address)
        for number in 0..<connections {
            // Each begins somewhere else.
            let first = number * 7919 % traffic.exchanges.count
            connector.connect(on: EventLoops.shared.next()) { LoadConnection(load, first: first) }
                .whenFailure { load.failed($0) }
        }
        return load
    }

    var totals: Totals { self.state.withLock { $0.totals } }

    /// Whether all connections have had their last answer.
    ///
    /// - Throws: the first failure.
    func isOver() throws -> Bool {
        try self.state.withLock { state in
            if let failure = state.failure { throw failure }
            return state.living == 0
        }
    }

    /// Has the connections end as they get their answers, and no failure counts any more.
    func abandon() { self.failed(CancellationError()) }

    // MARK: What connections tell

    /// An answer came and was right. Whether to go on.
    func answered(sentAt: NIODeadline, sent: Int, received: Int) -> Bool {
        let now = NIODeadline.now()
        return self.state.withLock { state in
            guard state.failure == nil else { return false }
            state.totals.requests += 1
            state.totals.sentBytes += sent
            state.totals.receivedBytes += received
            state.totals.latencies.record(UInt64(Swift.max(0, (now - sentAt).nanoseconds) / 1000))
            state.totals.seconds = Double((now - self.start).nanoseconds) / 1e9
            if now < self.end { return true }
            state.living -= 1
            return false
        }
    }

    /// The first failure counts.
    func failed(_ error: any Error) {
        self.state.withLock { $0.failure = $0.failure ?? error }
    }
}
