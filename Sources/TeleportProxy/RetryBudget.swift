internal import NIOCore

/// How many requests may be sent a second time: a share of all, so that servers that fail under their load are not given
/// more of it by those who mean well (rule P-35).
///
/// Counted in windows of 10 s. Pure: time is an argument.
struct RetryBudget: Sendable {
    /// Retries that a window has whatever comes: as many requests may be under way at a server that goes away, and all of
    /// them can be answered by others. What is to be bounded is a storm that goes on.
    static let least = 1000
    static let window = TimeAmount.seconds(10)

    /// Of the requests of a window, in percent.
    let percent: Int
    private var start = NIODeadline.uptimeNanoseconds(0)
    /// Requests that came before the window.
    private var before = 0
    private var retries = 0

    init(percent: Int) { self.percent = percent }

    /// Takes a retry; false, and nothing taken, if there are too many.
    ///
    /// - Parameter requests: that ever came.
    mutating func take(requests: Int, now: NIODeadline) -> Bool {
        if now - self.start >= Self.window {
            self.start = now
            self.before = requests
            self.retries = 0
        }
        guard self.percent > 0 else { return false }
        guard self.retries < Self.least + (requests - self.before) * self.percent / 100 else { return false }
        self.retries += 1
        return true
    }
}
