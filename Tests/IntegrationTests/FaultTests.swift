import Foundation
import NIOCore
import NetworkTestSupport
import Teleport
import Testing

/// Servers die, hang, crawl and break off under 500 requests a second: what can be answered is, and the rest is told.
@Suite("httptp, when servers fail under load", .timeLimit(.minutes(10)), .serialized)
struct FaultTests {
    enum Chain: String, CaseIterable, CustomTestStringConvertible {
        /// Clients → httptp → origins.
        case http
        /// Clients → httptp ═ httptp → origins.
        case teleport

        var testDescription: String { self.rawValue }
    }

    /// The proxies between the client and its origins.
    private struct Rig {
        let processes: [HTTPTPProcess]
        let scratch: Scratch
        let originPorts: [Int]
        var port: Int { self.processes[0].port }

        init(_ chain: Chain, to originPorts: [Int], timeout: String) async throws {
            self.scratch = try Scratch()
            self.originPorts = originPorts
            let out = originPorts.map { "127.0.0.1:\($0)" }.joined(separator: ",")
            let options = [
                "-out", out, "-outType", "http", "-outTimeout", timeout, "-accessLog", "\(self.scratch.path)/0",
            ]
            switch chain {
            case .http:
                self.processes = [try await HTTPTPProcess(options)]
            case .teleport:
                let far = try await HTTPTPProcess(["-inType", "teleport", "-inCompress", "lz4"] + options)
                // More patient than the far one, which then is the one to say what went wrong.
                let near = try await HTTPTPProcess([
                    "-out", "127.0.0.1:\(far.port)", "-outCompress", "lz4", "-outTimeout", "20s",
                    "-accessLog", "\(self.scratch.path)/1",
                ])
                self.processes = [near, far]
            }
        }

        /// Words for failures, in the logs of all.
        func failures() throws -> [String: Int] {
            try ["0", "1"].map { try AccessLines("\(self.scratch.path)/\($0)").failures }
                .reduce([:]) { $0.merging($1, uniquingKeysWith: +) }
        }

        /// How many requests an origin was the last to be asked.
        func count(of originPort: Int) throws -> Int {
            try AccessLines("\(self.scratch.path)/0").lines.count {
                $0["upstream"] as? String == "127.0.0.1:\(originPort)"
            }
        }

        var descriptors: [Int] { self.processes.map(\.process.descriptorCount) }
        var memory: [Int] { self.processes.map(\.process.residentSize) }
        func upstreamConnections() throws -> Int {
            try self.originPorts.reduce(0) { try $0 + establishedConnections(to: $1) }
        }
        func clientConnections() throws -> Int { try establishedConnections(to: self.port) }

        func stop() async throws {
            for process in self.processes { #expect(try await process.stop() == 0) }
        }
    }

    /// What a load of requests came to, and what the logs say.
    private struct Report {
        let outcome: LoadClient.Outcome
        let failures: [String: Int]
        /// Requests without 200, in one way or another.
        var unanswered: Int { self.outcome.total - (self.outcome.answered[200] ?? 0) }
        /// Failures that the logs tell of.
        var explained: Int { self.failures.values.reduce(0, +) }
        /// How many they should tell of: an answer that breaks off on its way through two proxies breaks off in both.
        let expected: Int
    }

