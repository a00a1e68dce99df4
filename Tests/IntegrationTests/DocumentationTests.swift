import Foundation
import Testing

@testable import httptp

/// Every option is told everywhere, and once.
@Suite("The documentation of httptp's options", .timeLimit(.minutes(10)))
struct DocumentationTests {
    private static let names = ProxyOption.allCases.map(\.name)

    /// Runs the real program.
    private func output(_ arguments: [String]) async throws -> String {
        let (status, text) = try await ChildProcess.run(Programs.httptp, arguments)
        #expect(status == 0, "\(text)")
        return text
    }

    @Test("help lists every option once, in the order of the table, with its default")
    func help() async throws {
        let text = try await self.output(["--help"])
        let lines = text.split(separator: "\n").filter { $0.hasPrefix("  -") && !$0.contains("--help") }
        let listed = lines.compactMap { $0.firstMatch(of: /^  -(\w+), --([\w-]+)/) }
        #expect(listed.map { String($0.1) } == Self.names)
        #expect(listed.map { String($0.2) } == ProxyOption.allCases.map(\.longName))
        // Without the line breaks, which are the terminal's.
        let flat = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        for option in ProxyOption.allCases { #expect(flat.contains(option.definition.fullHelp), "\(option)") }
        for section in OptionSection.allCases { #expect(text.contains("\n\(section.title.uppercased()):\n")) }
    }

    @Test("the manual page lists every option once, in the order of the table")
    func manualPage() async throws {
        let text = try await self.output(["--man-page"]).replacing("\\-", with: "-")
        let listed = text.matches(of: /\.TP\n\\fB-(\w+)\\fR, \\fB--([\w-]+)\\fR/)
        #expect(listed.map { String($0.1) } == Self.names)
        #expect(listed.map { String($0.2) } == ProxyOption.allCases.map(\.longName))
        for heading in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "SIGNALS", "EXIT STATUS", "EXAMPLES", "SEE ALSO"]
        {
            #expect(text.contains("\n.SH \(heading)\n"))
        }
    }

    @Test("mandoc has nothing to say about the manual page")
    func manualPageIsWellFormed() async throws {
        let scratch = try Scratch()
        try scratch.write("httptp.1", Data(ManualPage.text.utf8))
        let (status, text) = try await ChildProcess.run(
            try Programs.find("mandoc"), ["-Tlint", "-Wstyle", "\(scratch.path)/httptp.1"])
        #expect(status == 0 && text.isEmpty, "\(text)")
    }

    @Test("each completion script has every option once", arguments: CompletionShell.allCases)
    func completionScripts(shell: CompletionShell) async throws {
        let text = try await self.output(["--generate-completion-script", shell.rawValue])
        let listed =
            switch shell {
            case .bash, .zsh: text.matches(of: /\n +'(\w+)\|([\w-]+)\|/).map { (String($0.1), String($0.2)) }
            case .fish: text.matches(of: /\n__httptp_option (\w+) ([\w-]+) '/).map { (String($0.1), String($0.2)) }
            }
        #expect(listed.map(\.0) == Self.names)
        #expect(listed.map(\.1) == ProxyOption.allCases.map(\.longName))
    }

    /// What bash offers for a command line that ends where the cursor is; bash takes `=` for a word of its own.
    private func completed(_ words: [String]) async throws -> [String] {
        let scratch = try Scratch()
        try scratch.write("a.pem", Data())
        try scratch.write("script", Data(try await self.output(["--generate-completion-script=bash"]).utf8))
        let program = """
            cd '\(scratch.path)' && source ./script
            COMP_WORDS=(httptp "$@") COMP_CWORD=$#
            _httptp
            printf '%s\\n' "${COMPREPLY[@]}"
            """
        let bash = try Programs.find("bash")
        let (status, text) = try await ChildProcess.run(bash, ["--norc", "-c", program, "bash"] + words)
        #expect(status == 0, "\(text)")
        return text.split(separator: "\n").map(String.init)
    }

    @Test(
        "bash completes names and values in every spelling",
        arguments: [
            (["-inT"], ["-inType", "-inTLSCert", "-inTLSKey", "-inTLSClientCA"]),
            (["--in-t"], ["--in-type", "--in-tls-cert", "--in-tls-key", "--in-tls-client-ca"]),
            (["--inTy"], ["--inType"]), (["-in-ty"], ["-in-type"]),
            (["-inType", "h"], ["http", "https"]), (["--inType", "h"], ["http", "https"]),
            (["-in-type", "h"], ["http", "https"]), (["--in-type", "h"], ["http", "https"]),
            (["-inType", "=", "h"], ["http", "https"]),
            (["--in-type", "="], ["http", "https", "unix", "teleport", "teleports"]),
            (["-inType=u"], ["-inType=unix"]), (["-inTLSCert", "a"], ["a.pem"]), (["-inTLSCert", "x,a"], ["x,a.pem"]),
            (["-outTimeout", ""], []), (["-inGetOnly", "="], ["true", "false"]), (["--ver"], ["--version"]),
            // None may be given twice.
            (["-inGetOnly", "-inGe"], []), (["--in-get-only", "=", "true", "-inGe"], []),
            (["-inType", "http", "--in-ty"], []),
        ])
    func bashCompletes(words: [String], offered: [String]) async throws {
        #expect(try await self.completed(words) == offered)
    }

    @Test("the table in README.md has every option once, and no other")
    func readme() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
        let section = try #require(text.split(separator: "\n## ").first { $0.hasPrefix("httptp\n") })
        let rows = section.split(separator: "\n").filter { $0.hasPrefix("| `-") }
        // The first cell: others may mention options too.
        let listed = rows.flatMap { row in
            row.dropFirst().prefix { $0 != "|" }.matches(of: /`-(\w+)`/).map { String($0.1) }
        }
        #expect(listed.count == Set(listed).count, "twice: \(listed)")
        #expect(Set(listed) == Set(Self.names))
    }
}
