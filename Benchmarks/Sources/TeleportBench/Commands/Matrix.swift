import ArgumentParser
import TeleportReport
import NIOCore

/// `teleport-bench matrix`.
struct Matrix: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures every row of the reference's benchmark table, and some of ours, as one table.",
        discussion: """
            The rows are those of httpteleport's README: a GET for /foo/bar answered with 261 bytes; as many callers \
            as NoDelay's number, or a thousand; Delay's time is the client's, the server waits 100 µs then; Pipeline \
            has the server handle the requests of a connection one after the other. Callers are spread over as many \
            connections as there are cores. Below them are the same with lz4 and zstd, and the corpus.

            ns/op is wall-clock time divided by operations, as Go prints it; MB/s are bytes of answers' bodies; B/op \
            and allocs/op are of both ends. The reference measures in memory and on one core: `taskset -c 0` gives \
            one, and --transport memory does without sockets. Between machines compare nothing but the floor's \
            ratio. Resident memory is that of the process, which keeps what rows before have needed.
            """)

    @Option(help: "Only rows whose name contains this, in any case; several are separated by commas.") var only: String?
    @Option(help: "The version of the protocol.") var wire = Wire.v1
    @Option(help: "What is between both ends.") var transport = Transport.tcp
    @Option(
        help: ArgumentHelp(
            "Where callers and handlers run: loop, pool or sync.", discussion: "See `help end-to-end`."))
    var placement = Placement.loop
    @Option(help: "Connections. (default: as many as there are cores)") var connections: Int?
    @Option(
        help: ArgumentHelp("The folder of the corpus. See `help end-to-end`.", valueName: "folder"))
    var corpus = "Benchmarks/Corpus"
    @Option(help: "Seconds to measure each row.") var seconds = 1.0
    @Option(help: "Rounds over all rows; every figure is its median.") var runs = 1
    @Flag(inversion: .prefixedNo, help: "Measure the floor as well.") var floor = true
    @Flag(help: "Print one JSON object a row, a line each.") var json = false

    func validate() throws {
        guard self.seconds > 0, self.runs > 0, self.connections ?? 1 > 0 else {
            throw ValidationError("--seconds, --runs and --connections are greater than 0.")
        }
        guard !self.rows.isEmpty else {
            throw ValidationError(
                "No row's name contains \"\(self.only ?? "")\". There are: "
                    + MatrixRow.all.map(\.name).joined(separator: ", ") + ".")
        }
    }

    private var rows: [MatrixRow] {
        guard let only = self.only else { return MatrixRow.all }
        let words = only.lowercased().split(separator: ",")
        return MatrixRow.all.filter { row in words.contains { row.name.lowercased().contains($0) } }
    }

    func run() async throws {
        let rows = self.rows
        let corpus = rows.contains(where: \.isCorpus) ? try Workload.corpus(directory: self.corpus) : .reference()
        let certificate =
            rows.contains(where: \.isTLS) ? try await CertificateFiles.make(in: Folder.makeTemporary()) : nil
        var figures = [[Figures]](repeating: [], count: rows.count)
        // Round by round, so that a busy minute hits all rows alike.
        for round in 1...self.runs {
            for (index, row) in rows.enumerated() {
                Notes.say(
                    "\(row.name) (\(index + 1) of \(rows.count)"
                        + (self.runs > 1 ? ", round \(round) of \(self.runs))" : ")"))
                let run = InProcessRun(self.setup(row, certificate), row.isCorpus ? corpus : .reference())
                figures[index].append(try await run.figures(withFloor: self.floor))
            }
        }
        let medians = figures.map { Figures(medianOf: $0) }
        if self.json {
            for (row, median) in zip(rows, medians) { self.printJSON(row, median, certificate) }
        } else {
            print(self.table(zip(rows, zip(medians, figures)).map { ($0, $1.0, $1.1) }, corpus))
        }
    }

    private func setup(_ row: MatrixRow, _ certificate: CertificateFiles?) -> Setup {
        var setup = row.setup
        setup.wire = self.wire
        setup.transport = self.transport
        setup.placement = self.placement
        setup.connections = self.connections ?? System.coreCount
        setup.seconds = self.seconds
        if row.isTLS { setup.tls = certificate }
        return setup
    }

    private func printJSON(_ row: MatrixRow, _ figures: Figures, _ certificate: CertificateFiles?) {
        let settings = self.setup(row, certificate).json(row.isCorpus ? "corpus" : "get")
        print(figures.json([.init("name", .string(row.name)), .init("runs", .integer(self.runs))] + settings))
    }

    /// What Go's columns are, and then ours.
    private func table(_ rows: [(MatrixRow, Figures, [Figures])], _ corpus: Workload) -> String {
        var table = TextTable([
            "name", "ops", "ns/op", "MB/s", "B/op", "allocs/op", "requests/s", "CPU µs/op", "client", "server",
            "p50 µs",
            "p99 µs", "B/request", "B/answer", "MiB resident", "floor µs", "ratio",
        ])
        func decimal(_ value: Double?) -> String { value.map { NumberFormat.decimal($0) } ?? "–" }
        for (row, figures, runs) in rows {
            let rate = figures.requestsPerSecond
            let body = (row.isCorpus ? corpus : .reference()).meanAnswer
            table.append([
                row.name, NumberFormat.decimal(runs.reduce(0) { $0 + $1.requestsPerSecond } * self.seconds, digits: 0),
                NumberFormat.decimal(1e9 / Swift.max(1, rate), digits: 0) + " ns/op",
                NumberFormat.decimal(rate * body / 1e6) + " MB/s",
                NumberFormat.decimal(figures.allocatedBytes, digits: 0) + " B/op",
                NumberFormat.decimal(figures.allocations, digits: 1) + " allocs/op", NumberFormat.grouped(rate),
                decimal(figures.cpu), decimal(figures.clientCPU), decimal(figures.serverCPU),
                NumberFormat.short(figures.latency.p50), NumberFormat.short(figures.latency.p99),
                NumberFormat.decimal(figures.wireBytes.request, digits: 1),
                NumberFormat.decimal(figures.wireBytes.response, digits: 1),
                NumberFormat.decimal(Double(figures.residentBytes) / 1_048_576, digits: 1),
                decimal(figures.floor?.cpu), decimal(figures.floorRatio),
            ])
        }
        return table.text()
    }
}
