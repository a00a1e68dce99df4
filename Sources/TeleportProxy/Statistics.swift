internal import Synchronization
public import Teleport

/// What a proxy has done since it was made.
public struct ProxyStatistics: Sendable, Hashable {
    /// Connections with clients and what went over them.
    public var clients: Traffic
    /// Connections with the servers behind and what went over them.
    public var servers: Traffic
    /// Requests that were read.
    public var requestsStarted: Int
    /// Those that a server answered, whatever the status.
    public var requestsSucceeded: Int
    /// Those of them with another status than 200.
    public var requestsNon200: Int
    /// Those that no server answered in time.
    public var requestsTimedOut: Int
    /// Those that have no answer of a server for another reason.
    public var requestsFailed: Int
    /// Of ``clients``, those that are Teleport links.
    public var clientLinks = Traffic()
    /// Of ``servers``, those that are Teleport links.
    public var serverLinks = Traffic()
    /// Requests that are under way now.
    public var requestsActive = 0
    /// Requests that were sent a second time.
    public var retries = 0
    /// Those that were not, for want of budget.
    public var retriesDenied = 0
    /// Tunnels.
    public var tunnels = TunnelStatistics()
    /// How long requests took, by method and status.
    public var durations: [DurationClass] = []
    /// The servers behind, in the order of the configuration.
    public var upstreams: [UpstreamStatistics] = []

    public init(
        clients: Traffic, servers: Traffic, requestsStarted: Int = 0, requestsSucceeded: Int = 0,
        requestsNon200: Int = 0, requestsTimedOut: Int = 0, requestsFailed: Int = 0
    ) {
        self.clients = clients
        self.servers = servers
        self.requestsStarted = requestsStarted
        self.requestsSucceeded = requestsSucceeded
        self.requestsNon200 = requestsNon200
        self.requestsTimedOut = requestsTimedOut
        self.requestsFailed = requestsFailed
    }
}

/// Counts requests, from any thread, for ``ProxyStatistics``.
///
/// Threads count in shards of their own, as far as there are enough, so that event loops write to no line of the cache
/// that another one writes to. Only reading walks through all of them.
public final class RequestCounters: Sendable {
    private final class Shard: Sendable {
        let started = Atomic<Int>(0)
        let succeeded = Atomic<Int>(0)
        let non200 = Atomic<Int>(0)
        let timedOut = Atomic<Int>(0)
        let failed = Atomic<Int>(0)
        /// Keeps the counters of the next object at least a pair of 64-byte lines away: processors fetch them in pairs.
        let padding = InlineArray<16, Int>(repeating: 0)
    }

    /// A power of two.
    private static let shardBits = 4
    private let shards = (0..<1 << RequestCounters.shardBits).map { _ in Shard() }

    public init() {}

    /// Requests that were read, in all.
    var total: Int { self.shards.reduce(0) { $0 + $1.started.load(ordering: .relaxed) } }

    /// A request was read.
    public func started() { self.shard.started.wrappingAdd(1, ordering: .relaxed) }

    /// A server answered it.
    ///
    /// - Parameter is200: whether the status is 200.
    public func succeeded(is200: Bool) {
        let shard = self.shard
        shard.succeeded.wrappingAdd(1, ordering: .relaxed)
        if !is200 { shard.non200.wrappingAdd(1, ordering: .relaxed) }
    }

    /// No server answered it in time.
    public func timedOut() { self.shard.timedOut.wrappingAdd(1, ordering: .relaxed) }

    /// It has no answer of a server for another reason.
    public func failed() { self.shard.failed.wrappingAdd(1, ordering: .relaxed) }

    /// The sums, as they are about now, with the traffic given.
    public func statistics(clients: Traffic, servers: Traffic) -> ProxyStatistics {
        var sums = ProxyStatistics(clients: clients, servers: servers)
        for shard in self.shards {
            sums.requestsSucceeded += shard.succeeded.load(ordering: .relaxed)
            sums.requestsNon200 += shard.non200.load(ordering: .relaxed)
            sums.requestsTimedOut += shard.timedOut.load(ordering: .relaxed)
            sums.requestsFailed += shard.failed.load(ordering: .relaxed)
        }
        // After the others: a page that says that more requests ended than began looks broken.
        for shard in self.shards { sums.requestsStarted += shard.started.load(ordering: .relaxed) }
        return sums
    }

    private var shard: Shard { self.shards[ThreadShard.index(bits: Self.shardBits)] }
}
