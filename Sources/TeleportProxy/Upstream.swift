internal import NIOCore
internal import Synchronization
internal import Teleport
internal import TeleportEndpoint
internal import TeleportRPC

/// One server behind the proxy, and what is known about it: requests pending, how fast it answers, whether it fails.
final class Upstream: Sendable {
    enum Transport: Sendable {
        case teleport(ConnectionPool<HTTPCodec, ExchangeCompletion>)
        case http(HTTPUpstream)
    }

    /// A latency that was measured longer ago counts for nothing: the server may have recovered.
    private static let latencyLifetime = TimeAmount.seconds(5)

    let settings: UpstreamSettings
    /// Its bit in ``Exchange/Attempts/tried``.
    let bit: UInt64
    private let transport: Transport
    private let pending = Atomic<Int>(0)
    private let answers = Atomic<Int>(0)
    private let failures = Atomic<Int>(0)
    /// Moving average of the time to the answer's head, in nanoseconds; 0 is unknown.
    private let latency = Atomic<Int64>(0)
    private let latencyMeasured = Atomic<UInt64>(0)
    /// ``health`` has something to say: spares the lock otherwise.
    private let isSuspect = Atomic<Bool>(false)
    private let health: Mutex<UpstreamHealth>
    private let turns = Turn()
    private let hasBegun = Atomic(false)
    private let checker = Mutex<HealthChecker?>(nil)

    init(_ settings: UpstreamSettings, bit: UInt64, transport: Transport) {
        self.settings = settings
        self.bit = bit
        self.transport = transport
        self.health = Mutex(UpstreamHealth(slowStart: settings.slowStart))
    }

    var address: TransportAddress { self.settings.address }

    /// The servers of a configuration: those of `old` whose settings stay as they are, and new ones.
    static func all(
        of configuration: ProxyConfiguration, keeping old: [Upstream], traffic: ProxyTraffic
    ) -> [Upstream] {
        var left = old
        var kept: [Int: Upstream] = [:]
        let all = configuration.upstreams.map { UpstreamSettings($0, of: configuration) }
        for (index, settings) in all.enumerated() {
            guard let match = left.firstIndex(where: { $0.settings == settings }) else { continue }
            kept[index] = left.remove(at: match)
        }
        var bits = kept.values.reduce(0) { $0 | $1.bit }
        return all.enumerated().map { index, settings in
            if let upstream = kept[index] { return upstream }
            // The lowest that is free; servers beyond the 64th share the last.
            let bit = UInt64(1) << UInt64(Swift.min((~bits).trailingZeroBitCount, 63))
            bits |= bit
            return Upstream(
                settings, bit: bit,
                transport: settings.makeTransport(
                    in: configuration, traffic: traffic.servers.counters(of: settings.kind)))
        }
    }

    // MARK: Forwarding

    /// Forwards what it ``took()``. The exchange is told how it ended, maybe before this returns.
    ///
    /// - Parameter waits: whether to wait for a link that could not be made a moment ago: there is nobody else.
    func forward(_ exchange: Exchange, waits: Bool = true) {
        switch self.transport {
        case .http(let upstream):
            if exchange.upload != nil, !exchange.request.opensTunnel { exchange.watch() }
            upstream.forward(exchange)
        case .teleport(let pool):
            guard exchange.begin() else { return }
            if exchange.request.opensTunnel {
                guard pool.carriesStreams != false else { return exchange.failed(.tunnelOnV0) }
            } else if exchange.upload != nil {
                exchange.watch()
            }
            do throws(RPCError) {
                let completion = ExchangeCompletion(exchange: exchange)
                // Most have no body that is still coming: those are not copied.
                let ticket =
                    exchange.upload == nil
                    ? try pool.call(
                        exchange.request, deadline: exchange.deadline, now: exchange.givenAt, waits: waits,
                        completion: completion)
                    : try pool.call(
                        exchange.outboundRequest, deadline: exchange.callDeadline, now: exchange.givenAt, waits: waits,
                        completion: completion)
                exchange.started(.call(ticket))
            } catch {
                exchange.callFailed(error)
            }
        }
    }

    /// Forwards a request that nobody waits for. False if that cannot be done.
    func forwardOneWay(_ request: Request) -> Bool {
        guard case .teleport(let pool) = self.transport else { return false }
        return (try? pool.sendOneWay(request)) != nil
    }

    var isTeleport: Bool {
        if case .teleport = self.transport { true } else { false }
    }

    /// Whether it takes bodies as they come; `nil` if that is not known yet.
    var carriesStreams: Bool? {
        switch self.transport {
        case .teleport(let pool): pool.carriesStreams
        case .http: true
        }
    }

    func shutDown(limit: TimeAmount) async {
        self.checker.withLock { $0.take() }?.stop()
        switch self.transport {
        case .teleport(let pool): await pool.shutDown(limit: limit)
        case .http(let upstream): await upstream.shutDown()
        }
    }

    // MARK: Before the first request, and beside them

