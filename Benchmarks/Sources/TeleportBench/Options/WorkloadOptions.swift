import ArgumentParser

/// What is sent and answered.
struct WorkloadOptions: ParsableArguments {
    @Option(
        help: """
            What is sent: hello is a GET answered with 260 bytes; corpus POSTs the lines of one file, and is answered \
            with those of another; mix has six of those in ten, two JPEG-like and one PNG-like answers of 4 to 40 KB, and \
            one of random bytes both ways.
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
    var arguments: String {
        self.payload == .hello ? "" : " --payload \(self.payload.rawValue) --corpus \(self.corpus)"
    }

    func load() throws -> Workload {
        switch self.payload {
        case .hello: .hello()
        case .corpus: try .corpus(directory: self.corpus)
        case .mix: try .mix(directory: self.corpus)
        }
    }
}
