import NIOCore
import NetworkTestSupport
import Teleport
import TeleportProxy
import Testing

/// The verdict table of the behaviour page on running proxies, for both inputs and both outputs, all bytes at once and
/// one by one. The origin tells what it was asked: it may never see what no client sent.
@Suite("Odd requests at a proxy (D17)", .serialized, .timeLimit(.minutes(10)))
struct VerdictTests {
    enum Verdict: Sendable, Equatable {
        /// Answered so and closed; nothing goes on.
        case closes(Status)
        /// Answered so, and the next request as if nothing had been.
        case refused(Status)
        /// The origin is asked this; the next request is answered too.
        case accepted(String)
        /// The origin is asked this; then the connection ends, as HTTP/1.0 has it.
        case acceptedAndCloses(String)
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var name: String
        /// The message, if there is no recording of this name.
        var message: String?
        var http: Verdict
        var teleport: Verdict

        init(_ name: String, _ verdict: Verdict) { self.init(name, nil, http: verdict, teleport: verdict) }

        init(_ name: String, _ message: String, _ verdict: Verdict) {
            self.init(name, message, http: verdict, teleport: verdict)
        }

        init(_ name: String, _ message: String? = nil, http: Verdict, teleport: Verdict) {
            self.name = name
            self.message = message
            self.http = http
            self.teleport = teleport
        }

        var testDescription: String { self.name }

        /// The message alone.
        func bytes() throws -> [UInt8] {
            if let message { return Array(message.utf8) }
            let stream = try Recording.stream(self.name)
            let next = VerdictTests.framedNext
            try #require(stream.prefix(4) == [1, 0, 0, 0] && stream.suffix(next.count) == next[...])
            return Array(stream.dropFirst(4).dropLast(next.count))
        }
    }

    static let next = "GET /headers HTTP/1.1\r\nHost: after\r\n\r\n"
    static let framedNext: [UInt8] = [2, 0, 0, 0] + Array(next.utf8)
    static let nextSeen = "GET /headers after \"\""
    private static let post = "POST /echo HTTP/1.1\r\nHost: a\r\n"
    private static let echo = "POST /echo a \"abc\""

