import ArgumentParser
import TeleportReport
import Teleport

/// `teleport-bench floor`.
struct FloorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "floor",
        abstract: "Measures what cannot be beaten: a raw echo, and each codec alone.",
        discussion: """
            The traffic of the work is recorded first, uncompressed, and its batches are counted. Then as many bytes \
            are echoed over raw SwiftNIO, with no protocol, one loop each end; and every codec compresses and expands \
            the same batches, in one thread: in blocks for v1, as a stream for v0.

            Figures are CPU microseconds a request with its answer.
            """)

    @OptionGroup(title: "Work") var work: WorkloadOptions
    @OptionGroup(title: "Load") var load: LoadOptions
    @Option(
        help: ArgumentHelp(
            "How long messages wait for others; 0 writes once a turn of the loop.", valueName: "microseconds"))
    var batchDelay = 0
    @Option(help: "What is between both ends of the echo: loopback TCP or a unix socket.") var transport = Transport.tcp
    @Flag(help: "TLS between both ends of the echo.") var tls = false
    @Flag(help: "Print one JSON object.") var json = false

    func validate() throws {
        guard self.transport != .memory else { throw ValidationError("A raw echo is for --transport tcp or unix.") }
        guard self.batchDelay >= 0 else { throw ValidationError("--batch-delay is not negative.") }
    }

    func run() async throws {
        let workload = try self.work.load()
        var setup = Setup()
        setup.transport = self.transport
        (setup.clientDelay, setup.serverDelay) = (self.batchDelay, self.batchDelay)
        self.load.apply(to: &setup)
        if self.tls { setup.tls = try await CertificateFiles.make(in: Folder.makeTemporary()) }
        let traffic = try await PlainTraffic.record(setup, workload)
        let echo = try await EchoFloor(
            setup, requestBytes: Int(traffic.requests.bytesPerMessage.rounded()),
            responseBytes: Int(traffic.responses.bytesPerMessage.rounded())
        ).run(seconds: self.load.seconds)
        var codecs: [(name: String, cost: CodecFloor.Cost)] = []
        for codec in try Self.codecs() where self.load.wire == .v1 || codec.kind != .zstd {
            let cost = try CodecFloor(codec, self.load.wire).cost(of: traffic, seconds: self.load.seconds / 2)
            codecs.append(("\(codec)", cost))
        }
        print(
            self.json
                ? "\(self.json(setup, workload, traffic, echo, codecs))"
                : self.text(setup, workload, traffic, echo, codecs))
    }

    private static func codecs() throws -> [CompressionCodec] {
        [try .flate(level: 1), .flate, .snappy, .lz4, .zstd, try .zstd(level: 3)]
    }

    private func text(
        _ setup: Setup, _ workload: Workload, _ traffic: PlainTraffic, _ echo: Figures.Floor,
        _ codecs: [(name: String, cost: CodecFloor.Cost)]
    ) -> String {
        var table = TextTable(
            [
                "codec", "ratio of requests", "compress µs", "expand µs", "of answers", "compress µs", "expand µs",
                "together µs", "with the echo µs",
            ])
        for (name, cost) in codecs {
            table.append([
                name, NumberFormat.decimal(cost.requests.ratio), NumberFormat.decimal(cost.requests.compress),
                NumberFormat.decimal(cost.requests.expand), NumberFormat.decimal(cost.responses.ratio),
                NumberFormat.decimal(cost.responses.compress), NumberFormat.decimal(cost.responses.expand),
                NumberFormat.decimal(cost.cpu), NumberFormat.decimal(cost.cpu + echo.echoCPU),
            ])
        }
        func bytes(_ direction: PlainTraffic.Direction) -> String {
            "\(NumberFormat.decimal(direction.bytesPerMessage, digits: 1)) B, "
                + "\(NumberFormat.decimal(direction.messagesPerBatch, digits: 1)) a batch"
        }
        return """
            \(setup.title(workload.name))
              requests: \(bytes(traffic.requests)); answers: \(bytes(traffic.responses))
              raw echo: \(NumberFormat.decimal(echo.echoCPU)) µs CPU a request, \
            \(NumberFormat.grouped(echo.requestsPerSecond)) requests/s, latency µs p50 \
            \(NumberFormat.short(echo.latency.p50)), p99 \(NumberFormat.short(echo.latency.p99))

            \(table.text(indented: 2))
            """
    }

    private func json(
        _ setup: Setup, _ workload: Workload, _ traffic: PlainTraffic, _ echo: Figures.Floor,
        _ codecs: [(name: String, cost: CodecFloor.Cost)]
    ) -> JSON {
        func direction(_ plain: PlainTraffic.Direction) -> JSON {
            .object([
                .init("bytes_per_message", .number(plain.bytesPerMessage)),
                .init("messages_per_batch", .number(plain.messagesPerBatch)),
            ])
        }
        func cost(_ direction: CodecFloor.Direction) -> JSON {
            .object([
                .init("ratio", .number(direction.ratio)), .init("compress_us", .number(direction.compress)),
                .init("expand_us", .number(direction.expand)),
            ])
        }
        return .object(
            setup.json(workload.name) + [
                .init("requests", direction(traffic.requests)), .init("responses", direction(traffic.responses)),
                .init(
                    "echo",
                    .object([
                        .init("cpu_us_per_request", .number(echo.echoCPU)),
                        .init("requests_per_second", .number(echo.requestsPerSecond)),
                        .init("latency_us", echo.latency.json),
                    ])),
                .init(
                    "codecs",
                    .array(
                        codecs.map {
                            .object([
                                .init("codec", .string($0.name)), .init("cpu_us_per_request", .number($0.cost.cpu)),
                                .init("requests", cost($0.cost.requests)), .init("responses", cost($0.cost.responses)),
                            ])
                        })),
            ])
    }
}
