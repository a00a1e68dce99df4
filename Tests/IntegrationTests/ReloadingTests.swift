import Foundation
import NIOCore
import NetworkTestSupport
import Teleport
import Testing

/// A running `httptp` is given another configuration under 500 requests a second.
@Suite("httptp, reloaded under load", .timeLimit(.minutes(10)), .serialized)
struct ReloadingTests {
    /// A running `httptp` with a file, and what it is told.
    private struct Rig {
        let scratch: Scratch
        let process: HTTPTPProcess
        var text: String { self.process.process.text }

        init(_ configuration: String) async throws {
            self.scratch = try Scratch()
            try self.scratch.write("httptp.yaml", Data(configuration.utf8))
            self.process = try await HTTPTPProcess(only: [
                "--config", "\(self.scratch.path)/httptp.yaml", "-expvarAddr=",
            ])
        }

        /// Writes another file, and has it read.
        func reload(_ configuration: String, until word: String = " reloaded") async throws {
            let before = self.text.ranges(of: word).count
            try self.scratch.write("httptp.yaml", Data(configuration.utf8))
            kill(self.process.process.pid, SIGHUP)
            let isTold = try await eventually { self.text.ranges(of: word).count > before }
            try #require(isTold, "\(self.text)")
        }
    }

    /// Runs `body` under load; all that was asked has been answered with 200.
    private func underLoad(
        _ port: Int, target: String = "/small.txt", _ body: () async throws -> Void
    ) async throws {
        let load = LoadClient(port: port, requestsPerSecond: 500, connections: 20)
        async let outcome = load.run(target: target)
        while load.current.total < 100 { try await Task.sleep(for: .milliseconds(10)) }
        do { try await body() } catch {
            load.stop()
            _ = await outcome
            throw error
        }
        let before = load.current.total
        while load.current.total < before + 100 { try await Task.sleep(for: .milliseconds(10)) }
        load.stop()
        let result = await outcome
        #expect(result.lost == 0 && result.refused == 0 && result.answered.keys.sorted() == [200], "\(result)")
    }

    @Test("servers, limits, codecs and addresses change, and no request is lost", arguments: ["http", "teleport"])
    func reload(link: String) async throws {
        let (one, other) = (try await Nginx(), try await Nginx())
        let extra = try unusedPort()
        var far: HTTPTPProcess?
        if link == "teleport" {
            far = try await HTTPTPProcess(["-inType", "teleport", "-out", "127.0.0.1:\(one.port)", "-outType", "http"])
        }
        func configuration(_ round: Int) -> String {
            let server =
                far.map { "teleport://127.0.0.1:\($0.port)" } ?? "http://127.0.0.1:\([one, other][round % 2].port)"
            return """
                listen:
                  - url: http://127.0.0.1:0
                    idle-timeout: \(100 + round / 2)s
                \(round % 3 == 1 ? "  - http://127.0.0.1:\(extra)" : "")
                forward:
                  servers: [\(server)]
                  codec: \(["zstd", "snappy", "lz4"][round % 3])
                  timeout: 30s
                """
        }
        let rig = try await Rig(configuration(0))
        try await self.underLoad(rig.process.port) {
            for round in 1...6 {
                try await rig.reload(configuration(round))
                if round % 3 == 1 {
                    #expect(try await Curl.code(["http://127.0.0.1:\(extra)/small.txt"]) == "200")
                }
                try await Task.sleep(for: .milliseconds(300))
            }
        }
        #expect(try await rig.process.stop() == 0)
        #expect(!rig.text.contains("request failed"), "\(rig.text)")
        if let far { #expect(try await far.stop() == 0) }
        try await one.stop()
        try await other.stop()
    }

    @Test("a file with a mistake changes nothing, and the log says what is wrong with it; so does an address in use")
    func mistake() async throws {
        let nginx = try await Nginx()
        let good = "listen: http://127.0.0.1:0\nforward: http://127.0.0.1:\(nginx.port)\n"
        let rig = try await Rig(good)
        try await self.underLoad(rig.process.port) {
            try await rig.reload("lisen: x\n", until: "nothing is changed")
            #expect(rig.text.contains("httptp.yaml:1: there is no `lisen`"), "\(rig.text)")
            try await rig.reload(
                "listen: [http://127.0.0.1:0, http://127.0.0.1:\(nginx.port)]\nforward: http://127.0.0.1:1\n",
                until: "nothing is changed")
            #expect(rig.text.contains("Cannot listen at 127.0.0.1:\(nginx.port)"), "\(rig.text)")
            try await rig.reload(good)
        }
        #expect(try await rig.process.stop() == 0)
        try await nginx.stop()
    }

    @Test("a certificate whose files were replaced is shown to new clients, without a signal; a bad one is not taken")
    func certificates() async throws {
        let certificates = try await Certificates()
        let nginx = try await Nginx()
        let scratch = try Scratch()
        func install(_ files: Certificates.Files) throws {
            for (path, name) in [(files.chain, "chain.pem"), (files.key, "key.pem")] {
                try scratch.write(name, try #require(FileManager.default.contents(atPath: path)))
            }
        }
        try install(certificates.a)
        let rig = try await Rig(
            """
            listen:
              - url: http://127.0.0.1:0
              - url: https://127.0.0.1:0
                tls-cert: \(scratch.path)/chain.pem
                tls-key: \(scratch.path)/key.pem
            forward: http://127.0.0.1:\(nginx.port)
            """)
        let secure = try #require(
            rig.text.firstMatch(of: /in=127\.0\.0\.1:\d+,127\.0\.0\.1:(\d+)/).flatMap { Int($0.1) })
        func subject() async throws -> String? {
            try await ChildProcess.run(
                try Programs.find("openssl"), ["s_client", "-connect", "127.0.0.1:\(secure)"]
            ).text.split(separator: "\n").first { $0.hasPrefix("subject=") }.map(String.init)
        }
        #expect(try await subject() == "subject=CN = a.test")
        // A connection that goes on through all of it.
        let old = try ChildProcess(
            try Programs.find("sh"),
            [
                "-c",
                "(printf 'GET /small.txt HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'; while [ ! -e \(scratch.path)/over ]; do sleep 0.1; done; "
                    + "printf 'GET /small.txt HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n'; sleep 5) | "
                    + "openssl s_client -quiet -connect 127.0.0.1:\(secure) 2>/dev/null",
            ])
        let isAnswered = try await old.wrote("Hello, world!")
        #expect(isAnswered)
        try await self.underLoad(rig.process.port) {
            try install(certificates.b)
            let isShown = try await eventually { try await subject() == "subject=CN = b.test" }
            #expect(isShown, "\(rig.text)")
            // The key belongs to another one.
            try install(Certificates.Files(chain: certificates.a.chain, key: certificates.b.key))
            let isTold = try await eventually { rig.text.contains("does not belong to the certificate") }
            #expect(isTold, "\(rig.text)")
            #expect(try await subject() == "subject=CN = b.test")
        }
        try scratch.write("over", Data())
        let isAnsweredAgain = try await eventually { old.text.ranges(of: "Hello, world!").count == 2 }
        #expect(isAnsweredAgain, "\(old.text)")
        old.endNow()
        #expect(try await rig.process.stop() == 0)
        try await nginx.stop()
    }
}
