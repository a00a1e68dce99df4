import ArgumentParser
import TeleportReport

/// `teleport-bench end-to-end`.
struct EndToEnd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures client and server in one process, each on an event loop of its own.",
        discussion: """
            Every request is encoded, framed, sent, parsed, handled, answered and checked. After the measured run \
            follow short ones of their own: heap allocations are counted, and bytes on the wire by a relay in between.

            floor_ratio is CPU per request in multiples of what cannot be beaten, measured right after, for a third of \
            the time, 0.2 s at least: a raw echo of as many messages and bytes over the same transport, with as many \
            in flight, by nothing but SwiftNIO, one loop each end; and, with a codec, what compressing and expanding \
            the same batches costs alone. It is null with --no-floor, and in memory, where there is no socket to \
            compare with.

            Compare CPU per request rather than requests per second: the machine may be busy. `taskset -c 0` gives \
            both ends one core.
            """)

    @OptionGroup(title: "Work") var work: WorkloadOptions
    @OptionGroup(title: "Both ends") var link: LinkOptions
    @OptionGroup(title: "Client") var load: LoadOptions
    @Option(help: "What is between both ends: loopback TCP, a unix socket, or memory.") var transport = Transport.tcp
    @Flag(help: "TLS, with a throw-away certificate that openssl makes.") var tls = false
    @Flag(inversion: .prefixedNo, help: "Measure the floor as well.") var floor = true
    @Flag(help: "Print one JSON object.") var json = false

    func run() async throws {
        let workload = try self.work.load()
        var setup = try self.link.setup()
        self.load.apply(to: &setup)
        setup.transport = self.transport
        if self.tls { setup.tls = try await CertificateFiles.make(in: Folder.makeTemporary()) }
        let figures = try await InProcessRun(setup, workload).figures(withFloor: self.floor)
        print(
            self.json
                ? "\(figures.json(setup.json(workload.name)))" : figures.text(setup.title(workload.name)))
    }
}
