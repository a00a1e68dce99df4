internal import NIOCore
internal import Teleport

/// Whether a server behind the proxy is given requests: one that fails is set aside, for longer each time, and tried
/// again with one request.
///
/// Pure: time and randomness are arguments.
struct UpstreamHealth: Sendable {
    /// Failures other than an unreachable server that are forgiven in a row.
    static let forgiven = 2

    private var backoff = ConnectBackoff(initial: 100_000_000, maximum: 30_000_000_000)
    private var failures = 0
    private var wait = TimeAmount.zero
    /// One request was let through, and has not ended.
    private var isTrialOut = false
    /// Set aside until then; `nil` while it is trusted.
    private(set) var setAsideUntil: NIODeadline?

    /// It answered.
    mutating func succeeded() {
        self.failures = 0
        self.backoff.succeeded()
        self.setAsideUntil = nil
        self.isTrialOut = false
    }

    /// It did not.
    ///
    /// - Parameters:
    ///   - atOnce: nobody is there, so it is set aside with the first failure.
    ///   - jitter: a random number from 0 to 1.
    mutating func failed(atOnce: Bool, now: NIODeadline, jitter: Double) {
        self.failures += 1
        // Requests that were under way when it was set aside say nothing new; the one of a trial does.
        if let setAsideUntil, now < setAsideUntil, !self.isTrialOut { return }
        self.isTrialOut = false
        guard atOnce || self.failures > Self.forgiven else { return }
        self.wait = .nanoseconds(self.backoff.failed(jitter: jitter))
        self.setAsideUntil = now + self.wait
    }

    /// What may be asked of it now.
    func standing(now: NIODeadline) -> Standing {
        guard let setAsideUntil else { return .trusted }
        return now < setAsideUntil ? .aside : .onTrial
    }

    enum Standing {
        /// It is given requests as any other.
        case trusted
        /// It is given none.
        case aside
        /// It may be given one, to see.
        case onTrial
    }

    /// Takes the one request of a trial: the next comes when this one has ended well, or when as much time has passed
    /// again.
    mutating func takeTrial(now: NIODeadline) -> Bool {
        guard self.standing(now: now) == .onTrial else { return false }
        self.setAsideUntil = now + self.wait
        self.isTrialOut = true
        return true
    }
}
