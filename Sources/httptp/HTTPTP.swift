import ArgumentParser
import Dispatch
import Logging
import NIOCore
import Teleport
import TeleportProxy

/// `httptp`: a reverse proxy and load balancer that carries HTTP over Teleport.
@main
struct HTTPTP: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "httptp",
        abstract: "Carries HTTP over one compressed connection: a reverse proxy and load balancer.",
        discussion: """
            Near the clients:  httptp -in :8080 -inType http -out far.example:8043 -outType teleport -outCompress flate
            Near the servers:  httptp -in :8043 -inType teleport -inCompress flate -out 127.0.0.1:80 -outType http

            Options are spelled -x VALUE, -x=VALUE or with two dashes. Durations: 3s, 1m30s, 100us, 0.
            SIGTERM drains: requests that were read are answered, for 10 s at most.
            """,
        version: "httptp 0.1.0")

    @Option(name: both("in"), help: "Where to listen: host:port, [IPv6]:port or :port.")
    var inAddress = "127.0.0.1:8080"
    @Option(name: both("inType"), help: "What clients speak: http or teleport.")
    var inType = Kind.http
    @Option(
        name: both("out"), help: "Where to forward to; several, separated by commas: each request to the least loaded.")
    var outAddresses = "127.0.0.1:8043"
    @Option(name: both("outType"), help: "What the servers behind speak: http or teleport.")
    var outType = Kind.teleport
    @Option(name: both("inCompress"), help: "How answers to Teleport clients are compressed: none, flate, snappy, lz4.")
    var inCompress = Codec.flate
    @Option(
        name: both("outCompress"), help: "How requests to Teleport servers are compressed: none, flate, snappy, lz4.")
    var outCompress = Codec.flate
    @Option(name: both("inDelay"), help: "How long answers to Teleport clients may wait to be sent together.")
    var inDelay = Span(.zero)
    @Option(name: both("outDelay"), help: "How long requests to Teleport servers may wait to be sent together.")
    var outDelay = Span(.zero)
    @Option(name: both("outTimeout"), help: "How long a server may take to answer; then the client gets 504.")
    var outTimeout = Span(.seconds(3))
    @Option(
        name: both("outConnsPerAddr"),
        help: "Connections to one server. Default: 1 to a Teleport server; up to 512, as needed, to an HTTP server.")
    var outConnsPerAddr: Int?
    @Option(name: both("concurrency"), help: "Requests that may be under way at the same time; one more gets 429.")
    var concurrency = 100_000

    static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if let complaint = Arguments.complaint(about: arguments) {
            self.exit(withError: ValidationError(complaint))
        }
        await self.main(arguments)
    }

    func validate() throws {
        if let count = self.outConnsPerAddr, count < 1 { throw ValidationError("-outConnsPerAddr is at least 1.") }
        guard self.concurrency > 0 else { throw ValidationError("-concurrency is at least 1.") }
        guard self.outTimeout.amount > .zero else { throw ValidationError("-outTimeout is more than 0.") }
    }

    func run() async throws {
        let logger = Logger(label: "httptp") { StreamLogHandler.standardError(label: $0) }
        let proxy = Proxy(try self.proxyConfiguration(logger))
        // From here on signals are answered: a SIGTERM while starting must not be lost.
        let signals = Signals { proxy.beginGracefulShutdown() }
        let addresses = try await proxy.start()
        logger.info(
            "listening",
            metadata: [
                "in": "\(addresses.map(\.description).joined(separator: ","))", "inType": "\(self.inType)",
                "out": "\(self.outAddresses)", "outType": "\(self.outType)",
            ])
        await proxy.runUntilShutdown()
        logger.info("stopped")
        signals.cancel()
    }

    private func proxyConfiguration(_ logger: Logger) throws -> ProxyConfiguration {
        var configuration = ProxyConfiguration(
            in: self.inType.kind, at: [try TransportAddress(parsing: self.inAddress)], out: self.outType.kind,
            to: try self.outAddresses.split(separator: ",", omittingEmptySubsequences: false).map {
                try TransportAddress(parsing: String($0))
            },
            logger: logger)
        configuration.inCompression = self.inCompress.codec
        configuration.outCompression = self.outCompress.codec
        configuration.inDelay = self.inDelay.amount
        configuration.outDelay = self.outDelay.amount
        configuration.outTimeout = self.outTimeout.amount
        configuration.outConnectionsPerAddress = self.outConnsPerAddr
        configuration.concurrency = self.concurrency
        return configuration
    }
}

/// `-name` and `--name`.
private func both(_ name: String) -> NameSpecification {
    [.customLong(name, withSingleDash: true), .customLong(name)]
}
