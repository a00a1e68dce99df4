#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// A logarithmic axis: which values it spans, where a value stands on it, and which ones are written beside it.
public struct AxisScale: Sendable, Equatable {
    /// The least and the greatest value on the axis; both are ticks.
    public let domain: ClosedRange<Double>
    /// Values that get a line and a label, in order.
    public let ticks: [Double]

    /// An axis that holds all of `values`, which are positive; others are left out.
    ///
    /// - Parameter base: ticks are its powers. With 10, and few decades to show, 2 and 5 times these are ticks as well.
    public init(holding values: [Double], base: Double = 10) {
        let positive = values.filter { $0 > 0 && $0.isFinite }
        let least = positive.min() ?? 1
        let greatest = Swift.max(positive.max() ?? base, least)
        let decades = log(greatest / least) / log(base)
        let steps = base == 10 && decades < 2.5 ? [1.0, 2, 5] : [1.0]
        // Powers are multiplied out, not computed by `pow`: 1000 has to be 1000.
        var power = 1.0
        while power > least * 1.000_001 { power /= base }
        while power * base <= least { power *= base }
        var candidates: [Double] = []
        while power <= greatest * base * base {
            for step in steps { candidates.append(power * step) }
            power *= base
        }
        let lower = candidates.last { $0 <= least * 1.000_001 } ?? least
        let upper = candidates.first { $0 >= greatest / 1.000_001 && $0 > lower } ?? greatest
        self.domain = lower...upper
        self.ticks = candidates.filter { $0 >= lower && $0 <= upper }
    }

    /// From 0 at the lower end to 1 at the upper.
    public func position(of value: Double) -> Double {
        log(value / self.domain.lowerBound) / log(self.domain.upperBound / self.domain.lowerBound)
    }
}
