public import NIOCore

/// Durations as the reference's options spell them: `3s`, `1m30s`, `100us`, `1.5h`, `0`.
public enum DurationGrammar {
    /// Reads a duration: numbers, each with a unit (`h`, `m`, `s`, `ms`, `us`, `µs`, `ns`), one after the other; `0` needs
    /// no unit.
    ///
    /// - Returns: `nil` for anything else, negative durations and ones over 292 years included.
    public static func parse(_ text: some StringProtocol) -> TimeAmount? {
        if text == "0" { return .zero }
        guard !text.isEmpty else { return nil }
        var rest = Substring(text)
        var total: Int64 = 0
        while !rest.isEmpty {
            guard let part = self.takePart(&rest) else { return nil }
            let (sum, overflowed) = total.addingReportingOverflow(part)
            guard !overflowed else { return nil }
            total = sum
        }
        return .nanoseconds(total)
    }

    /// One number with its unit, in nanoseconds.
    private static func takePart(_ rest: inout Substring) -> Int64? {
        let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        rest = rest.dropFirst(number.count)
        let unit = rest.prefix { $0.isLetter }
        rest = rest.dropFirst(unit.count)
        guard let scale = self.scale(of: unit) else { return nil }
        let digits = number.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = digits.first, number.contains(where: \.isNumber) else { return nil }
        let whole = first.isEmpty ? 0 : Int64(first)
        guard let whole else { return nil }
        let (scaled, overflowed) = whole.multipliedReportingOverflow(by: scale)
        guard !overflowed else { return nil }
        guard digits.count == 2 else { return scaled }
        return self.fraction(digits[1], scale).flatMap { part in
            let (sum, overflowed) = scaled.addingReportingOverflow(part)
            return overflowed ? nil : sum
        }
    }

    /// What the digits behind the point are worth; those below a nanosecond are cut off.
    private static func fraction(_ digits: Substring, _ scale: Int64) -> Int64? {
        var value: Int64 = 0
        var unit = scale
        for digit in digits {
            guard let number = digit.wholeNumberValue else { return nil }
            // Exact for every unit: 3600 s is a multiple of 10 for eleven places.
            value += unit * Int64(number) / 10
            unit /= 10
        }
        return value
    }

    private static func scale(of unit: Substring) -> Int64? {
        switch unit {
        case "ns": 1
        case "us", "µs", "μs": 1000
        case "ms": 1_000_000
        case "s": 1_000_000_000
        case "m": 60_000_000_000
        case "h": 3_600_000_000_000
        default: nil
        }
    }
}