    /// Has `fault` happen under load, and `repair` later; compares what the processes hold before and after.
    private func load(
        _ name: String, _ rig: Rig, fault: () async throws -> Void, repair: () async throws -> Void = {}
    ) async throws -> Report {
        // Warm: everything is there that stays.
        let first = LoadClient(port: rig.port, requestsPerSecond: 500, connections: 20)
        defer { first.stop() }
        async let warming = first.run(target: "/small.txt")
        #expect(try await eventually { first.current.total >= 300 })
        first.stop()
        let warmed = await warming
        #expect(try await eventually { try rig.clientConnections() == 0 })
        let (descriptors, memory) = (rig.descriptors, rig.memory)
        let upstream = try rig.upstreamConnections()

        let client = LoadClient(port: rig.port, requestsPerSecond: 500, connections: 20)
        defer { client.stop() }
        async let running = client.run(target: "/small.txt")
        #expect(try await eventually { client.current.total >= 250 })
        try await fault()
        #expect(try await eventually(within: .seconds(60)) { client.current.total >= 1500 })
        try await repair()
        #expect(try await eventually(within: .seconds(60)) { client.current.total >= 2000 })
        client.stop()
        var outcome = await running

        // Those of the beginning count too: a server may be bad from the first request on.
        for (code, count) in warmed.answered { outcome.answered[code, default: 0] += count }
        outcome.lost += warmed.lost
        outcome.refused += warmed.refused
        // The log is written a moment later, within a quarter of a second.
        let expected = outcome.total - (outcome.answered[200] ?? 0) + (rig.processes.count - 1) * outcome.lost
        _ = try await eventually(within: .seconds(5)) {
            try rig.failures().values.reduce(0, +) >= expected
        }
        // What is held is what was held, but for idle connections to origins.
        let settles = try await eventually {
            guard try rig.clientConnections() == 0 else { return false }
            let idle = try rig.upstreamConnections() - upstream
            return rig.descriptors.reduce(0, +) - descriptors.reduce(0, +) == idle
        }
        let idle = try rig.upstreamConnections()
        #expect(settles, "\(rig.descriptors), before: \(descriptors); idle: \(idle), before: \(upstream)")
        #expect(idle <= 2 * 20 * rig.originPorts.count)
        for (after, before) in zip(rig.memory, memory) {
            #expect(after - before < 16_384, "KiB: \(rig.memory), before: \(memory)")
        }
        let failures = try rig.failures()
        report(
            "\(name): \(outcome); \(failures); KiB \(memory) → \(rig.memory); fds \(descriptors) → \(rig.descriptors)")
        return Report(outcome: outcome, failures: failures, expected: expected)
    }

    private func rawOrigin(_ answer: @escaping @Sendable (RawPeer) async throws -> Void) async throws -> (
        RawServer, Int
    ) {
        let server = try await RawServer { peer in
            var seen = ""
            while let bytes = await peer.readSome() {
                seen += String(buffer: bytes)
                while let end = seen.range(of: "\r\n\r\n") {
                    seen.removeSubrange(..<end.upperBound)
                    try await answer(peer)
                }
            }
            await peer.close()
        }
        guard case .tcp(_, let port) = server.address else { return (server, 0) }
        return (server, port)
    }

    // MARK: Origins

    @Test(
        "one of two origins is killed and started again: nobody notices, and it is used again",
        arguments: Chain.allCases)
    func killed(chain: Chain) async throws {
        let (first, second) = (try await Nginx(), try await Nginx())
        let rig = try await Rig(chain, to: [first.port, second.port], timeout: "3s")
        var again: Nginx?
        let result = try await self.load("origin killed, \(chain)", rig) {
            try await first.process.killNow()
        } repair: {
            again = try await Nginx(port: first.port)
        }
        // Apart from an answer that had begun.
        #expect(result.explained == result.expected, "\(result)")
        #expect(Set(result.failures.keys).isSubset(of: ["bad_answer"]), "\(result)")
        #expect(result.unanswered <= 2, "\(result)")
        try await self.isTrusted(first.port, rig)
        try await rig.stop()
        try await again?.stop()
        try await second.stop()
    }

    /// Waits until the server at that port is asked again, under load, while all are answered.
    private func isTrusted(_ port: Int, _ rig: Rig) async throws {
        let count = try rig.count(of: port)
        let client = LoadClient(port: rig.port, requestsPerSecond: 500, connections: 20)
        defer { client.stop() }
        async let running = client.run(target: "/small.txt")
        #expect(try await eventually(within: .seconds(60)) { try rig.count(of: port) > count + 50 })
        client.stop()
        let outcome = await running
        #expect(outcome.answered == [200: outcome.total], "\(outcome)")
    }

    @Test("one of two origins does not listen: nobody notices", arguments: Chain.allCases)
    func refusing(chain: Chain) async throws {
        let second = try await Nginx()
        let rig = try await Rig(chain, to: [try unusedPort(), second.port], timeout: "3s")
        let result = try await self.load("origin refuses, \(chain)", rig, fault: {})
        #expect(result.outcome.answered == [200: result.outcome.total], "\(result)")
        #expect(result.explained == 0, "\(result)")
        try await rig.stop()
        try await second.stop()
    }

