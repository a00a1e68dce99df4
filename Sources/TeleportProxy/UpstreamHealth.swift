internal import NIOCore
internal import Teleport

/// Whether a server behind the proxy is given requests, and how many: one that fails is set aside, for longer each time, and
/// tried again with one request; one that fails its checks is set aside until it passes them. Who comes back takes its share
/// step by step.
///
/// Pure: time and randomness are arguments.
struct UpstreamHealth: Sendable {
    /// Failures other than an unreachable server that are forgiven in a row.
    static let forgiven = 2
    /// Checks in a row that fail before a server is set aside, and that pass before it comes back.
    static let checksToFall = 3
    static let checksToRise = 2

    /// How long a server that comes back takes until it has its full share.
    let slowStart: TimeAmount
    private var backoff = ConnectBackoff(initial: 100_000_000, maximum: 30_000_000_000)
    private var failures = 0
    private var wait = TimeAmount.zero
    /// One request was let through, and has not ended.
    private var isTrialOut = false
    /// Set aside until then; `nil` while it is trusted.
    private(set) var setAsideUntil: NIODeadline?
    /// Checks in a row that failed, or, below 0, that passed.
    private var failedChecks = 0
    /// Set aside until it passes its checks.
    private(set) var isEjected = false
    /// When it was trusted again.
    private var cameBack: NIODeadline?

    init(slowStart: TimeAmount = .seconds(10)) { self.slowStart = slowStart }

    /// It answered.
    mutating func succeeded(now: NIODeadline) {
        self.failures = 0
        self.backoff.succeeded()
        self.isTrialOut = false
        guard self.setAsideUntil != nil else { return }
        self.setAsideUntil = nil
        self.cameBack = now
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
        self.cameBack = nil
    }

    /// It was asked how it is.
    mutating func checked(isGood: Bool, now: NIODeadline) {
        if isGood {
            self.failedChecks = Swift.min(0, self.failedChecks) - 1
            guard self.isEjected, self.failedChecks <= -Self.checksToRise else { return }
            self.isEjected = false
            self.setAsideUntil = nil
            self.cameBack = now
        } else {
            self.failedChecks = Swift.max(0, self.failedChecks) + 1
            if self.failedChecks >= Self.checksToFall { self.isEjected = true }
        }
    }

    /// What may be asked of it now.
    func standing(now: NIODeadline) -> Standing {
        if self.isEjected { return .aside }
        guard let setAsideUntil else { return .trusted(share: self.share(now: now)) }
        return now < setAsideUntil ? .aside : .onTrial
    }

    private func share(now: NIODeadline) -> Int {
        guard let cameBack, self.slowStart > .zero, now - cameBack < self.slowStart else { return Standing.full }
        let passed = (now - cameBack).nanoseconds * Int64(Standing.full) / self.slowStart.nanoseconds
        return Swift.max(1, Int(passed))
    }

    /// Whether there is nothing to know about it: it is trusted as if nothing had ever happened.
    func isForgotten(now: NIODeadline) -> Bool {
        self.standing(now: now) == .trusted(share: Standing.full) && self.failures == 0
    }

    enum Standing: Equatable {
        /// It is given requests: of its share so many of ``full`` parts.
        case trusted(share: Int)
        /// It is given none.
        case aside
        /// It may be given one, to see.
        case onTrial

        static let full = 16
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
