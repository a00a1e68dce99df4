import TeleportReport
import Histogram

/// Times from a call to its answer, up to a minute, three digits exact.
struct LatencyHistogram: Sendable {
    private var histogram = Histogram<UInt64>(
        highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)

    /// `count` calls took this many nanoseconds each.
    mutating func add(_ nanoseconds: UInt64, count: Int = 1) {
        self.histogram.record(nanoseconds, count: UInt64(count))
    }

    /// In microseconds.
    var figures: Figures.Latency {
        func microseconds(_ percentile: Double) -> Double {
            Double(self.histogram.valueAtPercentile(percentile)) / 1000
        }
        return .init(p50: microseconds(50), p99: microseconds(99), p999: microseconds(99.9))
    }
}
