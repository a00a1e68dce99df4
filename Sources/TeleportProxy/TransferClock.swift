internal import NIOCore

/// Whether a client moves a body fast enough: a rate of bytes a second on average, after a time of grace.
///
/// Pure: time is an argument. While nothing can move for reasons that are not the client's, the clock is stopped.
struct TransferClock {
    private let rate: Int
    private let grace: TimeAmount
    private var start: NIODeadline
    private var moved = 0
    private var stoppedAt: NIODeadline?

    /// - Parameter rate: bytes a second; 0 asks for nothing.
    init(rate: Int, grace: TimeAmount, now: NIODeadline) {
        self.rate = rate
        self.grace = grace
        self.start = now
    }

    mutating func moved(_ bytes: Int) { self.moved += bytes }

    mutating func stopped(now: NIODeadline) {
        if self.stoppedAt == nil { self.stoppedAt = now }
    }

    mutating func resumed(now: NIODeadline) {
        guard let stoppedAt = self.stoppedAt.take() else { return }
        self.start = self.start + (now - stoppedAt)
    }

    /// When patience ends if not one more byte moves; `nil` while the clock is stopped.
    var deadline: NIODeadline? {
        guard self.stoppedAt == nil, self.rate > 0 else { return nil }
        let (earned, overflow) = (self.moved / self.rate).multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return nil }
        return self.start + self.grace + .nanoseconds(Int64(earned))
    }
}
