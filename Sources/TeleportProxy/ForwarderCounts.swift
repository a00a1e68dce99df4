internal import NIOCore
internal import Synchronization
internal import TeleportEndpoint

/// What is counted over all requests of a process, whatever they are forwarded by.
final class ForwarderCounts: Sendable {
    let requests = RequestCounters()
    let durations = RequestDurations()
    let tunnels = TunnelCounts()
    /// Against the limit of requests at the same time.
    let load = RequestLoad(limit: .max)
    /// What all bodies that are not complete are counted against, where they have to be whole.
    let gathered: GatheredBytes
    /// Requests that were sent a second time, and those that might have been if there had not been so many.
    let retries = Atomic(0)
    let retriesDenied = Atomic(0)
    private let budget: Mutex<RetryBudget>

    init(_ configuration: ProxyConfiguration) {
        self.gathered = GatheredBytes(limit: configuration.maxGatheredBytes)
        self.budget = Mutex(RetryBudget(percent: configuration.outRetryBudget))
    }

    /// The share of requests that may be retried is another one from now on.
    func setBudget(percent: Int) {
        self.budget.withLock { if $0.percent != percent { $0 = RetryBudget(percent: percent) } }
    }

    /// Whether a request may be sent a second time.
    func takeRetry(now: NIODeadline) -> Bool {
        let isAllowed = self.budget.withLock { $0.take(requests: self.requests.total, now: now) }
        if isAllowed {
            self.retries.wrappingAdd(1, ordering: .relaxed)
        } else {
            self.retriesDenied.wrappingAdd(1, ordering: .relaxed)
        }
        return isAllowed
    }
}
