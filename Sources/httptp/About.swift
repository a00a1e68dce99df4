/// What is said about the program as a whole, in `--help` and in the manual page.
enum About {
    static let name = "httptp"
    static let version = "0.1.0"
    /// When what the manual page says changed last.
    static let date = "2026-11-28"
    static let summary = "Carries HTTP over one compressed connection: a reverse proxy and load balancer"
    static let synopsis = "httptp [-option value] ...\n       httptp estimate <file> [--option value] ..."

    struct Example {
        let title: String
        /// The command, in lines of a readable length.
        let lines: [String]

        /// As one would type it.
        var command: String { self.lines.joined(separator: " \\\n    ") }
    }

    static let examples = [
        Example(
            title: "Near the clients: HTTP in, one compressed connection out.",
            lines: ["httptp -in :8080 -inType http", "-out far.example:8043 -outType teleport -outCompress flate"]),
        Example(
            title: "Near the servers: Teleport in, HTTP out.",
            lines: ["httptp -in :8043 -inType teleport -inCompress flate", "-out 127.0.0.1:80 -outType http"]),
        Example(
            title: "The same over TLS.",
            lines: [
                "httptp -in :8443 -inType teleports -inTLSCert chain.pem -inTLSKey key.pem",
                "-out 127.0.0.1:80 -outType http",
            ]),
    ]

    /// The other thing that it does.
    static let estimate = """
        httptp estimate FILE tells what a link would carry of traffic that was recorded, as a HAR file or as JSON lines, and \
        what to choose. Its options are listed by httptp estimate --help.
        """

    static let spellings = """
        Options are written -x VALUE, -x=VALUE, --x VALUE or --x=VALUE, with either of their names. Those without a value \
        can be turned off with =false. Durations are written like 3s, 1m30s, 100us or 0.
        """

    struct Signal {
        let names: [String]
        let effect: String
    }

    static let signals = [
        Signal(
            names: ["SIGTERM", "SIGINT"],
            effect:
                "Drain: nobody new is let in, requests that were read are answered, for 10 seconds at most. A second "
                + "one ends the process at once."),
        Signal(
            names: ["SIGHUP"],
            effect:
                "Read the configuration and the certificates again, and go on with them without losing a request. If they "
                + "have a mistake, it is logged, and nothing changes. Certificates are also read again when their files "
                + "change."),
        Signal(names: ["SIGUSR1"], effect: "Reopen the access log, after it was rotated."),
        Signal(
            names: ["SIGUSR2"],
            effect:
                "Hot restart: start the same command anew, from the binary that is there by then, hand it the sockets, and "
                + "drain once it listens. If it does not within 30 seconds, that is logged, and nothing changes."),
    ]

    struct ExitStatus {
        let code: Int32
        let meaning: String
    }

    static let exitStatuses = [
        ExitStatus(code: 0, meaning: "It was asked to stop, and did."),
        ExitStatus(code: 1, meaning: "It could not start, for example because the address is in use."),
        ExitStatus(code: 64, meaning: "The command line has a mistake, which is told on standard error."),
        ExitStatus(code: 78, meaning: "The configuration file has a mistake, which is told on standard error."),
    ]

    /// What `--help` says between the first line and the options.
    static let discussion =
        (Self.examples.map { "\($0.title)\n\($0.command)" }
        + [
            Self.estimate,
            Self.spellings,
            Self.signals.map { "\($0.names.joined(separator: ", ")): \($0.effect)" }.joined(separator: "\n"),
        ])
        .joined(separator: "\n\n")
}
