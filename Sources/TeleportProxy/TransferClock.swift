internal import NIOCore

/// Whether a client moves a body fast enough: a rate of bytes a second on average, after a time of grace.
///
/// What is moved faster earns time, but never more than the grace ahead of now: whoever moves a megabyte at once must not
/// be silent for an hour. Pure: time is an argument. While nothing can move for reasons that are not the client's, the
/// clock is stopped.
struct TransferClock {
    private let rate: Int
    private let grace: TimeAmount
    /// When patience ends if not one more byte moves.
    private var end: NIODeadline
    private var stoppedAt: NIODeadline?

    /// - Parameter rate: bytes a second; 0 asks for nothing.
    init(rate: Int, grace: TimeAmount, now: NIODeadline) {
        self.rate = rate
        self.grace = grace
        self.end = now + grace
    }

    mutating func moved(_ bytes: Int, now: NIODeadline) {
        guard self.rate > 0 else { return }
        let (earned, overflow) = bytes.multipliedReportingOverflow(by: 1_000_000_000)
        let later = overflow ? NIODeadline.distantFuture : self.end + .nanoseconds(Int64(earned / self.rate))
        self.end = Swift.min(later, now + self.grace)
    }

    mutating func stopped(now: NIODeadline) {
        if self.stoppedAt == nil { self.stoppedAt = now }
    }

    mutating func resumed(now: NIODeadline) {
        guard let stoppedAt = self.stoppedAt.take() else { return }
        self.end = self.end + (now - stoppedAt)
    }

    /// When patience ends if not one more byte moves; `nil` while the clock is stopped.
    var deadline: NIODeadline? {
        self.stoppedAt == nil && self.rate > 0 ? self.end : nil
    }
}