    @Test("one of two origins is slow: it is asked less, and all are answered", arguments: Chain.allCases)
    func slow(chain: Chain) async throws {
        let (server, port) = try await self.rawOrigin { peer in
            try await Task.sleep(for: .milliseconds(150))
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        }
        let second = try await Nginx()
        let rig = try await Rig(chain, to: [port, second.port], timeout: "3s")
        let result = try await self.load("origin slow, \(chain)", rig, fault: {})
        #expect(result.outcome.answered == [200: result.outcome.total], "\(result)")
        #expect(result.explained == 0, "\(result)")
        let (slow, quick) = (try rig.count(of: port), try rig.count(of: second.port))
        #expect(quick > 3 * slow, "\(quick) and \(slow)")
        try await rig.stop()
        await server.kill()
        try await second.stop()
    }

    @Test(
        "one of two origins hangs: those it was asked get 504, it is set aside, and comes back when it wakes up",
        arguments: Chain.allCases)
    func hung(chain: Chain) async throws {
        let (first, second) = (try await Nginx(), try await Nginx())
        let rig = try await Rig(chain, to: [first.port, second.port], timeout: "500ms")
        let result = try await self.load("origin hangs, \(chain)", rig) {
            first.process.send(SIGSTOP)
        } repair: {
            first.process.send(SIGCONT)
        }
        #expect(Set(result.outcome.answered.keys).isSubset(of: [200, 504]), "\(result)")
        #expect(result.outcome.lost == 0, "\(result)")
        #expect(result.explained == result.expected, "\(result)")
        #expect(Set(result.failures.keys) == ["timeout"], "\(result)")
        // Of 1500: what it was given before anybody could know, and a trial now and then.
        #expect(result.unanswered <= 40, "\(result)")
        try await self.isTrusted(first.port, rig)
        try await rig.stop()
        try await first.stop()
        try await second.stop()
    }

    @Test(
        "one of two origins resets in the middle of its answers: each one is told, and it is set aside",
        arguments: Chain.allCases)
    func resetting(chain: Chain) async throws {
        let (server, port) = try await self.rawOrigin { peer in
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n\(String(repeating: "a", count: 500))")
            // Sent, and probably read.
            try await Task.sleep(for: .milliseconds(20))
            try await peer.reset()
        }
        let second = try await Nginx()
        let rig = try await Rig(chain, to: [port, second.port], timeout: "3s")
        let result = try await self.load("origin resets, \(chain)", rig, fault: {})
        #expect(Set(result.outcome.answered.keys).isSubset(of: [200, 502]), "\(result)")
        #expect(result.outcome.refused == 0, "\(result)")
        #expect(result.explained == result.expected, "\(result)")
        #expect(Set(result.failures.keys).isSubset(of: ["bad_answer"]), "\(result)")
        #expect(result.unanswered <= 40, "\(result)")
        try await rig.stop()
        await server.kill()
        try await second.stop()
    }

    @Test("a server that goes on failing is tried ever more rarely", arguments: Chain.allCases)
    func trials(chain: Chain) async throws {
        // Nothing of an answer, so the other server is asked, and nobody notices.
        let (server, port) = try await self.rawOrigin { peer in await peer.close() }
        let second = try await Nginx()
        let rig = try await Rig(chain, to: [port, second.port], timeout: "3s")
        let client = LoadClient(port: rig.port, requestsPerSecond: 500, connections: 20)
        defer { client.stop() }
        async let running = client.run(target: "/small.txt")
        #expect(try await eventually { client.current.total >= 1000 })
        let early = server.connectionCount
        #expect(try await eventually { client.current.total >= 3000 })
        let late = server.connectionCount - early
        client.stop()
        let outcome = await running
        report("a server that fails, \(chain): tried \(early) times in 1000 requests, \(late) times in 2000 more")
        // At this rate 4 s, which a pause that began with 100 ms and doubles each time has room in for twice.
        #expect(late <= 8, "\(early) before")
        #expect(outcome.answered == [200: outcome.total], "\(outcome)")
        #expect(try rig.failures() == [:])
        try await rig.stop()
        await server.kill()
        try await second.stop()
    }

