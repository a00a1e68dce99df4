/// Outcomes as JSON, for machines.
///
/// ```json
/// {"tool": "teleport-conformance", "format": 1, "side": "server", "address": "127.0.0.1:8043",
///  "passed": 1, "failed": 0, "notObserved": 0,
///  "results": [
///   {"rule": "V1-50", "check": "V1-50/same-bytes", "side": "server", "title": "…", "expected": "…", "seen": "…",
///    "verdict": "pass", "milliseconds": 1.5}]}
/// ```
///
/// `verdict` is `pass`, `fail` or `not-observed`; then `seen` says why it could not be. Names and verdicts are kept for ever;
/// more may be added.
public enum JSONReport {
    /// The whole report.
    public static func text(_ outcomes: [Outcome], side: Side, address: String) -> String {
        let tally = Tally(outcomes)
        let results = outcomes.map(self.result).joined(separator: ",\n  ")
        let head = [
            ("tool", self.string("teleport-conformance")), ("format", "1"), ("side", self.string(side.rawValue)),
            ("address", self.string(address)), ("passed", "\(tally.passed)"), ("failed", "\(tally.failed)"),
            ("notObserved", "\(tally.notObserved)"),
        ]
        return "{\(self.members(head)),\n \"results\": [\n  \(results)]}"
    }

    private static func result(_ outcome: Outcome) -> String {
        let check = outcome.check
        let microseconds = (outcome.duration.milliseconds * 1000).rounded()
        return "{"
            + self.members([
                ("rule", self.string(check.rule)), ("check", self.string(check.name)),
                ("side", self.string(check.side.rawValue)), ("title", self.string(check.title)),
                ("expected", self.string(check.expected)), ("seen", self.string(outcome.seen)),
                ("verdict", self.string(outcome.verdict.rawValue)), ("milliseconds", "\(microseconds / 1000)"),
            ]) + "}"
    }

    private static func members(_ members: [(name: String, value: String)]) -> String {
        members.map { "\"\($0.name)\": \($0.value)" }.joined(separator: ", ")
    }

    private static func string(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            default:
                if scalar.value < 0x20 || scalar.value == 0x7F {
                    result += "\\u00\(hex: UInt8(scalar.value))"
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }
}
