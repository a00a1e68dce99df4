import TeleportReport
import Teleport

/// One place on a curve.
struct CurvePoint: Sendable {
    var value: Int
    var wire: Wire
    var setup: Setup
    var figures: Figures
}

/// A curve as files.
struct CurveReport {
    let axis: CurveAxis
    let setup: Setup
    let points: [CurvePoint]

    init(_ axis: CurveAxis, _ setup: Setup, _ points: [CurvePoint]) {
        self.axis = axis
        self.setup = setup
        self.points = points
    }

    /// A row a point.
    var csv: String {
        var csv = CSV([
            "in_flight", "body_bytes", "connections", "wire", "cpu_us_per_request", "cpu_us_per_request_client",
            "cpu_us_per_request_server", "requests_per_second", "latency_us_p50", "latency_us_p99", "latency_us_p999",
            "wire_bytes_request", "wire_bytes_response", "allocations_per_request", "resident_bytes",
            "floor_cpu_us_per_request", "floor_ratio",
        ])
        func text(_ value: Double?) -> String { value.map { NumberFormat.decimal($0, digits: 3) } ?? "" }
        for point in self.points {
            let figures = point.figures
            csv.append([
                String(point.setup.inFlight), String(self.axis.workload(point.value).largestBody),
                String(point.setup.connections), point.wire.rawValue, text(figures.cpu), text(figures.clientCPU),
                text(figures.serverCPU),
                text(figures.requestsPerSecond), text(figures.latency.p50), text(figures.latency.p99),
                text(figures.latency.p999), text(figures.wireBytes.request), text(figures.wireBytes.response),
                text(figures.allocations), String(figures.residentBytes), text(figures.floor?.cpu),
                text(figures.floorRatio),
            ])
        }
        return csv.text
    }

    /// CPU and its floor, both ends together.
    var svg: String {
        var wires: [Wire] = []
        for point in self.points where !wires.contains(point.wire) { wires.append(point.wire) }
        var series = wires.map { wire in
            SVGPlot.Series(
                "Teleport \(wire.rawValue)",
                self.points.filter { $0.wire == wire }.map { (Double($0.value), $0.figures.cpu) })
        }
        // The versions' own floors differ by the few bytes of their heads: one is enough.
        let floor = self.points.filter { $0.wire == wires.first }.compactMap { point in
            point.figures.floor.map { (Double(point.value), $0.cpu) }
        }
        let name = self.setup.codec.kind == .none ? "floor: raw echo" : "floor: echo, codec"
        if !floor.isEmpty { series.append(SVGPlot.Series(name, floor, isReference: true)) }
        let link = [
            self.setup.transport.rawValue + (self.setup.tls == nil ? "" : " with TLS"),
            self.setup.codec.kind == .none ? "not compressed" : "\(self.setup.codec)",
            "placement \(self.setup.placement.rawValue)",
        ]
        return SVGPlot(
            title: self.axis.title, subtitle: ([self.axis.constants] + link).joined(separator: " · "),
            x: self.axis.axis, y: SVGPlot.Axis("CPU µs per request, both ends"), series: series
        ).svg
    }
}