    // MARK: The other httptp

    private func far(_ originPort: Int, port: Int = 0) async throws -> HTTPTPProcess {
        try await HTTPTPProcess(
            ["-inType", "teleport", "-inCompress", "snappy", "-out", "127.0.0.1:\(originPort)", "-outType", "http"],
            port: port)
    }

    @Test("one of two far httptp is killed and started again: nobody notices, and it is used again")
    func oneFarKilled() async throws {
        let nginx = try await Nginx()
        let scratch = try Scratch()
        let (first, second) = (try await self.far(nginx.port), try await self.far(nginx.port))
        let near = try await HTTPTPProcess([
            "-out", "127.0.0.1:\(first.port),127.0.0.1:\(second.port)", "-outCompress", "snappy", "-accessLog",
            "\(scratch.path)/log",
        ])
        let client = LoadClient(port: near.port, requestsPerSecond: 500, connections: 20)
        defer { client.stop() }
        async let running = client.run(target: "/small.txt")
        #expect(try await eventually { client.current.total >= 500 })
        try await first.process.killNow()
        #expect(try await eventually { client.current.total >= 1500 })
        func asked() throws -> Int {
            try AccessLines("\(scratch.path)/log").lines.count {
                $0["upstream"] as? String == "127.0.0.1:\(first.port)"
            }
        }
        let again = try await self.far(nginx.port, port: first.port)
        let count = try asked()
        #expect(try await eventually(within: .seconds(60)) { try asked() > count + 50 })
        client.stop()
        let outcome = await running
        report("one of two far killed: \(outcome)")
        let unanswered = outcome.total - (outcome.answered[200] ?? 0)
        #expect(try await near.stop() == 0)
        let log = try AccessLines("\(scratch.path)/log")
        #expect(log.failures.values.reduce(0, +) == unanswered, "\(outcome) \(log.failures)")
        #expect(unanswered == 0, "\(outcome) \(log.failures)")
        for process in [second, again] { #expect(try await process.stop() == 0) }
        try await nginx.stop()
    }

    @Test("the only far httptp is killed and started again: every request is answered, and then with 200 again")
    func onlyFarKilled() async throws {
        let nginx = try await Nginx()
        let scratch = try Scratch()
        let far = try await self.far(nginx.port)
        let near = try await HTTPTPProcess([
            "-out", "127.0.0.1:\(far.port)", "-outCompress", "snappy", "-accessLog", "\(scratch.path)/log",
        ])
        let client = LoadClient(port: near.port, requestsPerSecond: 500, connections: 20)
        defer { client.stop() }
        async let running = client.run(target: "/small.txt")
        #expect(try await eventually { client.current.total >= 500 })
        let descriptors = near.process.descriptorCount
        try await far.process.killNow()
        #expect(try await eventually { (client.current.answered[502] ?? 0) >= 20 })
        let again = try await self.far(nginx.port, port: far.port)
        let count = client.current.answered[200] ?? 0
        #expect(try await eventually { (client.current.answered[200] ?? 0) >= count + 500 })
        // It is the one link that is back, and nothing else.
        #expect(try await eventually { near.process.descriptorCount == descriptors })
        let late = client.current
        #expect(try await eventually { client.current.total >= late.total + 500 })
        client.stop()
        let outcome = await running
        report("only far killed: \(outcome)")
        #expect(outcome.answered[502] == late.answered[502], "failing on and on")
        #expect(Set(outcome.answered.keys) == [200, 502], "\(outcome)")
        #expect(outcome.lost == 0, "\(outcome)")
        #expect(try await near.stop() == 0)
        let log = try AccessLines("\(scratch.path)/log")
        #expect(log.failures.values.reduce(0, +) == outcome.answered[502], "\(outcome) \(log.failures)")
        #expect(Set(log.failures.keys).isSubset(of: ["connection_lost", "unreachable"]), "\(log.failures)")
        #expect(try await again.stop() == 0)
        try await nginx.stop()
    }
}
