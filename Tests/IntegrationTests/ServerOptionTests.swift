import Foundation
import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import Testing

/// What the options about servers do, seen from outside of a running `httptp`, and one about idle clients.
@Suite("the options of a running httptp about its servers", .timeLimit(.minutes(10)), .serialized)
struct ServerOptionTests {
    /// An HTTP server that counts what it is asked for.
    private final class Origin: Sendable {
        private let counts: Counts
        let server: RawServer
        var connectionCount: Int { self.server.connectionCount }
        var port: Int { if case .tcp(_, let port) = self.server.address { port } else { 0 } }

        private final class Counts: Sendable {
            let byTarget = Mutex<[String: Int]>([:])
        }

        /// - Parameter answer: to a target; `nil` closes the connection instead.
        init(_ answer: @escaping @Sendable (String) async -> String?) async throws {
            let counts = Counts()
            self.counts = counts
            self.server = try await RawServer { peer in
                var seen = ""
                while let bytes = await peer.readSome() {
                    seen += String(buffer: bytes)
                    while let end = seen.range(of: "\r\n\r\n") {
                        let words = seen.split(separator: " ")
                        seen.removeSubrange(..<end.upperBound)
                        let target = words.count > 1 ? String(words[1]) : ""
                        counts.byTarget.withLock { $0[target, default: 0] += 1 }
                        guard let text = await answer(target) else { return await peer.close() }
                        peer.write(text)
                    }
                }
                await peer.close()
            }
        }

        convenience init() async throws { try await self.init { _ in Self.good } }

        static let good = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

        func count(_ target: String) -> Int { self.counts.byTarget.withLock { $0[target] ?? 0 } }
    }

    private func httptp(_ arguments: [String], to urls: String) async throws -> HTTPTPProcess {
        try await HTTPTPProcess(
            only: ["--listen", "http://127.0.0.1:0", "--forward", urls, "-expvarAddr="] + arguments)
    }

    private func ask(_ process: HTTPTPProcess, _ target: String = "/") async throws -> String {
        try await Curl.code(["http://127.0.0.1:\(process.port)\(target)"])
    }

    private func succeed(_ process: HTTPTPProcess) async throws {
        #expect(try await self.ask(process) == "200")
    }