    static let rows: [Row] =
        [
            "cl_te", "te_identity", "te_unknown", "dup_cl", "dup_cl_same", "cl_list", "cl_plus", "bare_lf", "nul",
            "http09", "leading_crlf",
        ].map { Row($0, .closes(400)) }
        + [
            Row(
                "te_cl", post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                .closes(400)),
            Row("te_unknown, no length", post + "Transfer-Encoding: foo\r\n\r\n3\r\nabc\r\n0\r\n\r\n", .closes(501)),
            Row("te_gzip_chunked", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", .closes(501)),
            Row("te_chunked_chunked", post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", .closes(501)),
            Row(
                "te_twice", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
                .closes(501)),
            Row("te_empty", post + "Transfer-Encoding: \r\n\r\n0\r\n\r\n", .closes(501)),
            Row(
                "te in HTTP/1.0", "POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                .closes(400)),
            Row("cl_space", post + "Content-Length: 3 3\r\n\r\nabc", .closes(400)),
            Row("cl_space before the colon", post + "Content-Length : 3\r\n\r\nabc", .closes(400)),
            Row("cl_minus", post + "Content-Length: -3\r\n\r\nabc", .closes(400)),
            Row("cl_hex", post + "Content-Length: 0x3\r\n\r\nabc", .closes(400)),
            Row("cl_empty", post + "Content-Length:\r\n\r\nabc", .closes(400)),
            Row("cl_huge", post + "Content-Length: 99999999999999999999\r\n\r\nabc", .closes(400)),
            Row("obs_fold", post + "X-A: b\r\n c\r\n\r\n", .closes(400)),
            Row("obs_fold of a length", post + "X-A: b\r\n\tContent-Length: 3\r\n\r\nabc", .closes(400)),
            Row("bare_lf behind a field", post + "X-A: b\nContent-Length: 3\r\n\r\nabc", .closes(400)),
            Row("bare_cr", post + "X-A: b\rContent-Length: 3\r\n\r\nabc", .closes(400)),
            Row("nul in a name", post + "X\0: b\r\n\r\n", .closes(400)),
            Row("nul in the target", "GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n", .closes(400)),
            Row("two spaces", "GET  /headers HTTP/1.1\r\nHost: a\r\n\r\n", .closes(400)),
            Row("chunk of no size", post + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n", .closes(400)),
            Row(
                "chunk longer than said", post + "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", .closes(400)
            ),
            Row("chunk with a bare LF", post + "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", .closes(400)),
            Row("chunk of 2^64", post + "Transfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc", .closes(413)),
            Row("http2ver", .closes(505)),
            Row("http3ver", "GET /headers HTTP/1.2\r\nHost: a\r\n\r\n", .closes(505)),
            Row("http2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .closes(505)),
            Row("no_host", .refused(400)),
            Row("dup_host", .refused(400)),
            Row("no_host with a body", "POST /echo HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", .refused(400)),
            Row("host with a slash", "GET /headers HTTP/1.1\r\nHost: a/b\r\n\r\n", .refused(400)),
            Row("target without a slash", "GET headers HTTP/1.1\r\nHost: a\r\n\r\n", .refused(400)),
            Row("connect", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", .refused(501)),
            Row(
                "http10", http: .acceptedAndCloses("GET /headers a \"\""), teleport: .accepted("GET /headers a \"\"")),
            Row(
                "http10 that asks to be kept", "GET /headers HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
                .accepted("GET /headers a \"\"")),
            Row("get_body", .accepted("GET /echo a \"abc\"")),
            Row("post_no_cl", .accepted("POST /echo a \"\"")),
            Row(
                "chunk_ext", post + "Transfer-Encoding: Chunked\r\n\r\n3;a=b;c=\"d\"\r\nabc\r\n0;x\r\n\r\n",
                .accepted(echo)),
            Row(
                "trailer that would frame",
                post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
                    + "Content-Length: 99\r\nTransfer-Encoding: chunked\r\nHost: evil\r\n\r\n", .accepted(echo)),
            Row("expect", .accepted("POST /echo a \"c\\0\\0\\0GET /smuggled HTTP/1.1\\r\\nHost: evil\\r\\n\\r\\n\"")),
            Row(
                "connection that names Content-Length",
                post + "Connection: Content-Length, Host\r\nContent-Length: 3"
                    + "\r\n\r\nabc", .accepted(echo)),
            Row(
                "one leading CRLF", "\r\nGET /headers HTTP/1.1\r\nHost: a\r\n\r\n",
                http: .accepted("GET /headers a \"\""), teleport: .closes(400)),
            Row(
                "upgrade", "GET /headers HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
                http: .refused(501), teleport: .accepted("GET /headers a \"\"")),
            Row(
                "expectation that is unknown", post + "Content-Length: 3\r\nExpect: tea\r\n\r\nabc",
                http: .closes(417), teleport: .accepted(echo)),
        ]

    @Test("get the verdict of the table (D17)", arguments: rows, Front.allCases)
    func verdict(row: Row, front: Front) async throws {
        for byteByByte in [false, true] {
            let origin = try await RecordingOrigin()
            try await front.run(to: [origin.address]) { address in
                if front.speaksHTTP {
                    try await self.judgeHTTP(row, address, byteByByte)
                } else {
                    try await self.judgeTeleport(row, address, byteByByte)
                }
            }
            let expected: [String] =
                switch front.speaksHTTP ? row.http : row.teleport {
                case .closes: []
                case .refused: [Self.nextSeen]
                case .accepted(let line): [line, Self.nextSeen]
                case .acceptedAndCloses(let line): [line]
                }
            // On a link and with two connections behind, the order is anybody's.
            #expect(origin.requests.sorted() == expected.sorted(), "byte by byte: \(byteByByte)")
            await origin.kill()
        }
    }

    private func judgeHTTP(_ row: Row, _ address: TransportAddress, _ byteByByte: Bool) async throws {
        var client = try await RawClient(to: address)
        client.peer.write(try row.bytes() + Array(Self.next.utf8), byteByByte: byteByByte)
        let first = try #require(try await client.answer())
        switch row.http {
        case .closes(let status):
            #expect(first.status == status)
            #expect(!first.head.keepsAlive)
        case .refused(let status):
            #expect(first.status == status)
        case .accepted, .acceptedAndCloses:
            #expect(first.status == 200)
        }
        switch row.http {
        case .closes, .acceptedAndCloses:
            let ends = await client.endsQuietly()
            #expect(ends)
        case .refused, .accepted:
            let second = try await client.answer()
            #expect(second?.text == "GET /headers")
        }
        await client.peer.close()
    }

    private func judgeTeleport(_ row: Row, _ address: TransportAddress, _ byteByByte: Bool) async throws {
        var client = try await LinkClient(to: address)
        client.peer.write([1, 0, 0, 0] + (try row.bytes()) + Self.framedNext, byteByByte: byteByByte)
        let answers = try await client.answers(2)
        switch row.teleport {
        case .closes(let status):
            #expect(answers.mapValues(\.status) == [1: status])
        case .refused(let status):
            #expect(answers.mapValues(\.status) == [1: status, 2: 200])
            #expect(answers[2]?.text == "GET /headers")
        case .accepted:
            #expect(answers.mapValues(\.status) == [1: 200, 2: 200])
            #expect(answers[2]?.text == "GET /headers")
        case .acceptedAndCloses:
            Issue.record("a v0 connection does not end so")
        }
        await client.peer.close()
    }

    @Test("the other recorded bytes are all in the table")
    func complete() throws {
        for row in Self.rows where row.message == nil { _ = try row.bytes() }
        #expect(Self.rows.count { $0.message == nil } == 18)
    }
}
