/// A check failed. What was seen instead of what the rule demands.
struct Departure: Error, Sendable {
    let seen: String

    init(_ seen: String) { self.seen = seen }

    init(_ fault: Fault) { self.seen = "breaks \(fault.rule): \(fault.text)" }
}

/// A check could not be made, for this reason. No failure.
struct NotObserved: Error, Sendable {
    let reason: String

    init(_ reason: String) { self.reason = reason }
}