    /// Makes the connections that are to be there before they are needed, and begins to ask how it is. Once.
    func begin(in configuration: ProxyConfiguration) {
        guard self.hasBegun.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged else {
            return
        }
        switch self.transport {
        case .teleport(let pool): pool.connect(self.settings.warmConnections)
        case .http(let upstream): upstream.connect(self.settings.warmConnections)
        }
        self.startChecks(in: configuration)
    }

    private func startChecks(in configuration: ProxyConfiguration) {
        guard let check = self.settings.healthCheck else { return }
        let checker = HealthChecker(check, of: self, in: configuration) { [weak self] in self?.checked(isGood: $0) }
        self.checker.withLock { $0 = checker }
        checker.start()
    }

    func checked(isGood: Bool) {
        let now = NIODeadline.now()
        self.health.withLock {
            $0.checked(isGood: isGood, now: now)
            self.isSuspect.store(!$0.isForgotten(now: now), ordering: .releasing)
        }
    }

    // MARK: What is known about it

    /// Requests given to it that have no answer yet.
    var pendingCount: Int { self.pending.load(ordering: .relaxed) }

    /// How slow it is, in steps of a factor of two, so that differences that mean nothing decide nothing; 0 is unknown.
    func slowness(now: NIODeadline) -> Int {
        let latency = self.latency.load(ordering: .relaxed)
        guard latency > 0 else { return 0 }
        let measured = NIODeadline.uptimeNanoseconds(self.latencyMeasured.load(ordering: .relaxed))
        return now - measured > Self.latencyLifetime ? 0 : 64 - latency.leadingZeroBitCount
    }

    /// Whether it may be given requests now.
    func standing(now: NIODeadline) -> UpstreamHealth.Standing {
        guard self.isSuspect.load(ordering: .acquiring) else { return .trusted(share: UpstreamHealth.Standing.full) }
        return self.health.withLock { $0.standing(now: now) }
    }

    /// Whether the caller's request is the one that a server on trial is given.
    func takeTrial(now: NIODeadline) -> Bool {
        self.health.withLock { $0.takeTrial(now: now) }
    }

    /// Until when it is set aside; the distant past if it is not.
    var setAsideUntil: NIODeadline {
        self.health.withLock { $0.isEjected ? .distantFuture : $0.setAsideUntil ?? .distantPast }
    }

    /// Whether it takes its turn: of ``UpstreamHealth/Standing/full`` turns so many as its share has parts.
    func takesTurn(share: Int) -> Bool {
        let full = UpstreamHealth.Standing.full
        return share == full || self.turns.take(of: full) < share
    }

    /// The answer is here, all of it.
    func answered(_ exchange: Exchange, now: NIODeadline) {
        self.beganToAnswer(exchange, now: now)
        self.endedWell()
    }

    /// The head of the answer is here.
    func beganToAnswer(_ exchange: Exchange, now: NIODeadline) {
        let sample = Swift.max(1, (now - exchange.givenAt).nanoseconds)
        let old = self.latency.load(ordering: .relaxed)
        // Concurrent samples may overwrite each other: an average does not mind.
        self.latency.store(old == 0 ? sample : old + (sample - old) / 8, ordering: .relaxed)
        self.latencyMeasured.store(now.uptimeNanoseconds, ordering: .relaxed)
    }

    /// An answer that began is complete. Not before: a server that resets in the middle of each would never be found out.
    func endedWell() {
        self.left()
        self.answers.wrappingAdd(1, ordering: .relaxed)
        guard self.isSuspect.load(ordering: .relaxed) else { return }
        let now = NIODeadline.now()
        self.health.withLock {
            $0.succeeded(now: now)
            self.isSuspect.store(!$0.isForgotten(now: now), ordering: .releasing)
        }
    }

    /// It is about to be given a request.
    func took() { self.pending.wrappingAdd(1, ordering: .relaxed) }

    /// It has one less, which says nothing about it.
    func left() { self.pending.wrappingSubtract(1, ordering: .relaxed) }

    func failed(_ exchange: Exchange, _ failure: ForwardingFailure) {
        self.left()
        guard failure.isServersFault else { return }
        self.failures.wrappingAdd(1, ordering: .relaxed)
        let jitter = Double.random(in: 0...1)
        self.health.withLock {
            $0.failed(atOnce: failure.isUnreachable, now: .now(), jitter: jitter)
            self.isSuspect.store(true, ordering: .releasing)
        }
    }

    // MARK: For whoever looks

    /// What is known about it now.
    func statistics(weight: Int, now: NIODeadline) -> UpstreamStatistics {
        let state: UpstreamStatistics.State =
            switch self.standing(now: now) {
            case .trusted(UpstreamHealth.Standing.full): .up
            case .trusted: .comingBack
            case .onTrial: .onTrial
            case .aside: self.health.withLock { $0.isEjected } ? .failsChecks : .setAside
            }
        return UpstreamStatistics(
            address: "\(self.address)", weight: weight, state: state, pending: Swift.max(0, self.pendingCount),
            answered: self.answers.load(ordering: .relaxed), failed: self.failures.load(ordering: .relaxed),
            latency: Double(self.latency.load(ordering: .relaxed)) / 1e9)
    }
}
