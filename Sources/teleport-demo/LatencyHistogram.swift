/// How long requests took, in buckets that are at most 1.6 % wide.
struct LatencyHistogram: Sendable {
    /// Values up to 127 have a bucket each; from there on every power of two has 64.
    private var counts = [Int](repeating: 0, count: 64 * 40)
    private(set) var count = 0

    /// - Parameter value: Microseconds.
    mutating func record(_ value: UInt64) {
        let shift = Swift.max(0, 57 - value.leadingZeroBitCount)
        let index = shift * 64 + Int(value >> UInt64(shift))
        self.counts[Swift.min(index, self.counts.count - 1)] += 1
        self.count += 1
    }

    /// The microseconds that `fraction` of all requests, 0 to 1, did not exceed; 0 if there are none.
    func value(at fraction: Double) -> Double {
        let rank = Swift.max(1, Int((Double(self.count) * fraction).rounded(.up)))
        var seen = 0
        for (index, count) in self.counts.enumerated() where count > 0 {
            seen += count
            guard seen >= rank else { continue }
            guard index >= 128 else { return Double(index) }
            let shift = index / 64 - 1
            return (Double(index - shift * 64) + 0.5) * Double(1 << shift)
        }
        return 0
    }
}
