import ArgumentParser
import TeleportReport

/// What a curve goes along.
enum CurveAxis: String, ExpressibleByArgument, CaseIterable {
    case inFlight = "in-flight"
    case messageSize = "message-size"
    case connections

    /// The values that are measured.
    var values: [Int] {
        switch self {
        case .inFlight: [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000]
        case .messageSize: [64, 256, 1024, 4096, 16384, 65536, 262_144, 1_048_576]
        case .connections: [1, 3, 10, 30, 100, 300, 1000]
        }
    }

    /// What is sent, and how much of it, at a value.
    func workload(_ value: Int) -> Workload { self == .messageSize ? .sized(value) : .hello() }

    func apply(_ value: Int, to setup: inout Setup) {
        switch self {
        case .inFlight: setup.inFlight = value
        case .messageSize: setup.inFlight = 32
        case .connections: (setup.connections, setup.inFlight) = (value, 1000)
        }
    }

    /// The plot's headline.
    var title: String {
        switch self {
        case .inFlight: "CPU per request against requests in flight"
        case .messageSize: "CPU per request against message size"
        case .connections: "CPU per request against connections"
        }
    }

    /// What stays as it is.
    var constants: String {
        switch self {
        case .inFlight: "GET, 260 B answer, 1 connection"
        case .messageSize: "POST and answer of that size, 32 in flight, 1 connection"
        case .connections: "GET, 260 B answer, 1,000 in flight over all connections"
        }
    }

    var axis: SVGPlot.Axis {
        switch self {
        case .inFlight: SVGPlot.Axis("requests in flight")
        case .messageSize: SVGPlot.Axis("size of each body", base: 4, label: NumberFormat.bytes)
        case .connections: SVGPlot.Axis("connections")
        }
    }
}
