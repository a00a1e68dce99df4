import TeleportCompress
import TeleportMeter

/// The table as text, at most 80 columns wide.
enum Table {
    private static let widths = [6, 10, 12, 9, 9, 10, 9, 8, 7]

    static let header = [
        row(["", "", "", "latency, ms", "link, B/request", "plain"], widths: [6, 10, 12, 18, 19, 8]),
        row(["codec", "requests", "requests/s", "p50", "p99", "out", "back", "HTTP", "saved"], widths: widths),
    ]

    static func line(_ measurement: Measurement) -> String {
        guard measurement.load.requests > 0 else { return measurement.codec.name }
        let latencies = measurement.load.latencies
        return self.row(
            [
                measurement.codec.name,
                self.grouped(Double(measurement.load.requests)),
                self.grouped(measurement.requestsPerSecond),
                self.decimal(latencies.value(at: 0.5) / 1000, digits: 2),
                self.decimal(latencies.value(at: 0.99) / 1000, digits: 2),
                self.grouped(measurement.perRequest(measurement.link.sent)),
                self.grouped(measurement.perRequest(measurement.link.received)),
                self.grouped(measurement.perRequest(measurement.plainBytes)),
                self.decimal(measurement.saving * 100, digits: 1) + "%",
            ], widths: self.widths)
    }

    private static func row(_ cells: [String], widths: [Int]) -> String {
        var line = ""
        for (index, (cell, width)) in zip(cells, widths).enumerated() {
            let padding = String(repeating: " ", count: Swift.max(0, width - cell.count))
            line += index == 0 ? cell + padding : padding + cell
        }
        return line
    }

    /// Rounded, in groups of three digits: 12,345.
    static func grouped(_ value: Double) -> String {
        var digits = String(Int(value.rounded()))
        var groups: [Substring] = []
        while digits.count > 3 {
            groups.append(Substring(digits.suffix(3)))
            digits.removeLast(3)
        }
        return ([Substring(digits)] + groups.reversed()).joined(separator: ",")
    }

    /// A span of time: 5 s, 0.5 s.
    static func seconds(_ value: Double) -> String {
        value == value.rounded() ? "\(Int(value)) s" : "\(value) s"
    }

    private static func decimal(_ value: Double, digits: Int) -> String {
        let scale = (0..<digits).reduce(1) { scale, _ in scale * 10 }
        let scaled = Int((value * Double(scale)).rounded())
        let rest = String(abs(scaled) % scale)
        let zeros = String(repeating: "0", count: digits - rest.count)
        return "\(scaled < 0 ? "-" : "")\(abs(scaled) / scale).\(zeros)\(rest)"
    }
}