    @Test("-outBalance round-robin: each in its turn, as often as its weight says")
    func roundRobin() async throws {
        let origins = [try await Origin(), try await Origin()]
        let process = try await self.httptp(
            ["-outBalance", "round-robin"],
            to: "http://127.0.0.1:\(origins[0].port)?weight=3,http://127.0.0.1:\(origins[1].port)")
        for _ in 0..<20 { #expect(try await self.ask(process) == "200") }
        #expect(origins.map { $0.count("/") } == [15, 5])
        #expect(try await process.stop() == 0)
        for origin in origins { await origin.server.kill() }
    }

    @Test("-outWarm 2: two connections are there before anybody asks")
    func warm() async throws {
        let origin = try await Origin()
        let process = try await self.httptp(["-outWarm", "2"], to: "http://127.0.0.1:\(origin.port)")
        #expect(try await eventually { origin.connectionCount == 2 })
        #expect(try await self.ask(process) == "200")
        #expect(origin.connectionCount == 2)
        #expect(try await process.stop() == 0)
        await origin.server.kill()
    }

    @Test("-outMaxAge 100ms: a connection that is older is replaced")
    func age() async throws {
        let origin = try await Origin()
        let process = try await self.httptp(["-outMaxAge", "100ms"], to: "http://127.0.0.1:\(origin.port)")
        let isReplaced = try await eventually {
            try await self.succeed(process)
            return origin.connectionCount >= 3
        }
        #expect(isReplaced)
        #expect(try await process.stop() == 0)
        await origin.server.kill()
    }

    @Test("-outHealthPath and -outHealthInterval: who fails is asked for nothing else, until it is well")
    func health() async throws {
        let isWell = Atomic(false)
        let (well, ill) = (
            try await Origin(),
            try await Origin { target in
                target == "/health" && !isWell.load(ordering: .relaxed)
                    ? "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n" : Origin.good
            }
        )
        let process = try await self.httptp(
            ["-outHealthPath", "/health", "-outHealthInterval", "50ms", "-outSlowStart", "0"],
            to: "http://127.0.0.1:\(well.port),http://127.0.0.1:\(ill.port)")
        // With the default, 5 s, this would take longer than anybody waits here.
        #expect(try await eventually { ill.count("/health") >= 10 && well.count("/health") >= 10 })
        let before = ill.count("/")
        for _ in 0..<10 { #expect(try await self.ask(process) == "200") }
        #expect(ill.count("/") == before)
        isWell.store(true, ordering: .relaxed)
        let isAsked = try await eventually {
            try await self.succeed(process)
            return ill.count("/") > before
        }
        #expect(isAsked)
        #expect(try await process.stop() == 0)
        await well.server.kill()
        await ill.server.kill()
    }

    @Test("-outHealthTimeout 60s: who takes longer for an answer than the interval is well all the same")
    func healthTimeout() async throws {
        let slow = try await Origin { target in
            if target == "/health" { try? await Task.sleep(for: .milliseconds(30)) }
            return Origin.good
        }
        let other = try await Origin()
        let process = try await self.httptp(
            [
                "-outHealthPath", "/health", "-outHealthInterval", "5ms", "-outHealthTimeout", "60s", "-outTimeout",
                "60s",
                "-outBalance", "round-robin",
            ], to: "http://127.0.0.1:\(slow.port),http://127.0.0.1:\(other.port)")
        // With the interval for a limit, each of these would have failed.
        #expect(try await eventually { slow.count("/health") >= 10 })
        for _ in 0..<10 { #expect(try await self.ask(process) == "200") }
        #expect(slow.count("/") == 5)
        #expect(try await process.stop() == 0)
        await slow.server.kill()
        await other.server.kill()
    }

    @Test("-outMaxHeaderSize 300: an answer with a larger head is 502")
    func answerHead() async throws {
        let origin = try await Origin { target in
            let length = target == "/long" ? 400 : 10
            return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: \(String(repeating: "a", count: length))\r\n\r\nok"
        }
        for (arguments, code) in [(["-outMaxHeaderSize", "300"], "502"), ([], "200")] {
            let process = try await self.httptp(arguments, to: "http://127.0.0.1:\(origin.port)")
            #expect(try await self.ask(process, "/short") == "200")
            #expect(try await self.ask(process, "/long") == code)
            #expect(try await process.stop() == 0)
        }
        await origin.server.kill()
    }

    @Test("-outRetryBudget 0: what fails is not tried a second time")
    func budget() async throws {
        let origin = try await Origin { _ in nil }
        for (arguments, count) in [(["-outRetryBudget", "0"], 1), ([], 2)] {
            let before = origin.count("/")
            let process = try await self.httptp(arguments, to: "http://127.0.0.1:\(origin.port)")
            #expect(try await self.ask(process) == "502")
            #expect(origin.count("/") == before + count)
            #expect(try await process.stop() == 0)
        }
        await origin.server.kill()
    }

    @Test("-inIdleTimeout 200ms: a client that asks for nothing is shown the door")
    func idle() async throws {
        let origin = try await Origin()
        let process = try await self.httptp(["-inIdleTimeout", "200ms"], to: "http://127.0.0.1:\(origin.port)")
        let peer = try await RawPeer.connect(to: .tcp(host: "127.0.0.1", port: process.port))
        peer.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let isClosed = Mutex(false)
        let watching = Task {
            let answer = await peer.readToEnd()
            #expect(String(buffer: answer).hasPrefix("HTTP/1.1 200 "))
            isClosed.withLock { $0 = true }
        }
        #expect(try await eventually { isClosed.withLock { $0 } })
        await peer.close()
        await watching.value
        #expect(try await process.stop() == 0)
        await origin.server.kill()
    }
}
