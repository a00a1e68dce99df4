import ArgumentParser
import Foundation
import Teleport
import TeleportEstimate
import TeleportReport

/// `httptp estimate`: what a link would carry of somebody's own traffic.
struct EstimateCommand: AsyncParsableCommand {
    static let name = "estimate"

    static let configuration = CommandConfiguration(
        commandName: "\(About.name) \(Self.name)",
        abstract: "Tells what a link would carry of your own traffic, and what CPU that would cost.",
        discussion: """
            The traffic goes through a real link between two ends in this process, once with each codec and each size of \
            batches. FILE is a HAR file, as the developer tools of browsers save it (Network, Save all as HAR with \
            content), or a file with a JSON text in each line, which are the bodies of requests.

            Batches grow with the load: 1 is a link that is almost idle, 100 a busy one.
            """)

    @Argument(help: ArgumentHelp("A HAR file, or JSON lines.", valueName: "file"))
    var file: String

    @Option(help: ArgumentHelp("JSON lines that answer those of <file>, as many.", valueName: "file"))
    var answers: String?

    @Option(
        help: ArgumentHelp(
            "The codecs to try, separated by commas. (default: \(Estimate.defaultCodecs.map(\.name).joined(separator: ",")))",
            valueName: "codecs"))
    var codecs: String?

    @Option(
        help: ArgumentHelp(
            "Messages in a batch, separated by commas. (default: \(Estimate.defaultBatches.map(String.init).joined(separator: ",")))",
            valueName: "sizes"))
    var batches: String?

    @Option(help: ArgumentHelp("Also write a plot, as SVG.", valueName: "file"))
    var svg: String?

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    func validate() throws {
        _ = try self.chosenCodecs()
        _ = try self.chosenBatches()
    }

    func run() async throws {
        let traffic = try RecordedTraffic.read(self.file, answers: self.answers)
        let estimate = try await self.estimate(of: traffic)
        let name = URL(fileURLWithPath: self.file).lastPathComponent
        print(self.json ? "\(estimate.json)\n" : estimate.text(of: name), terminator: "")
        guard let svg = self.svg else { return }
        do {
            try Data(estimate.plot(of: name).svg.utf8).write(to: URL(fileURLWithPath: svg))
        } catch {
            throw Unwritable(path: svg, reason: error.localizedDescription)
        }
    }

    private func estimate(of traffic: RecordedTraffic) async throws -> Estimate {
        let bar = ProgressBar()
        // Also where it fails: what is wrong is told on a line of its own.
        defer { bar.clear() }
        return try await Estimate(
            of: traffic, codecs: self.chosenCodecs(), batches: self.chosenBatches(), progress: bar.show)
    }

    private struct Unwritable: Error, CustomStringConvertible {
        let path: String
        let reason: String
        var description: String { "\(self.path) cannot be written: \(self.reason)" }
    }

    private func chosenCodecs() throws -> [CodecKind] {
        guard let codecs = self.codecs else { return Estimate.defaultCodecs }
        do {
            return try codecs.split(separator: ",", omittingEmptySubsequences: false).map(CodecKind.init(name:))
        } catch {
            throw ValidationError("--codecs: \(error.message)")
        }
    }

    private func chosenBatches() throws -> [Int] {
        guard let batches = self.batches else { return Estimate.defaultBatches }
        return try batches.split(separator: ",", omittingEmptySubsequences: false).map { text in
            guard let batch = Int(text), 1...Estimate.maximumBatch ~= batch else {
                throw ValidationError(
                    "--batches: expected numbers from 1 to \(Estimate.maximumBatch), separated by commas, got \"\(text)\"."
                )
            }
            return batch
        }
    }
}
