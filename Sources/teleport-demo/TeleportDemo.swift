import ArgumentParser
import TeleportCompress

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// `teleport-demo`: shows on real processes and sockets what Teleport saves.
@main
struct TeleportDemo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "teleport-demo",
        abstract: "Sends sample traffic through two httptp in every codec, and shows what crosses between them.")

    @Argument(help: "http://host:port/path of a server of yours to GET, instead of the embedded one.")
    var originURL: String?
    @Option(help: "Folder with rtb-requests.jsonl and rtb-responses.jsonl.") var corpus = "Benchmarks/Corpus"
    @Option(help: "Seconds for each codec.") var seconds = 5.0
    @Option(help: "Which codecs, separated by commas.")
    var codecs = CodecKind.allCases.map(\.name).joined(separator: ",")

    func validate() throws {
        _ = try self.demo()
    }

    private func demo() throws -> Demo {
        guard self.seconds > 0, self.seconds <= 3600 else {
            throw ValidationError("--seconds is more than 0, and 3600 at most.")
        }
        do {
            return Demo(
                corpus: self.corpus, origin: try self.originURL.map(OriginURL.init(parsing:)),
                codecs: try self.codecs.split(separator: ",", omittingEmptySubsequences: false)
                    .map(CodecKind.init(name:)),
                seconds: self.seconds)
        } catch {
            throw ValidationError("\(error)")
        }
    }

    func run() async throws {
        let demo = try self.demo()
        // Before anything is started that would be left behind.
        let signals = await Signals()
        let work = Task { try await demo.run() }
        signals.onFirst { work.cancel() }
        let result = await work.result
        guard let number = signals.received else { return try result.get() }
        let message = "\nInterrupted; nothing is left running.\n"
        _ = write(STDERR_FILENO, message, message.utf8.count)
        throw ExitCode(128 + number)
    }
}
