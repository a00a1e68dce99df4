import Foundation
import Testing

/// Every command of the README is run by a test, or there is a reason why not.
@Suite("The commands of the README", .timeLimit(.minutes(10)))
struct ReadmeCommandTests {
    /// What becomes of a command.
    private enum Fate {
        /// It is run here.
        case here
        /// It is run by the test in that file whose name begins so.
        case elsewhere(file: String, test: String)
        /// It cannot be.
        case not(String)
    }

    /// By how commands begin; the first that fits counts.
    private static let fates: [(start: String, fate: Fate)] = [
        ("httptp estimate ", .here),
        ("httptp --man-page ", .elsewhere(file: "DocumentationTests", test: "the manual page lists every option")),
        (
            "httptp --generate-completion-script ",
            .elsewhere(file: "DocumentationTests", test: "each completion script")
        ),
        ("httptp --print-config", .elsewhere(file: "ConfigurationTests", test: "-check reads it all")),
        ("httptp -", .elsewhere(file: "RecipeTests", test: "every one of them is a good configuration")),
        ("swift run -c release teleport-conformance --connect ", .here),
        (
            "swift run -c release teleport-conformance --listen ",
            .elsewhere(
                file: "../TeleportConformanceTests/ClientConformanceTests", test: "Our client keeps the specification")
        ),
        ("swift run PrefaceDump", .here),
        ("Scripts/demo", .not("It builds a release, and shows figures for a minute.")),
        ("Scripts/test", .not("It is what runs this.")),
        ("Scripts/bench", .not("It builds a release; Scripts/gate builds and runs the same in CI.")),
        ("apt-get install ", .not("It changes the machine.")),
        (
            "swift build ",
            .not(
                "A build with another trait, or a release, takes as long as the first one; CI tests that trait, and builds so "
                    + "for Scripts/gate.")
        ),
        ("systemctl ", .not("That needs systemd as the first process; SystemdTests and RestartTests send the signal.")),
    ]

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Commands in blocks without a language, and between backticks; programs that are only named are none.
    private static func commands() throws -> [String] {
        let text = try String(contentsOf: Self.root.appendingPathComponent("README.md"), encoding: .utf8)
        var commands: [String] = []
        for (index, part) in text.split(separator: "\n```", omittingEmptySubsequences: false).enumerated() {
            if index % 2 == 0 {
                for span in part.matches(of: /`([^`]+)`/) {
                    commands.append(span.1.split(whereSeparator: \.isWhitespace).joined(separator: " "))
                }
            } else if part.hasPrefix("\n") {
                commands += part.split(separator: "\n").map { String($0.trimmingPrefix("$ ")) }
            }
        }
        let isCommand = /(httptp|swift|apt-get|systemctl|docker|curl|kill) .+|Scripts\/\w+.*/
        return commands.filter { $0.wholeMatch(of: isCommand) != nil && $0 != "httptp estimate" }
    }

    private func fate(of command: String) -> Fate? { Self.fates.first { command.hasPrefix($0.start) }?.fate }

    @Test("each has its place in the table, and nothing else is there")
    func table() throws {
        let commands = try Self.commands()
        #expect(commands.count >= 15, "\(commands)")
        for command in commands { #expect(self.fate(of: command) != nil, "run it in a test: \(command)") }
        for (start, fate) in Self.fates {
            #expect(commands.contains { $0.hasPrefix(start) }, "not in the README any more: \(start)")
            guard case .elsewhere(let file, let test) = fate else { continue }
            let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
                "\(file).swift")
            let text = try String(contentsOf: path, encoding: .utf8)
            #expect(text.contains("\"\(test)"), "\(file) has no test that begins with: \(test)")
        }
    }

    /// The one command that begins so, in words.
    private func words(of start: String) throws -> [String] {
        let command = try #require(try Self.commands().first { $0.hasPrefix(start) })
        let code = command.split(separator: "#")[0]
        return code.split(separator: " ").map(String.init)
    }

    private static func program(_ name: String) -> String {
        URL(fileURLWithPath: Programs.httptp).deletingLastPathComponent().appendingPathComponent(name).path
    }

    @Test("the estimate reads the files that it names, and writes the plot")
    func estimate() async throws {
        let scratch = try Scratch()
        let lines = Data((0..<50).map { #"{"id": \#($0)}"# }.joined(separator: "\n").utf8)
        for name in ["requests.jsonl", "answers.jsonl"] { try scratch.write(name, lines) }
        let arguments = try self.words(of: "httptp estimate ").dropFirst().map {
            $0.contains(".") ? "\(scratch.path)/\($0)" : $0
        }
        let (status, text) = try await ChildProcess.run(Programs.httptp, arguments)
        #expect(status == 0 && text.contains("requests.jsonl: 50 exchanges"), "\(text)")
        #expect(FileManager.default.fileExists(atPath: "\(scratch.path)/plot.svg"))
    }

    @Test("teleport-conformance tests a running httptp")
    func conformance() async throws {
        let nginx = try await Nginx()
        let process = try await HTTPTPProcess([
            "-inType", "teleport", "-out", "127.0.0.1:\(nginx.port)", "-outType", "http",
        ])
        let words = try self.words(of: "swift run -c release teleport-conformance --connect ")
        let arguments = words.dropFirst(5).map { $0 == "127.0.0.1:8043" ? "127.0.0.1:\(process.port)" : $0 }
        #expect(arguments.contains("127.0.0.1:\(process.port)"))
        // One check: all of them are what the tests of the tool run.
        let (status, text) = try await ChildProcess.run(
            Self.program("teleport-conformance"), arguments + ["--rule", "V1-41/zero-connection"])
        #expect(status == 0 && text.contains("pass     V1-41/zero-connection"), "\(text)")
        #expect(try await process.stop() == 0)
        try await nginx.stop()
    }

    @Test(
        "the one-page programs run, and end",
        arguments: ["PrefaceDump", "CompressStream", "HeadInspector", "PendingCalls", "EchoLines"])
    func examples(name: String) async throws {
        let text = try String(contentsOf: Self.root.appendingPathComponent("README.md"), encoding: .utf8)
        #expect(text.contains("`swift run \(name)`") || text.contains("`\(name)`"))
        let (status, output) = try await ChildProcess.run(
            try Programs.find("sh"),
            ["-c", "printf 'GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n' | \"$0\"", Self.program(name)])
        #expect(status == 0, "\(output)")
        #expect(!output.isEmpty)
    }
}
