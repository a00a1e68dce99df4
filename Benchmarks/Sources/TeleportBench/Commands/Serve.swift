import ArgumentParser
import TeleportReport
import NIOCore
import Teleport

/// `teleport-bench serve`.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The server of two processes: answers until SIGTERM or SIGINT, then says what it spent.",
        discussion: """
            One event loop. It answers both versions of the protocol. `teleport-bench drive` measures from the other \
            process, and asks this one over the protocol what it spent.

              teleport-bench serve --listen 127.0.0.1:8043 &
              teleport-bench drive --connect 127.0.0.1:8043 --in-flight 1000
            """)

    @Option(help: "Where to listen: 127.0.0.1:8043, [::1]:0, unix:/path.") var listen = "127.0.0.1:8043"
    @OptionGroup(title: "Work") var work: WorkloadOptions
    @OptionGroup(title: "This end") var link: LinkOptions
    @Flag(help: "TLS. Without --cert and --key, with a throw-away certificate that openssl makes.") var tls = false
    @Option(help: "A PEM file with the certificate, for localhost; turns TLS on.") var cert: String?
    @Option(help: "A PEM file with its key.") var key: String?
    @Flag(help: "Print one JSON object at the end.") var json = false

    func validate() throws {
        guard (self.cert == nil) == (self.key == nil) else {
            throw ValidationError("--cert and --key go together.")
        }
    }

    func run() async throws {
        let workload = try self.work.load()
        var setup = try self.link.setup()
        setup.tls = try await self.certificate()
        // What a client may have in flight is its own affair.
        setup.inFlight = 100_000
        let ready = setup
        let address = try TransportAddress(parsing: self.listen)
        try await withLoops(1) { loops in
            let book = ServerBook()
            let server = try ready.makeServer(workload, at: address, on: loops[0]) { book.answer(to: $0) }
            guard let actual = try await server.start().first else { throw BenchError("It does not listen.") }
            Notes.say("listening at \(actual). Measure with:")
            let trust = ready.tls.map { " --ca \($0.certificate)" } ?? ""
            Notes.say("  teleport-bench drive --connect \(actual)\(self.work.arguments)\(trust)")
            let before = book.usage
            await Signals.shared.wait()
            let after = book.usage
            await server.shutDown(limit: .seconds(2))
            self.report(before, after)
        }
    }

    private func certificate() async throws -> CertificateFiles? {
        if let cert = self.cert, let key = self.key { return CertificateFiles(certificate: cert, key: key) }
        return self.tls ? try await .make(in: Folder.makeTemporary()) : nil
    }

    private func report(_ before: ServerUsage, _ after: ServerUsage) {
        let count = Double(Swift.max(1, after.requests))
        let cpu = (after.cpuMicroseconds - before.cpuMicroseconds) / count
        guard !self.json else {
            return print(
                JSON.object([
                    .init("requests", .integer(after.requests)),
                    .init("cpu_us_per_request_server", after.requests > 0 ? .number(cpu) : .null),
                    .init("allocations_counted", .integer(after.allocations)),
                    .init("resident_bytes", .integer(after.residentBytes)),
                ]))
        }
        var table = TextTable([])
        table.append(["requests", NumberFormat.grouped(Double(after.requests))])
        table.append(["CPU µs/request", after.requests > 0 ? NumberFormat.decimal(cpu) : "–"])
        table.append(["resident memory", NumberFormat.short(Double(after.residentBytes) / 1_048_576) + " MiB"])
        print(table.text())
    }
}
