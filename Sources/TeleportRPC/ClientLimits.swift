/// What one client connection may hold.
public struct ClientLimits: Sendable, Hashable {
    /// Calls that wait for their answer at the same time; N admits exactly N. Default 1000.
    public var maxPending: Int
    /// Calls that gave up while their answer is still owed. At the limit the connection is retired: it takes no new
    /// calls, and closes once the pending ones ended. Default 1000.
    public var maxTombstones: Int
    /// How late a deadline may fire so that many close to each other share one wake-up. Default 2 ms, which keeps
    /// every deadline within 5 ms on a loop that is not blocked.
    public var deadlineSlack: Nanoseconds

    public init(
        maxPending: Int = 1000, maxTombstones: Int = 1000, deadlineSlack: Nanoseconds = .milliseconds(2)
    ) {
        self.maxPending = maxPending
        self.maxTombstones = maxTombstones
        self.deadlineSlack = deadlineSlack
    }
}
