import ArgumentParser
import TeleportReport
import Teleport

/// `teleport-bench drive`.
struct Drive: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The client of two processes: measures against `teleport-bench serve`.",
        discussion: """
            CPU of the server's process is asked from it, over the protocol; so are its heap allocations. Bytes on the \
            wire are counted by a relay in a short run of its own. The floor is measured in this process alone, both \
            ends of it.

            Both processes need the same --payload and --corpus. --codec and --batch-delay are each end's own: give \
            them to both.
            """)

    @Option(help: "Where the server listens: 127.0.0.1:8043, unix:/path.") var connect = "127.0.0.1:8043"
    @OptionGroup(title: "Work") var work: WorkloadOptions
    @OptionGroup(title: "This end") var link: LinkOptions
    @OptionGroup(title: "Client") var load: LoadOptions
    @Option(
        help: ArgumentHelp(
            "A PEM file with the certificate to trust, for localhost: `serve` says which. Turns TLS on.",
            valueName: "file"))
    var ca: String?
    @Flag(inversion: .prefixedNo, help: "Measure the floor as well.") var floor = true
    @Flag(help: "Print one JSON object.") var json = false

    func run() async throws {
        let workload = try self.work.load()
        let address = try TransportAddress(parsing: self.connect)
        var setup = try self.link.setup()
        self.load.apply(to: &setup)
        setup.transport = address.transport
        setup.tls = self.ca.map { CertificateFiles(certificate: $0, key: "") }
        var figures = try await TwoProcessRun(setup: setup, workload: workload, address: address).figures()
        if self.floor {
            // The key of the server's certificate is not here.
            if self.ca != nil { setup.tls = try await .make(in: Folder.makeTemporary()) }
            figures.floor = try await FloorRun(setup, workload, wireBytes: figures.wireBytes).floor()
        }
        print(
            self.json
                ? "\(figures.json(setup.json(workload.name, transport: "\(setup.transport)")))"
                : figures.text(setup.title(workload.name, transport: "\(setup.transport) between two processes")))
    }
}
