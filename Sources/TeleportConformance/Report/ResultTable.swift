/// Outcomes as lines for people: one a check, and one for all of them.
///
/// The columns are as wide as the names of the checks need, so that lines can be printed as they come.
public struct ResultTable: Sendable {
    private let nameWidth: Int

    public init(_ checks: [Check]) {
        self.nameWidth = checks.map(\.name.count).max() ?? 0
    }

    /// The titles of the columns.
    public var header: String {
        self.row("verdict", "check", "ms", "what was looked at · expected · seen")
    }

    /// A check and what became of it.
    public func line(_ outcome: Outcome) -> String {
        let verdict =
            switch outcome.verdict {
            case .pass: "pass"
            case .fail: "FAIL"
            case .notObserved: "–"
            }
        let check = outcome.check
        let text =
            outcome.verdict == .notObserved
            ? "\(check.title) · not observed: \(outcome.seen)"
            : "\(check.title) · \(check.expected) · \(outcome.seen)"
        return self.row(verdict, check.name, "\(Int(outcome.duration.milliseconds.rounded()))", text)
    }

    /// A check, for a list of them.
    public func line(_ check: Check) -> String {
        let needs = check.needs.isEmpty ? "" : " (needs \(check.needs.map(\.rawValue).joined(separator: ", ")))"
        return self.row(check.side.rawValue, check.name, "", "\(check.title) · \(check.expected)\(needs)")
    }

    /// The line below all others.
    public static func summary(_ outcomes: [Outcome]) -> String {
        let tally = Tally(outcomes)
        var text = "\(tally.passed) passed, \(tally.failed) failed, \(tally.notObserved) not observed"
        var rules: [String] = []
        for outcome in outcomes where outcome.verdict == .fail && !rules.contains(outcome.check.rule) {
            rules.append(outcome.check.rule)
        }
        if !rules.isEmpty { text += ". Broken: \(rules.joined(separator: ", "))" }
        return text
    }

    private func row(_ verdict: String, _ name: String, _ time: String, _ text: String) -> String {
        let columns = [
            Self.padded(verdict, 7), Self.padded(name, self.nameWidth), Self.padded(time, 5, isRight: true), text,
        ]
        return columns.joined(separator: "  ")
    }

    private static func padded(_ text: String, _ width: Int, isRight: Bool = false) -> String {
        let padding = String(repeating: " ", count: Swift.max(0, width - text.count))
        return isRight ? padding + text : text + padding
    }
}
