import Foundation
import Testing

/// SIGTERM to a real `httptp` under a thousand requests a second: what it accepted, it answers.
@Suite("SIGTERM under load", .timeLimit(.minutes(10)), .serialized)
struct SIGTERMTests {
    /// Returns when `client` has had `count` more answers.
    private func answers(_ count: Int, from client: LoadClient) async throws {
        let goal = client.current.total + count
        while client.current.total < goal { try await Task.sleep(for: .milliseconds(10)) }
    }

    @Test("to the one near the clients: every request it accepted is answered, then it ends")
    func near() async throws {
        let nginx = try await Nginx()
        let pair = try await HTTPTPPair(codec: "flate", originPort: nginx.port)
        let client = LoadClient(port: pair.port)
        defer { client.stop() }
        async let outcome = client.run(target: "/small.txt")
        try await self.answers(1000, from: client)
        let code = try await pair.near.stop()
        let result = await outcome
        #expect(code == 0)
        #expect(result.lost == 0, "\(result)")
        #expect(result.answered.keys.sorted() == [200], "\(result)")
        #expect(try await pair.far.stop() == 0)
        try await nginx.stop()
    }

    @Test("to one of two far from the clients: the other takes over, and nobody notices")
    func far() async throws {
        let nginx = try await Nginx()
        let options = [
            "-inType", "teleport", "-inCompress", "snappy", "-out", "127.0.0.1:\(nginx.port)", "-outType", "http",
        ]
        let first = try await HTTPTPProcess(options)
        let second = try await HTTPTPProcess(options)
        let near = try await HTTPTPProcess([
            "-out", "127.0.0.1:\(first.port),127.0.0.1:\(second.port)", "-outCompress", "snappy",
        ])
        let client = LoadClient(port: near.port)
        defer { client.stop() }
        async let outcome = client.run(target: "/small.txt")
        try await self.answers(1000, from: client)
        let code = try await first.stop()
        #expect(code == 0)
        try await self.answers(1000, from: client)
        client.stop()
        let result = await outcome
        #expect(result.lost == 0, "\(result)")
        #expect(result.answered.keys.sorted() == [200], "\(result)")
        #expect(try await near.stop() == 0)
        #expect(try await second.stop() == 0)
        try await nginx.stop()
    }

    @Test("to the only one far from the clients: every request is answered, those it had accepted with 200")
    func onlyFar() async throws {
        let nginx = try await Nginx()
        let pair = try await HTTPTPPair(codec: "lz4", originPort: nginx.port)
        let client = LoadClient(port: pair.port)
        defer { client.stop() }
        async let outcome = client.run(target: "/small.txt")
        try await self.answers(1000, from: client)
        let code = try await pair.far.stop()
        #expect(code == 0)
        // From now on the near one has nobody to ask, and says so.
        try await self.answers(100, from: client)
        client.stop()
        let result = await outcome
        #expect(result.lost == 0, "\(result)")
        #expect(Set(result.answered.keys).isSubset(of: [200, 502]), "\(result)")
        #expect(try await pair.near.stop() == 0)
        try await nginx.stop()
    }
}
