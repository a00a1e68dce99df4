/// What is known about one server behind a proxy.
public struct UpstreamStatistics: Sendable, Hashable {
    /// Whether it is given requests.
    public enum State: String, Sendable, Hashable, CaseIterable {
        /// As any other.
        case up
        /// It was set aside, and its share grows.
        case comingBack = "coming_back"
        /// One request will tell.
        case onTrial = "on_trial"
        /// It failed, and is left alone for a while.
        case setAside = "set_aside"
        /// It does not pass its checks.
        case failsChecks = "fails_checks"
    }

    public var address: String
    public var weight: Int
    public var state: State
    /// Requests that it has not answered.
    public var pending: Int
    /// Requests and checks that it answered, whatever the status.
    public var answered: Int
    /// Requests and checks that it failed to answer.
    public var failed: Int
    /// Seconds until the head of an answer, a moving average; 0 if that is not known.
    public var latency: Double

    public init(
        address: String, weight: Int = 1, state: State = .up, pending: Int = 0, answered: Int = 0, failed: Int = 0,
        latency: Double = 0
    ) {
        self.address = address
        self.weight = weight
        self.state = state
        self.pending = pending
        self.answered = answered
        self.failed = failed
        self.latency = latency
    }
}
