/// Numbers as people read them. By hand, so that nothing here needs Foundation.
public enum NumberFormat {
    /// A fixed number of digits behind the point; "–" for what is no number.
    public static func decimal(_ value: Double, digits: Int = 2) -> String {
        let scale = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
        let scaled = (value * scale).rounded()
        guard scaled.isFinite, abs(scaled) < 1e15 else { return "–" }
        let whole = Int(scaled)
        let sign = whole < 0 ? "-" : ""
        guard digits > 0 else { return String(whole) }
        let rest = String(abs(whole) % Int(scale))
        let zeros = String(repeating: "0", count: digits - rest.count)
        return "\(sign)\(abs(whole) / Int(scale)).\(zeros)\(rest)"
    }

    /// As many digits behind the point as leave about three that mean something.
    public static func short(_ value: Double) -> String {
        switch abs(value) {
        case ..<10: self.decimal(value, digits: 2)
        case ..<100: self.decimal(value, digits: 1)
        default: self.decimal(value, digits: 0)
        }
    }

    /// Rounded, in groups of three digits: 12,345.
    public static func grouped(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "–" }
        var digits = String(Int(abs(value).rounded()))
        var groups: [Substring] = []
        while digits.count > 3 {
            groups.append(Substring(digits.suffix(3)))
            digits.removeLast(3)
        }
        return (value <= -0.5 ? "-" : "") + ([Substring(digits)] + groups.reversed()).joined(separator: ",")
    }

    /// A size: 64 B, 1 KiB, 1.5 MiB.
    public static func bytes(_ value: Double) -> String {
        var value = value
        for unit in ["B", "KiB", "MiB"] {
            if value < 1024 { return "\(self.trimmed(value)) \(unit)" }
            value /= 1024
        }
        return "\(self.trimmed(value)) GiB"
    }

    /// Without digits that say nothing: 0.5, 2, 10, 1,000.
    public static func trimmed(_ value: Double) -> String {
        guard abs(value) < 1000 else { return self.grouped(value) }
        var text = self.decimal(value, digits: 3)
        guard text.contains(".") else { return text }
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return text
    }
}
