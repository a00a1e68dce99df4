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
        var keys: [DurationClass.Key] = []
        /// One for each of ``keys``.
        var counts: [DurationClass.Counts] = []
        private var places: [DurationClass.Key: Int] = [:]
        private var lastPlace = 0
        /// Since somebody looked; made with the first request.
        var recent: Exact?

        /// Where the counts of `key` are. Mostly they are those that were asked for last.
        mutating func place(of key: DurationClass.Key) -> Int {
            if self.lastPlace < self.keys.count, self.keys[self.lastPlace] == key { return self.lastPlace }
            self.lastPlace = self.places[key] ?? self.addPlace(for: key)
            return self.lastPlace
        }

        private mutating func addPlace(for key: DurationClass.Key) -> Int {
            self.keys.append(key)
            self.counts.append(DurationClass.Counts())
            self.places[key] = self.keys.count - 1
            return self.keys.count - 1
        }
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
            let place = state.place(of: key)
            state.counts[place].add(nanoseconds)
            let microseconds = UInt64(nanoseconds / 1000)
            guard state.recent?.record(microseconds) == nil else { return }
            var recent = Self.makeExact()
            recent.record(microseconds)
            state.recent = recent
        }
    }

    /// All of them, sorted by method and status.
    var total: [DurationClass] {
        var classes: [DurationClass.Key: DurationClass.Counts] = [:]
        for shard in self.shards {
            let own = shard.state.withLock { Array(zip($0.keys, $0.counts)) }
            classes.merge(own) { one, other in one.adding(other) }
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
