import Foundation
import Testing

/// curl → httptp → httptp → nginx, and the same without what is in between: the answers must not differ.
@Suite("curl through two httptp to nginx", .timeLimit(.minutes(10)), .serialized)
struct CurlTests {
    static let codecs = ["none", "flate", "snappy", "lz4"]

    private func curl(_ arguments: [String]) async throws -> String {
        let (status, text) = try await ChildProcess.run(
            try Programs.find("curl"), ["--silent", "--show-error", "--max-time", "60"] + arguments)
        try #require(status == 0, "curl \(arguments): \(text)")
        return text
    }

    /// Status line and fields that do not vary from one answer to the next.
    private func stable(_ head: String) -> [String] {
        head.split(separator: "\r\n").map(String.init).filter {
            let name = $0.lowercased()
            return !name.hasPrefix("date:") && !name.hasPrefix("connection:")
        }.sorted()
    }

    @Test("everything that nginx serves arrives as it is", arguments: codecs)
    func same(codec: String) async throws {
        let nginx = try await Nginx()
        let pair = try await HTTPTPPair(codec: codec, originPort: nginx.port)
        let scratch = try Scratch()
        let (direct, through) = ("http://127.0.0.1:\(nginx.port)", "http://127.0.0.1:\(pair.port)")

        // Bodies, 1 MB and empty ones included, and the status and fields that came with them.
        for (name, data) in Nginx.files {
            let paths = ["direct", "through"].map { "\(scratch.path)/\($0)-\(name)" }
            for (base, path) in zip([direct, through], paths) {
                _ = try await self.curl(["-o", path, "-D", "\(path).head", "\(base)/\(name)"])
            }
            #expect(FileManager.default.contents(atPath: paths[1]) == data, "\(name)")
            let heads = try paths.map { try String(contentsOfFile: "\($0).head", encoding: .utf8) }
            #expect(self.stable(heads[1]) == self.stable(heads[0]), "\(name)")
        }

        // HEAD, 204, 304, 404, a range: heads alike.
        for arguments in [
            ["-I", "/text.html"], ["-i", "/nothing"], ["-i", "/absent"], ["-i", "-r", "10-19", "/megabyte"],
            ["-i", "-H", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT", "/small.txt"],
        ] {
            let path = arguments[arguments.count - 1]
            let options = Array(arguments.dropLast()) + ["-o", "/dev/null", "-D", "-"]
            let expected = try await self.curl(options + [direct + path])
            let actual = try await self.curl(options + [through + path])
            #expect(self.stable(actual) == self.stable(expected), "\(arguments)")
        }

        // Chunked from the server: nginx cannot know how long what it compresses will be.
        let unpacked = "\(scratch.path)/unpacked"
        _ = try await self.curl(["--compressed", "-o", unpacked, "\(through)/text.html"])
        #expect(FileManager.default.contents(atPath: unpacked) == Nginx.files["text.html"])

        // Chunked to the server, with a wait for 100 (Continue), and with a length.
        for (name, options) in [
            ("chunked", ["-H", "Transfer-Encoding: chunked"]), ("waiting", ["-H", "Expect: 100-continue"]),
            ("length", ["-H", "Expect:"]),
        ] {
            let source = "\(nginx.scratch.path)/html/megabyte"
            _ = try await self.curl(["-f", "-T", source] + options + ["\(through)/up/\(name)"])
            #expect(
                FileManager.default.contents(atPath: "\(nginx.scratch.path)/html/up/\(name)")
                    == Nginx.files["megabyte"], "\(name)")
        }

        try await pair.stop()
        try await nginx.stop()
    }

    @Test("wrk with 200 connections: every answer is 200", arguments: codecs)
    func wrk(codec: String) async throws {
        let nginx = try await Nginx()
        let pair = try await HTTPTPPair(codec: codec, originPort: nginx.port)
        let (status, text) = try await ChildProcess.run(
            try Programs.find("wrk"),
            ["-t1", "-c200", "-d2s", "--timeout", "30s", "http://127.0.0.1:\(pair.port)/small.txt"])
        #expect(status == 0, "\(text)")
        #expect(!text.contains("Non-2xx"), "\(text)")
        #expect(!text.contains("Socket errors"), "\(text)")
        let count = try #require(text.firstMatch(of: /(\d+) requests in/).flatMap { Int($0.1) }, "\(text)")
        #expect(count > 200, "\(text)")
        try await pair.stop()
        try await nginx.stop()
    }
}
