import ArgumentParser
import TeleportReport

/// `teleport-bench httptp`.
struct ProxyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "httptp",
        abstract: "Compares wrk → httptp → httptp → nginx with nginx and with haproxy as the proxy.",
        discussion: """
            Starts everything on free loopback ports, one thread each, from configurations in a temporary folder, and \
            ends it all. wrk takes every way in turn, --runs times; figures are medians. CPU is what the system says \
            each process spent, divided by the requests wrk counted. hello is a GET answered with 600 bytes; corpus \
            POSTs the requests of the corpus, answered by nginx with the responses, from files.

            Linux only; needs Debian's packages nginx-light, haproxy and wrk.
            """)

    @Option(
        help: ArgumentHelp(
            "The httptp to measure. (default: beside this program, or .build/release/httptp)", valueName: "path"))
    var httptp: String?
    @Option(
        help: ArgumentHelp(
            "Another httptp to measure beside it in the same rounds, for example the reference's.", valueName: "path"))
    var against: String?
    @OptionGroup(title: "Work") var work: WorkloadOptions
    @Option(help: "Compression between the two httptp, both directions.") var codec = Codec.none
    @Option(help: "The version of the protocol between the two httptp. (default: httptp's)") var wire: Wire?
    @Option(
        help: ArgumentHelp(
            "How long messages wait for others between the two httptp.", valueName: "microseconds"))
    var batchDelay = 0
    @Option(help: "Connections of wrk, each with one request in flight.") var connections = 64
    @Option(help: "Seconds of each round, whole ones.") var seconds = 5
    @Option(help: "Rounds over all ways.") var runs = 3
    @Flag(help: "Print one JSON object.") var json = false

    func validate() throws {
        guard self.connections > 0, self.seconds > 0, self.runs > 0, self.batchDelay >= 0 else {
            throw ValidationError(
                "--connections, --seconds and --runs are greater than 0, --batch-delay is not negative.")
        }
    }

    func run() async throws {
        let tools = try ProxyTools(httptp: self.httptp, against: self.against)
        let run = try await ProxyRun(
            .init(
                codec: self.codec, wire: self.wire, batchDelay: self.batchDelay, connections: self.connections,
                seconds: self.seconds, rounds: self.runs,
                corpus: self.work.payload == .corpus ? self.work.corpus : nil), tools)
        let medians = try await run.measure().map(ProxyFigures.init(medianOf:))
        let report = ProxyReport(chains: run.chains, figures: medians, link: try await run.linkBytes())
        print(
            self.json
                ? "\(report.json(self.settings))"
                : report.text(
                    "\(self.work.payload), \(self.codec.reportName), \(self.connections) connections, "
                        + "median of \(self.runs)"
                ))
    }

    private var settings: [JSON.Member] {
        [
            .init("payload", .string(self.work.payload.rawValue)), .init("codec", .string(self.codec.reportName)),
            .init("wire", self.wire.map { .string($0.rawValue) } ?? .null),
            .init("batch_delay_us", .integer(self.batchDelay)), .init("connections", .integer(self.connections)),
            .init("seconds", .integer(self.seconds)), .init("runs", .integer(self.runs)),
        ]
    }
}
