import ArgumentParser
import Foundation
import TeleportConformance
import TeleportTransport

/// What is tested.
struct SubjectOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Test the server at this address; also unix:PATH.", valueName: "host:port"))
    var connect: String?
    @Option(
        help: ArgumentHelp("Test the client that connects to this address; also unix:PATH.", valueName: "host:port"))
    var listen: String?

    var isEmpty: Bool { self.connect == nil && self.listen == nil }

    func check() throws {
        guard (self.connect == nil) != (self.listen == nil) else {
            throw ValidationError("Give one of --connect HOST:PORT and --listen HOST:PORT.")
        }
        do throws(TransportError) {
            _ = try self.address()
        } catch {
            throw ValidationError(error.message)
        }
    }

    func address() throws(TransportError) -> TransportAddress {
        try TransportAddress(parsing: self.connect ?? self.listen ?? "")
    }
}

/// Which checks are made, and how they are reported.
struct SelectionOptions: ParsableArguments {
    /// The versions of the protocol.
    enum Wire: String, CaseIterable, ExpressibleByArgument {
        case v0, v1, all
    }

    @Option(
        help: """
            Which version of the protocol: v0, v1 or all. Default: all of a server; v1 of a client, which has to be \
            started anew for v0.
            """)
    var wire: Wire?
    @Option(
        name: .customLong("rule"),
        help: ArgumentHelp(
            "Only this rule, such as V1-41, or the checks whose names begin so. May be given again.", valueName: "rule")
    )
    var rules: [String] = []
    @Option(help: ArgumentHelp("How long one answer may take.", valueName: "seconds")) var timeout = 2.0
    @Option(
        help: ArgumentHelp("How long a client may take to connect, or to send what is needed.", valueName: "seconds"))
    var patience = 10.0
    @Flag(help: "The peer's limits are not the defaults: leave out what counts on those.") var ownLimits = false
    @Flag(help: "Print one JSON object instead of the table.") var json = false
    @Flag(help: "Print the checks, and make none.") var list = false

    func validate() throws {
        guard self.timeout > 0, self.timeout <= 3600, self.patience > 0, self.patience <= 3600 else {
            throw ValidationError("--timeout and --patience are more than 0, and 3600 at most.")
        }
    }

    var timeLimit: Duration { .milliseconds(Int64(self.timeout * 1000)) }

    func checks(of sides: [Side]) throws -> [Check] {
        // A client that has spoken v1 does not fall back, and one that has fallen back does not try v1 again (V1-5).
        guard self.wire != .all || sides != [.client] else {
            throw Misuse(
                "A client is checked for one version at a time: --wire v0 or --wire v1, and a new one for each.")
        }
        let wire = self.wire ?? (sides == [.client] ? .v1 : .all)
        let checks = Checks.all.filter { check in
            sides.contains(check.side) && (wire == .all || check.wire.rawValue == wire.rawValue)
                && (self.rules.isEmpty || self.rules.contains { check.isSelected(by: $0) })
        }
        guard !checks.isEmpty else { throw Misuse("No check is selected. See --list for those that there are.") }
        return checks
    }
}

/// How TLS is spoken.
struct SecurityOptions: ParsableArguments {
    @Flag(help: "Speak TLS to the server: directly with v1, behind the preface with v0.") var tls = false
    @Flag(help: "Do not verify the server's certificate.") var insecure = false
    @Option(help: ArgumentHelp("A PEM file with the authorities to trust.", valueName: "file")) var ca: String?
    @Option(help: ArgumentHelp("The certificate to show to a client: speak TLS with it.", valueName: "file"))
    var cert: String?
    @Option(help: ArgumentHelp("The key of the certificate.", valueName: "file")) var key: String?

    func check(isListening: Bool) throws {
        guard (self.cert == nil) == (self.key == nil) else { throw ValidationError("--cert and --key go together.") }
        if isListening, self.tls || self.insecure || self.ca != nil {
            throw ValidationError("--tls, --insecure and --ca are for --connect; with --listen give --cert and --key.")
        }
        if !isListening, self.cert != nil {
            throw ValidationError("--cert and --key are for --listen; with --connect give --tls.")
        }
        for file in [self.ca, self.cert, self.key].compactMap({ $0 }) {
            guard FileManager.default.isReadableFile(atPath: file) else {
                throw ValidationError("\(file) cannot be read.")
            }
        }
    }

    var client: ClientSecurity? {
        self.tls || self.insecure || self.ca != nil
            ? ClientSecurity(trustFile: self.ca, verifies: !self.insecure) : nil
    }

    var server: ServerSecurity? {
        guard let cert = self.cert, let key = self.key else { return nil }
        return ServerSecurity(certificate: CertificateFiles(chain: cert, key: key))
    }
}

/// What a server under test offers beside the protocol.
struct ServerOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A path that answers with the request's body.", valueName: "path")) var echo: String?
    @Option(help: ArgumentHelp("A path that answers with a body of at least 1 MiB.", valueName: "path"))
    var large: String?
    @Option(help: ArgumentHelp("A path that answers after 1 s or more, or when it is cancelled.", valueName: "path"))
    var slow: String?
    @Option(help: ArgumentHelp("What requests name as their host.", valueName: "name")) var host: String?
    @Option(
        help: ArgumentHelp(
            "A command that has the server shut down, such as \"kill -TERM 4711\". Run by the last check.",
            valueName: "command"))
    var drain: String?

    var drainAction: (@Sendable () async -> Void)? {
        guard let command = self.drain else { return nil }
        return {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", command]
            // What it prints is not part of the report.
            process.standardOutput = FileHandle.standardError
            do {
                try process.run()
            } catch {
                Output.complain("--drain: \(error)")
            }
        }
    }
}
