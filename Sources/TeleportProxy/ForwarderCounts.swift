internal import TeleportEndpoint

/// What is counted over all requests of a process, whatever they are forwarded by.
final class ForwarderCounts: Sendable {
    let requests = RequestCounters()
    /// Against the limit of requests at the same time.
    let load = RequestLoad(limit: .max)
    /// What all bodies that are not complete are counted against, where they have to be whole.
    let gathered: GatheredBytes

    init(maxGatheredBytes: Int) { self.gathered = GatheredBytes(limit: maxGatheredBytes) }
}
