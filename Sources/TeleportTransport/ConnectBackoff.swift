/// How long to wait before the next attempt to connect. Pure: randomness is passed in.
///
/// The first attempt after a success waits for nothing; then 100 ms, doubling to 3 s, each shortened at random by up to
/// a quarter, so that a thousand clients do not come back in step.
public struct ConnectBackoff: Sendable, Hashable {
    /// The wait after the first failure, in nanoseconds. Default 100 ms.
    public var initial: Int64
    /// The longest wait, in nanoseconds. Default 3 s.
    public var maximum: Int64
    /// Failed attempts since the last success.
    public private(set) var failures = 0

    public init(initial: Int64 = 100_000_000, maximum: Int64 = 3_000_000_000) {
        self.initial = initial
        self.maximum = maximum
    }

    /// An attempt succeeded.
    public mutating func succeeded() {
        self.failures = 0
    }

    /// An attempt failed.
    ///
    /// - Parameter jitter: a random number from 0 to 1.
    /// - Returns: how long to wait before the next attempt, in nanoseconds.
    public mutating func failed(jitter: Double) -> Int64 {
        let doublings = Swift.min(self.failures, 16)
        self.failures += 1
        let (product, overflowed) = self.initial.multipliedReportingOverflow(by: Int64(1) << doublings)
        let wait = overflowed ? self.maximum : Swift.min(product, self.maximum)
        let clamped = Swift.min(Swift.max(jitter, 0), 1)
        return wait - Int64(Double(wait) * 0.25 * clamped)
    }
}
