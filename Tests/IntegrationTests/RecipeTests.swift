import Foundation
import Testing

/// What the README tells people to type, and the example that comes with it.
@Suite("The recipes of the README", .timeLimit(.minutes(10)))
struct RecipeTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The commands of the section about httptp.
    private static func recipes() throws -> [String] {
        let text = try String(contentsOf: Self.root.appendingPathComponent("README.md"), encoding: .utf8)
        let section = try #require(text.split(separator: "\n## ").first { $0.hasPrefix("httptp\n") })
        return section.split(separator: "\n").filter { $0.hasPrefix("httptp -") }.map(String.init)
    }

    /// A folder with the files that they name.
    private func folder() async throws -> (Scratch, Certificates) {
        let (scratch, certificates) = (try Scratch(), try await Certificates())
        for (name, path) in [
            ("site.pem", certificates.a.chain), ("site.key", certificates.a.key), ("ca.pem", certificates.authority),
        ] {
            try scratch.write(name, try #require(FileManager.default.contents(atPath: path)))
        }
        let example = Self.root.appendingPathComponent("Examples/httptp.yaml")
        try scratch.write("httptp.yaml", try Data(contentsOf: example))
        return (scratch, certificates)
    }

    @Test("every one of them is a good configuration")
    func all() async throws {
        let (scratch, _) = try await self.folder()
        let recipes = try Self.recipes()
        #expect(recipes.count >= 8, "\(recipes)")
        for recipe in recipes {
            let command = recipe.replacing("httptp -", with: "\"$0\" -", maxReplacements: 1)
            let check = recipe.contains("--check") ? "" : " --check"
            let (status, text) = try await ChildProcess.run(
                try Programs.find("sh"), ["-c", "cd '\(scratch.path)' && \(command)\(check)", Programs.httptp])
            #expect(status == 0 && text.contains("the configuration is good"), "\(recipe): \(text)")
        }
    }

    @Test("the recipe with URLs works: HTTP over TCP and over a unix socket, two servers behind, compressed")
    func urls() async throws {
        let nginx = try await Nginx()
        var far: [HTTPTPProcess] = []
        for _ in 0..<2 {
            far.append(
                try await HTTPTPProcess(only: [
                    "--listen", "teleport://127.0.0.1:0", "--forward", "http://127.0.0.1:\(nginx.port)", "--codec",
                    "zstd", "-expvarAddr=",
                ]))
        }
        let scratch = try Scratch()
        let near = try await HTTPTPProcess(only: [
            "--listen", "http://127.0.0.1:0", "--listen", "unix://\(scratch.path)/app.sock", "--forward",
            far.map { "teleport://127.0.0.1:\($0.port)" }.joined(separator: ","), "--codec", "zstd", "-expvarAddr=",
        ])
        #expect(try await Curl.code(["http://127.0.0.1:\(near.port)/small.txt"]) == "200")
        let path = "\(scratch.path)/app.sock"
        #expect(try await Curl.code(["--unix-socket", path, "http://localhost/small.txt"]) == "200")
        #expect(try await near.stop() == 0)
        for process in far { #expect(try await process.stop() == 0) }
        try await nginx.stop()
    }
}
