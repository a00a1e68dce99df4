internal import Histogram
internal import NIOCore
internal import Synchronization
internal import Teleport

/// How long requests took, from when they were read to the end of their answers: in total by method and status, as
/// monitoring wants it, and exactly for whoever looks from time to time.
final class RequestDurations: Sendable {
    /// Microseconds, two digits exact, up to an hour.
    typealias Exact = Histogram<UInt64>

    private struct State: Sendable {
        var classes: [DurationClass.Key: DurationClass.Counts] = [:]
        /// Since somebody looked; made with the first request.
        var recent: Exact?
    }

    private final class Shard: Sendable {
        let state = Mutex(State())
        /// Keeps the next object at least a pair of 64-byte lines away: processors fetch them in pairs.
        let padding = InlineArray<16, Int>(repeating: 0)
    }

    private static let shardBits = 4
    private let shards = (0..<1 << RequestDurations.shardBits).map { _ in Shard() }

    static func makeExact() -> Exact {
        Exact(highestTrackableValue: 3_600_000_000, numberOfSignificantValueDigits: .two)
    }

    func record(_ method: HTTPMethod, _ status: Status, _ duration: TimeAmount) {
        let nanoseconds = Swift.max(0, duration.nanoseconds)
        let key = DurationClass.Key(method: DurationClass.Method(method), status: status.code)
        self.shards[ThreadShard.index(bits: Self.shardBits)].state.withLock { state in
            state.classes[key, default: DurationClass.Counts()].add(nanoseconds)
            if state.recent == nil { state.recent = Self.makeExact() }
            state.recent?.record(UInt64(nanoseconds / 1000))
        }
    }

    /// All of them, sorted by method and status.
    var total: [DurationClass] {
        var classes: [DurationClass.Key: DurationClass.Counts] = [:]
        for shard in self.shards {
            classes.merge(shard.state.withLock { $0.classes }) { one, other in one.adding(other) }
        }
        return classes.sorted { $0.key < $1.key }.map { DurationClass(key: $0.key, counts: $0.value) }
    }

    /// Those since this was called last.
    func takeRecent() -> Exact {
        var recent = Self.makeExact()
        for shard in self.shards {
            shard.state.withLock { state in
                guard let own = state.recent, own.totalCount > 0 else { return }
                recent.add(own)
                state.recent?.reset()
            }
        }
        return recent
    }
}
