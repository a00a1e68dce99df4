/// What became of a check.
public struct Outcome: Sendable {
    public let check: Check
    public let verdict: Verdict
    /// What the peer did; or why it could not be observed.
    public let seen: String
    /// How long it took.
    public let duration: Duration
}

/// How a check ended.
public enum Verdict: String, Sendable, Hashable {
    case pass
    case fail
    /// The check could not be made. No failure.
    case notObserved = "not-observed"
}

/// How many checks ended how.
public struct Tally: Sendable, Equatable {
    public private(set) var passed = 0
    public private(set) var failed = 0
    public private(set) var notObserved = 0

    public init() {}

    public init(_ outcomes: some Sequence<Outcome>) {
        for outcome in outcomes { self.count(outcome.verdict) }
    }

    public mutating func count(_ verdict: Verdict) {
        switch verdict {
        case .pass: self.passed += 1
        case .fail: self.failed += 1
        case .notObserved: self.notObserved += 1
        }
    }
}

extension Check {
    /// Makes a check, and times it.
    static func outcome(of check: Check, _ make: () async throws -> String) async -> Outcome {
        let clock = ContinuousClock()
        let start = clock.now
        let (verdict, seen): (Verdict, String)
        do {
            seen = try await make()
            verdict = .pass
        } catch let departure as Departure {
            (verdict, seen) = (.fail, departure.seen)
        } catch let absence as NotObserved {
            (verdict, seen) = (.notObserved, absence.reason)
        } catch {
            (verdict, seen) = (.fail, "\(error)")
        }
        return Outcome(check: check, verdict: verdict, seen: seen, duration: clock.now - start)
    }
}
