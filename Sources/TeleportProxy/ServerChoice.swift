internal import NIOCore
internal import TeleportEndpoint

/// Which server a request is given to (rules P-16, P-33, P-34).
///
/// Ones that were set aside are passed over unless all were; then it is the one to be tried again first. A server that
/// comes back takes its share step by step.
final class ServerChoice: Sendable {
    private let upstreams: [Upstream]
    private let weights: [Int]
    private let balance: ProxyConfiguration.Balance
    /// The order of a round in which everybody has as many turns as its weight, spread evenly.
    private let round: [Int]
    private let turn = Turn()

    init(_ upstreams: [Upstream], weights: [Int], balance: ProxyConfiguration.Balance) {
        self.upstreams = upstreams
        self.weights = weights
        self.balance = balance
        self.round = balance == .roundRobin ? Self.round(weights) : []
    }

    /// In each step everybody is owed its weight, and who is owed most has the turn and pays for all.
    static func round(_ weights: [Int]) -> [Int] {
        let total = weights.reduce(0, +)
        var owed = weights.map { _ in 0 }
        return (0..<total).map { _ in
            for index in weights.indices { owed[index] += weights[index] }
            let next = owed.indices.max { owed[$0] < owed[$1] || (owed[$0] == owed[$1] && $0 > $1) } ?? 0
            owed[next] -= total
            return next
        }
    }

    /// - Parameter tried: the bits of servers not to be chosen.
    func choose(except tried: UInt64) -> Upstream? {
        guard self.upstreams.count > 1 else {
            return self.upstreams.first.flatMap { tried & $0.bit == 0 ? $0 : nil }
        }
        let now = NIODeadline.now()
        let chosen =
            switch self.balance {
            case .leastLoaded: self.leastLoaded(except: tried, now: now)
            case .roundRobin: self.next(except: tried, now: now)
            }
        return chosen ?? self.soonest(except: tried)
    }

    func statistics(now: NIODeadline) -> [UpstreamStatistics] {
        zip(self.upstreams, self.weights).map { $0.statistics(weight: $1, now: now) }
    }

    /// Whether there is a server that is not set aside, or whose time to be tried again has come.
    func hasServers(now: NIODeadline) -> Bool {
        self.upstreams.contains { $0.standing(now: now) != .aside }
    }

    /// The one with the fewest pending requests for its weight, the quicker one among equals, in turn among those that are
    /// equal in that too.
    private func leastLoaded(except tried: UInt64, now: NIODeadline) -> Upstream? {
        let count = self.upstreams.count
        let start = self.turn.take(of: count)
        var best: Candidate?
        for offset in 0..<count {
            let index = (start + offset) % count
            let upstream = self.upstreams[index]
            guard tried & upstream.bit == 0 else { continue }
            switch upstream.standing(now: now) {
            case .trusted(let share):
                let candidate = Candidate(
                    upstream: upstream, pending: upstream.pendingCount, share: self.weights[index] * share,
                    slowness: upstream.slowness(now: now))
                if best.map({ candidate.isBetter(than: $0) }) ?? true { best = candidate }
            case .onTrial where upstream.takeTrial(now: now):
                return upstream
            case .onTrial, .aside:
                continue
            }
        }
        return best?.upstream
    }

    private struct Candidate {
        let upstream: Upstream
        let pending: Int
        let share: Int
        let slowness: Int

        func isBetter(than other: Candidate) -> Bool {
            // With this request, in proportion to the share.
            let (own, others) = ((self.pending + 1) * other.share, (other.pending + 1) * self.share)
            return own == others ? self.slowness < other.slowness : own < others
        }
    }

    /// The next in the round.
    private func next(except tried: UInt64, now: NIODeadline) -> Upstream? {
        let start = self.turn.take(of: self.round.count)
        var passedOver: Upstream?
        for offset in self.round.indices {
            let upstream = self.upstreams[self.round[(start + offset) % self.round.count]]
            guard tried & upstream.bit == 0 else { continue }
            switch upstream.standing(now: now) {
            case .trusted(let share):
                if upstream.takesTurn(share: share) { return upstream }
                passedOver = passedOver ?? upstream
            case .onTrial where upstream.takeTrial(now: now):
                return upstream
            case .onTrial, .aside:
                continue
            }
        }
        return passedOver
    }

    private func soonest(except tried: UInt64) -> Upstream? {
        self.upstreams.filter { tried & $0.bit == 0 }.min { $0.setAsideUntil < $1.setAsideUntil }
    }
}
