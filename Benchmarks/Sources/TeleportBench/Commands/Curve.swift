import ArgumentParser
import TeleportReport

/// `teleport-bench curve`.
struct Curve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures cost against in-flight, message size and connections; writes CSV and SVG.",
        discussion: """
            For each axis, curve-AXIS.csv with all figures and curve-AXIS.svg with CPU per request and its floor: from \
            1 to 10,000 requests in flight, from 64 B to 1 MB each way, from 1 to 1,000 connections. Client and server \
            are in one process, an event loop each. Cost should stay flat along the first and the last, and grow with \
            bytes along the other. Resident memory is that of the process, which keeps what points before have needed.
            """)

    @Option(help: ArgumentHelp("Where the files go; it is made if it is not there.", valueName: "folder"))
    var out = "."
    @Option(help: "One axis only. (values: in-flight, message-size, connections; default: all)") var axis: CurveAxis?
    @OptionGroup(title: "Both ends") var link: LinkOptions
    @Option(help: "The version of the protocol, both separated by a comma.") var wire = "v1,v0"
    @Option(help: "What is between both ends.") var transport = Transport.tcp
    @Flag(help: "TLS, with a throw-away certificate that openssl makes.") var tls = false
    @Option(help: "Seconds to measure each point.") var seconds = 1.0
    @Option(help: "Rounds over all points; every figure is its median.") var runs = 1

    func validate() throws {
        guard self.seconds > 0, self.runs > 0 else {
            throw ValidationError("--seconds and --runs are greater than 0.")
        }
        guard self.wires != nil else { throw ValidationError("--wire is v0, v1, or both with a comma in between.") }
    }

    private var wires: [Wire]? {
        let names = self.wire.split(separator: ",")
        let wires = names.compactMap { Wire(rawValue: String($0)) }
        return wires.isEmpty || wires.count < names.count ? nil : wires
    }

    func run() async throws {
        try Folder.makeIfMissing(self.out)
        var setup = try self.link.setup()
        setup.transport = self.transport
        setup.seconds = self.seconds
        if self.tls { setup.tls = try await CertificateFiles.make(in: Folder.makeTemporary()) }
        for axis in self.axis.map({ [$0] }) ?? CurveAxis.allCases {
            let points = try await self.measure(axis, setup)
            let path = "\(self.out)/curve-\(axis.rawValue)"
            try Folder.write(CurveReport(axis, setup, points).csv, to: path + ".csv", mode: 0o644)
            try Folder.write(CurveReport(axis, setup, points).svg, to: path + ".svg", mode: 0o644)
            print("\(path).csv\n\(path).svg")
        }
    }

    private func measure(_ axis: CurveAxis, _ setup: Setup) async throws -> [CurvePoint] {
        var rounds: [[CurvePoint]] = []
        let places = axis.values.flatMap { value in (self.wires ?? []).map { (value: value, wire: $0) } }
        for round in 1...self.runs {
            var points: [CurvePoint] = []
            for place in places {
                Notes.say("\(axis.rawValue) \(place.value), \(place.wire.rawValue), round \(round) of \(self.runs)")
                var setup = setup
                setup.wire = place.wire
                axis.apply(place.value, to: &setup)
                let figures = try await InProcessRun(setup, axis.workload(place.value)).figures(withFloor: true)
                points.append(CurvePoint(value: place.value, wire: place.wire, setup: setup, figures: figures))
            }
            rounds.append(points)
        }
        return places.indices.map { index in
            var point = rounds[0][index]
            point.figures = Figures(medianOf: rounds.map { $0[index].figures })
            return point
        }
    }
}
