import Foundation
import Testing

/// Clients that hold on to what they have, while others want their answers.
@Suite("httptp, with slow clients", .timeLimit(.minutes(10)), .serialized)
struct SlowTests {
    enum Slowness: String, CaseIterable, CustomTestStringConvertible {
        /// A head that never ends, a field at a time.
        case head
        /// A body that hardly moves.
        case body
        /// An answer that is not taken.
        case read
        /// As many ranges of a file as a head can hold.
        case range

        var testDescription: String { self.rawValue }

        var opening: String {
            switch self {
            case .head: "GET / HTTP/1.1\r\nHost: a\r\n"
            case .body: "PUT /up/x HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\na"
            case .read: "GET /megabyte HTTP/1.1\r\nHost: a\r\n\r\n"
            case .range:
                "GET /megabyte HTTP/1.1\r\nHost: a\r\nRange: bytes=0-"
                    + (0..<500).map { ",5-\($0)" }.joined() + "\r\n\r\n"
            }
        }

        var drip: String {
            switch self {
            case .head: "X-Slow: a\r\n"
            case .body: "a"
            case .read, .range: ""
            }
        }
    }

    @Test(
        "slow clients, more than there are connections to the server, are nobody else's trouble",
        arguments: Slowness.allCases, ["http", "teleport"])
    func slow(how: Slowness, out: String) async throws {
        let nginx = try await Nginx()
        let far =
            out == "http"
            ? nil
            : try await HTTPTPProcess([
                "-inType", "teleport", "-out", "127.0.0.1:\(nginx.port)", "-outType", "http",
            ])
        let proxy = try await HTTPTPProcess([
            "-out", "127.0.0.1:\(far?.port ?? nginx.port)", "-outType", out, "-inHeadTimeout", "2s",
        ])
        let outcome = try await LoadClient.innocent(proxy.port, 200) { client in
            // More than the 512 connections to one HTTP server; but a link to another httptp, which carries whole messages
            // of a megabyte, would have its own work with as many of them.
            let count = (how == .read || how == .range) && out == "teleport" ? 60 : 600
            let slow = try await PlainSockets(count, to: proxy.port, receiveBuffer: how == .read ? 4096 : nil)
            try await slow.send(how.opening)
            for _ in 0..<6 {
                let goal = client.current.total + 50
                #expect(try await eventually(within: .seconds(60)) { client.current.total >= goal })
                try await slow.send(how.drip)
            }
            // Drop by drop, the head has had its time.
            if how == .head { #expect(try await eventually { try await slow.endedCount() == count }) }
            withExtendedLifetime(slow) {}
        }
        report("slow \(how) with out \(out): \(outcome)")
        #expect(outcome.answered == [200: outcome.total], "\(outcome)")
        #expect(try await proxy.stop() == 0)
        #expect(try await far?.stop() ?? 0 == 0)
        try await nginx.stop()
    }

    @Test(
        "who moves a lot at first and then nothing does not hold the connections to the server for long",
        arguments: [
            // An answer that is much more than the sockets hold by themselves.
            "GET /large HTTP/1.1\r\nHost: a\r\n\r\n",
            // A body that stops.
            "PUT /up/x HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n" + String(repeating: "a", count: 200_000),
        ])
    func stalled(request: String) async throws {
        let nginx = try await Nginx()
        try nginx.scratch.write("html/large", Data(repeating: 0x61, count: 20 << 20))
        let proxy = try await HTTPTPProcess([
            "-out", "127.0.0.1:\(nginx.port)", "-outType", "http", "-outConnsPerAddr", "8", "-outTimeout", "1s",
        ])
        // One and a half times as many as there are connections.
        let stalled = try await PlainSockets(12, to: proxy.port, receiveBuffer: 4096)
        try await stalled.send(request)
        // Bodies that are not here are never given the last quarter of them.
        let most = request.hasPrefix("GET") ? 8 : 6
        #expect(try await eventually { try establishedConnections(to: nginx.port) == most })
        // The time of grace is 10 s, and this is four times that.
        let isServed = try await eventually(within: .seconds(40)) {
            try await Curl.code(["http://127.0.0.1:\(proxy.port)/small.txt"]) == "200"
        }
        #expect(isServed, "all connections to the server are taken")
        // Nor does any of them later. They are not read from meanwhile: that would make them move.
        #expect(
            try await eventually(within: .seconds(60)) { try establishedConnections(to: nginx.port) <= 1 },
            "some are still held")
        withExtendedLifetime(stalled) {}
        #expect(try await proxy.stop() == 0)
        try await nginx.stop()
    }
}
