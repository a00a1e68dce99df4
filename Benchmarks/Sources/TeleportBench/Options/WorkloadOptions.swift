import ArgumentParser

/// What is sent and answered.
struct WorkloadOptions: ParsableArguments {
    @Option(
        help: """
            What is sent: hello is a GET answered with 260 bytes; corpus POSTs the lines of one file, and is answered \
            with those of another.
            """)
    var payload = Payload.hello

    @Option(
        help: ArgumentHelp(
            """
            The folder of the corpus: one file whose name contains "request", one with "response", a body a line, as \
            many lines in each.
            """, valueName: "folder"))
    var corpus = "Benchmarks/Corpus"

    /// The options that say the same to another command.
    var arguments: String { self.payload == .hello ? "" : " --payload corpus --corpus \(self.corpus)" }

    func load() throws -> Workload {
        self.payload == .hello ? .hello() : try .corpus(directory: self.corpus)
    }
}
