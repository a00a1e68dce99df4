import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import TeleportProxy
import Testing

@Suite("Limits of the proxy (D5, D6)", .serialized, .timeLimit(.minutes(10)))
struct DefectLimitTests {
    static let limits = HTTPLimits(
        maxHeadSize: 1000, maxTargetSize: 100, maxFieldCount: 10, maxBodySize: 1000, maxDiscardedBody: 2000)

    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let request: String
        let status: Status
        let goesOn: Bool

        init(_ name: String, _ request: String, _ status: Status, goesOn: Bool) {
            self.testDescription = name
            self.request = request
            self.status = status
            self.goesOn = goesOn
        }
    }

    private static func post(_ length: Int) -> String {
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\r\n" + String(repeating: "b", count: length)
    }

    private static func chunked(_ sizes: [Int]) -> String {
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            + sizes.map { String($0, radix: 16) + "\r\n" + String(repeating: "c", count: $0) + "\r\n" }.joined()
            + "0\r\n\r\n"
    }

    /// A request with a head of that many bytes.
    static func head(of size: Int, target: String = "/h") -> String {
        let rest = "GET \(target) HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".utf8.count
        return "GET \(target) HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "h", count: size - rest) + "\r\n\r\n"
    }

    /// A request with that many fields.
    static func fields(_ count: Int) -> String {
        "GET /f HTTP/1.1\r\nHost: a\r\n" + (1..<count).map { "X-\($0): y\r\n" }.joined() + "\r\n"
    }

    static let rows = [
        Row("a body over the limit", post(1001), 413, goesOn: true),
        Row("a body that is not even read over", post(2001), 413, goesOn: false),
        Row("chunks over the limit", chunked([600, 600]), 413, goesOn: true),
        Row("chunks that are not even read over", chunked([600, 600, 900]), 413, goesOn: false),
        Row(
            "a target over the limit", "GET /\(String(repeating: "t", count: 100)) HTTP/1.1\r\nHost: a\r\n\r\n", 414,
            goesOn: false),
        Row("a head over the limit", head(of: 1001), 431, goesOn: false),
        Row("a field too many", fields(11), 431, goesOn: false),
    ]

    @Test(
        "what is over a limit is told so, to its sender alone, and not sent on (D6)", arguments: rows, Front.allCases)
    func limits(row: Row, front: Front) async throws {
        let origin = try await RecordingOrigin()
        try await front.run(to: [origin.address], { $0.front.limits = Self.limits }) { address in
            if front.speaksHTTP {
                var (client, innocent) = (try await RawClient(to: address), try await RawClient(to: address))
                innocent.send("GET /before HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await innocent.answer()?.text == "GET /before")
                client.send(row.request + VerdictTests.next)
                #expect(try await client.answer()?.status == row.status)
                if row.goesOn {
                    #expect(try await client.answer()?.text == "GET /headers")
                } else {
                    #expect(await client.endsQuietly())
                }
                innocent.send("GET /after HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await innocent.answer()?.text == "GET /after")
                for client in [client, innocent] { await client.peer.close() }
            } else {
                var client = try await LinkClient(to: address)
                try client.send(1, "GET /before HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await client.answer()?.response.text == "GET /before")
                try client.send(2, row.request)
                try client.send(3, "GET /after HTTP/1.1\r\nHost: a\r\n\r\n")
                let answers = try await client.answers(2)
                #expect(answers.mapValues(\.status) == (row.goesOn ? [2: row.status, 3: 200] : [2: row.status]))
                await client.peer.close()
            }
        }
        #expect(!origin.requests.contains { $0.contains("/x") || $0.contains("/h ") || $0.contains("/f ") })
        await origin.kill()
    }

    @Test(
        "what is exactly at a limit is served (D6)",
        arguments: [
            Row("body", post(1000), 200, goesOn: true), Row("chunks", chunked([400, 600]), 200, goesOn: true),
            Row("target", "GET /\(String(repeating: "t", count: 99)) HTTP/1.1\r\nHost: a\r\n\r\n", 200, goesOn: true),
            Row("head", head(of: 1000), 200, goesOn: true), Row("fields", fields(10), 200, goesOn: true),
        ], [Front.http, .teleport])
    func exactLimits(row: Row, front: Front) async throws {
        let origin = try await RecordingOrigin()
        try await front.run(to: [origin.address], { $0.front.limits = Self.limits }) { address in
            let status =
                front.speaksHTTP
                ? try await DefectTests.status(of: row.request, at: address)
                : try await DefectTests.linkStatus(of: row.request, at: address)
            #expect(status == 200)
        }
        #expect(origin.requests.count == 1)
        await origin.kill()
    }

    /// Has a request held at the origin while `request` is sent over the same link, with another right behind it.
    private func besideOneInFlight(
        _ configure: (inout ProxyConfiguration) -> Void = { _ in },
        origin answer: @escaping @Sendable (RawPeer) async throws -> Void = { _ in },
        send request: String, _ judge: (Response?) -> Void
    ) async throws {
        let gate = Gate()
        let after = Atomic<Int>(0)
        let origin = try await RawServer { peer in
            while case let head = await peer.readHead(), head.hasSuffix("\r\n\r\n") {
                if head.hasPrefix("GET /held ") { await gate.wait() }
                if head.hasPrefix("POST /after ") { after.wrappingAdd(1, ordering: .relaxed) }
                if head.hasPrefix("GET /own ") {
                    try await answer(peer)
                } else {
                    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")
                }
            }
        }
        func patient(_ configuration: inout ProxyConfiguration) {
            configuration.outTimeout = .seconds(10)
            configure(&configuration)
        }
        try await Front.chainV0.run(to: [origin.address], patient) { address in
            var (held, client) = (try await RawClient(to: address), try await RawClient(to: address))
            held.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n")
            await gate.arrived(1)
            // Behind it a request that nobody may send twice, on the same link.
            client.send(request + "POST /after HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            judge(try await client.answer())
            #expect(try await client.answer(to: .post)?.text == "fine")
            await gate.open()
            #expect(try await held.answer()?.text == "fine")
            for client in [client, held] { await client.peer.close() }
        }
        let held = await gate.arrivals
        #expect(held == 1, "what was held was not sent twice")
        #expect(after.load(ordering: .relaxed) == 1)
        await origin.kill()
    }

    @Test(
        "a head that Via pushes over the limit is refused to its caller alone (D5)", arguments: [984, 990, 999, 1000])
    func headGrowsOverLimit(size: Int) async throws {
        try await self.besideOneInFlight({ $0.front.limits = Self.limits }, send: Self.head(of: size)) {
            #expect($0?.status == 431)
        }
    }

    @Test("the largest head that has room for Via is forwarded (D5)")
    func headJustFits() async throws {
        try await self.besideOneInFlight({ $0.front.limits = Self.limits }, send: Self.head(of: 983)) {
            #expect($0?.text == "fine")
        }
    }

    @Test(
        "a head to which Via and a client's address add a field too many costs nobody else (D5)",
        arguments: [8, 9, 10])
    func fieldCountGrowsOverLimit(count: Int) async throws {
        try await self.besideOneInFlight(
            {
                $0.front.limits = Self.limits
                $0.front.clientIPField = $0.front.kind == .http ? "X-Forwarded-For" : nil
            }, send: Self.fields(count)
        ) {
            #expect($0?.status == (count == 8 ? 200 : 431))
        }
    }

    @Test(
        "an answer whose head grows over the link's limit costs nobody else (D5)",
        arguments: [
            // As many fields as are accepted, and none of them says how long the body is.
            (0..<10).map { "X-\($0): y\r\n" }.joined(),
            // A head of 1000 bytes.
            "X: " + String(repeating: "y", count: 1000 - "HTTP/1.1 200 OK\r\nX: \r\n\r\n".utf8.count) + "\r\n",
        ])
    func answerGrowsOverLimit(fields: String) async throws {
        try await self.besideOneInFlight(
            { $0.outLimits = Self.limits },
            origin: { peer in
                peer.write("HTTP/1.1 200 OK\r\n\(fields)\r\nuntil the end")
                await peer.close()
            }, send: "GET /own HTTP/1.1\r\nHost: a\r\n\r\n"
        ) {
            #expect($0?.status == 502)
        }
    }

    @Test("an answer over the limit of the far side is a 502 to its caller alone (D5, D6)")
    func answerOverLimit() async throws {
        try await self.besideOneInFlight(
            { $0.outLimits = Self.limits },
            origin: { peer in
                peer.write("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + String(repeating: "x", count: 1001))
                _ = await peer.readToEnd()
            }, send: "GET /own HTTP/1.1\r\nHost: a\r\n\r\n"
        ) {
            #expect($0?.status == 502)
        }
    }

    @Test("no Host is refused to its caller alone (D5)")
    func noHost() async throws {
        try await self.besideOneInFlight(send: "GET /x HTTP/1.1\r\n\r\n") { #expect($0?.status == 400) }
    }
}

@Suite("Bombs (D7)", .serialized, .timeLimit(.minutes(10)))
struct DefectBombTests {
    static let codecs: [CompressionCodec] = [.flate, .snappy, .lz4]

    /// What a bomb looks like once it is expanded.
    enum Shape: CaseIterable, CustomTestStringConvertible {
        case head, announced, chunked, line
        var testDescription: String { "\(self)" }

        func request(zeros: Int) -> ByteBuffer {
            let start =
                switch self {
                case .head: "GET / HTTP/1.1\r\nHost: a\r\nX: "
                case .announced: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n"
                case .chunked: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3B9ACA00\r\n"
                case .line: "GET /"
                }
            return Self.bomb(start, zeros)
        }

        func answer(zeros: Int) -> ByteBuffer {
            let start =
                switch self {
                case .head: "HTTP/1.1 200 OK\r\nX: "
                case .announced: "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
                case .chunked: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3B9ACA00\r\n"
                case .line: "HTTP/1.1 200 "
                }
            return Self.bomb(start, zeros)
        }

        private static func bomb(_ start: String, _ zeros: Int) -> ByteBuffer {
            var bytes = ByteBuffer(string: start)
            bytes.writeRepeatingByte(0x30, count: zeros)
            return bytes
        }

        var status: Status {
            switch self {
            case .head: 431
            case .announced, .chunked: 413
            case .line: 414
            }
        }
    }

    @Test(
        "a bomb from a client is told which limit it broke, and closed; others go on (D7)", arguments: codecs,
        Shape.allCases)
    func fromClient(codec: CompressionCodec, shape: Shape) async throws {
        let origin = try await RecordingOrigin()
        try await Front.teleport.run(to: [origin.address], { $0.front.limits = HTTPLimits(maxBodySize: 1 << 20) }) {
            address in
            var innocent = try await LinkClient(to: address, codec: codec)
            try innocent.send(1, VerdictTests.next)
            #expect(try await innocent.answer()?.response.text == "GET /headers")
            var bomber = try await LinkClient(to: address, codec: codec)
            try bomber.send(LinkClient.framed(1, shape.request(zeros: 8 << 20)))
            let answer = try await bomber.answer()
            #expect(answer?.response.status == shape.status)
            #expect(answer?.response.text.contains("limit") == true)
            #expect(try await bomber.answer() == nil)
            try innocent.send(2, VerdictTests.next)
            #expect(try await innocent.answer()?.response.text == "GET /headers")
            for client in [bomber, innocent] { await client.peer.close() }
        }
        #expect(origin.requests == [VerdictTests.nextSeen, VerdictTests.nextSeen])
        await origin.kill()
    }

    @Test("a bomb small enough to be read over costs its sender alone, on the same link too (D7)", arguments: codecs)
    func readOver(codec: CompressionCodec) async throws {
        let origin = try await RecordingOrigin()
        try await Front.teleport.run(to: [origin.address], { $0.front.limits = HTTPLimits(maxBodySize: 1 << 20) }) {
            address in
            var client = try await LinkClient(to: address, codec: codec)
            var message = ByteBuffer(string: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 16777216\r\n\r\n")
            message.writeRepeatingByte(0, count: 16 << 20)
            try client.send(LinkClient.framed(1, message))
            try client.send(2, VerdictTests.next)
            let answers = try await client.answers(2)
            #expect(answers.mapValues(\.status) == [1: 413, 2: 200])
            await client.peer.close()
        }
        #expect(origin.requests == [VerdictTests.nextSeen])
        await origin.kill()
    }

    @Test(
        "many small requests in little compressed data are served or told 429, and others go on (D7)", arguments: codecs
    )
    func manySmall(codec: CompressionCodec) async throws {
        let origin = try await RecordingOrigin()
        try await Front.teleport.run(to: [origin.address], { $0.concurrency = 50 }) { address in
            var flood = ByteBuffer()
            for id in 1...5000 as ClosedRange<UInt32> {
                flood.writeImmutableBuffer(
                    LinkClient.framed(id, ByteBuffer(string: "GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")))
            }
            var (bomber, innocent) = (
                try await LinkClient(to: address, codec: codec), try await LinkClient(to: address)
            )
            try bomber.send(flood)
            let answers = try await bomber.answers(5000)
            #expect(answers.count == 5000)
            #expect(answers.values.allSatisfy { $0.status == 200 || $0.status == 429 })
            try innocent.send(1, VerdictTests.next)
            #expect(try await innocent.answer()?.response.text == "GET /headers")
            for client in [bomber, innocent] { await client.peer.close() }
        }
        await origin.kill()
    }

    @Test(
        "a bomb from a server is a 502 and a line in the log that names the limit; the next request has a new link (D7)",
        arguments: codecs, Shape.allCases)
    func fromServer(codec: CompressionCodec, shape: Shape) async throws {
        let server = try await LinkServer(codec: codec) { id, request, reply in
            guard request.target == "/bomb" else { return try reply.send(id, ByteBuffer(string: "fine")) }
            try reply.send(LinkClient.framed(id, shape.answer(zeros: 8 << 20)))
        }
        let log = LogRecorder()
        try await withProxy(
            to: [server.address],
            {
                $0.outKind = .teleport
                $0.outWire = .v0
                $0.outTimeout = .seconds(60)
                $0.outLimits = HTTPLimits(maxBodySize: 1 << 20)
                $0.logger = log.logger
            }
        ) { address, _ in
            var (bombed, innocent) = (try await RawClient(to: address), try await RawClient(to: address))
            bombed.send("POST /bomb HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            #expect(try await bombed.answer(to: .post)?.status == 502)
            innocent.send(VerdictTests.next)
            #expect(try await innocent.answer()?.text == "fine")
            for client in [bombed, innocent] { await client.peer.close() }
        }
        let lines = log.metadata(of: "request failed")
        #expect(lines.count == 1)
        #expect(lines.first?["cause"]?.contains("larger than the limit") == true, "\(lines)")
        await server.server.kill()
    }

    @Test("an answer that is too large, but read over, fails its caller alone on the link (D7)", arguments: codecs)
    func answerReadOver(codec: CompressionCodec) async throws {
        let server = try await LinkServer(codec: codec) { id, request, reply in
            guard request.target == "/bomb" else { return try reply.send(id, ByteBuffer(string: "fine")) }
            try reply.send(id, ByteBuffer(repeating: 0, count: 16 << 20))
        }
        try await withProxy(
            to: [server.address],
            {
                $0.outKind = .teleport
                $0.outWire = .v0
                $0.outTimeout = .seconds(60)
                $0.outLimits = HTTPLimits(maxBodySize: 1 << 20)
            }
        ) { address, _ in
            var client = try await RawClient(to: address)
            client.send("GET /bomb HTTP/1.1\r\nHost: a\r\n\r\n" + VerdictTests.next)
            #expect(try await client.answer()?.status == 502)
            #expect(try await client.answer()?.text == "fine")
            await client.peer.close()
        }
        #expect(server.server.connectionCount == 1)
        await server.server.kill()
    }
}

@Suite("The true cause of a failed handshake (D8)", .serialized, .timeLimit(.minutes(10)))
struct DefectHandshakeTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// What the server says once it has read the preface; then it waits, or closes.
        let says: [UInt8]
        var closes = false
        var wantsTLS = false
        /// What the log says.
        let cause: String
    }

    private static let magic = Array("httpteleport".utf8)
    static let rows = [
        Row(
            testDescription: "wrong magic", says: Array("SSH-2.0-OpenSSH\r\n".utf8),
            cause: "does not speak this protocol"),
        Row(
            testDescription: "an HTTP server", says: Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8),
            cause: "does not speak this protocol"),
        Row(testDescription: "wrong version", says: magic + [7, 1, 0], cause: "version 7"),
        Row(testDescription: "unknown codec", says: magic + [0, 9, 0], cause: "compression 9"),
        Row(testDescription: "TLS that nobody asked for", says: magic + [0, 1, 1], cause: "TLS"),
        Row(testDescription: "no TLS", says: magic + [0, 1, 0], wantsTLS: true, cause: "TLS"),
        Row(
            testDescription: "TLS that is none", says: magic + [0, 1, 1] + Array("no TLS at all".utf8), wantsTLS: true,
            cause: "TLS"),
        Row(testDescription: "closed without a byte", says: [], closes: true, cause: "closed"),
    ]

    @Test("is in the log, and the client sees 502 at once (D8)", arguments: rows)
    func link(row: Row) async throws {
        let server = try await RawServer { peer in
            _ = await peer.read(15)
            peer.write(row.says)
            if row.closes { await peer.close() }
            _ = await peer.readToEnd()
        }
        let log = LogRecorder()
        try await withProxy(
            to: [server.address],
            {
                $0.outKind = .teleport
                $0.outWire = .v0
                // The handshake has its own limit of 3 s: whoever waits for that one is told 504 or has no answer.
                $0.outTimeout = .seconds(60)
                $0.logger = log.logger
                if row.wantsTLS { $0.outTLS = try? ClientTLS(verification: .none) }
            }
        ) { address, _ in
            let status = try await DefectTests.status(of: VerdictTests.next, at: address)
            #expect(status == 502)
        }
        let line = try #require(log.metadata(of: "request failed").first)
        #expect(line["kind"] == "unreachable")
        #expect(line["cause"]?.contains(row.cause) == true, "\(line)")
        await server.kill()
    }

    @Test("plain HTTP where TLS was expected: 502, and the log says TLS (D8)")
    func plainServer() async throws {
        let origin = try await RawServer { peer in
            _ = await peer.readSome()
            peer.write("HTTP/1.1 400 Bad Request\r\n\r\n")
            _ = await peer.readToEnd()
        }
        let log = LogRecorder()
        try await withProxy(
            to: [origin.address],
            {
                $0.outTLS = try? ClientTLS(verification: .none)
                $0.outTimeout = .seconds(60)
                $0.logger = log.logger
            }
        ) { address, _ in
            let status = try await DefectTests.status(of: VerdictTests.next, at: address)
            #expect(status == 502)
        }
        let line = try #require(log.metadata(of: "request failed").first)
        #expect(line["cause"]?.contains("TLS") == true, "\(line)")
        await origin.kill()
    }

    @Test(
        "nobody listens: the log says refused, and not that time ran out (D8)",
        arguments: [ProxyConfiguration.Kind.http, .teleport])
    func refused(kind: ProxyConfiguration.Kind) async throws {
        let log = LogRecorder()
        try await withProxy(
            to: [.tcp(host: "127.0.0.1", port: try unusedPort())],
            {
                $0.outKind = kind
                $0.outTimeout = .seconds(60)
                $0.logger = log.logger
            }
        ) { address, _ in
            let status = try await DefectTests.status(of: VerdictTests.next, at: address)
            #expect(status == 502)
        }
        let line = try #require(log.metadata(of: "request failed").first)
        #expect(line["kind"] == "unreachable")
        #expect(line["cause"]?.lowercased().contains("refused") == true, "\(line)")
    }
}
