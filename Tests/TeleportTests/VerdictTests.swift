import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import TeleportTestKit
import Testing

/// The verdict table of the behaviour page, judged on a running server with innocents beside and behind.
@Suite("Odd requests on a running server", .timeLimit(.minutes(10)))
struct VerdictTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var name: String
        /// Id and status of each answer, in any order.
        var answers: [String]
        /// Whether the server ends the connection by itself.
        var closes = false
        /// Whether the server's own handshake comes first.
        var greets = true
        var testDescription: String { self.name }
    }

    static let rows: [Row] =
        [
            ("cl_te", 400), ("te_identity", 400), ("te_unknown", 400), ("dup_cl", 400), ("dup_cl_same", 400),
            ("cl_list", 400), ("cl_plus", 400), ("bare_lf", 400), ("nul", 400), ("http09", 400), ("http2ver", 505),
            ("leading_crlf", 400),
        ].map { Row(name: "raw_smuggle_" + $0.0, answers: ["1 \($0.1)"], closes: true) }
        + ["no_host", "dup_host"].map { Row(name: "raw_smuggle_" + $0, answers: ["1 400", "2 200"]) }
        + ["http10", "get_body", "post_no_cl", "expect"].map {
            Row(name: "raw_smuggle_" + $0, answers: ["1 200", "2 200"])
        }
        + [
            Row(name: "raw_id0", answers: ["1 200"]),
            Row(name: "raw_handshake_only", answers: []),
            Row(name: "raw_tls_flag_2", answers: [], closes: true),
            Row(name: "raw_http_get", answers: [], closes: true, greets: false),
            Row(name: "raw_wrong_sniff", answers: [], closes: true, greets: false),
            Row(name: "raw_wrong_version", answers: [], closes: true, greets: false),
            Row(name: "raw_garbage_flate", answers: [], closes: true),
            Row(name: "raw_garbage_snappy", answers: [], closes: true),
        ]

    @Test(
        "get the verdict of the table; innocents on other connections notice nothing", arguments: rows, [false, true])
    func verdict(row: Row, byteByByte: Bool) async throws {
        let bytes = try VectorLoader().load(row.name).client
        let smuggled = Mutex<[String]>([])
        try await withHTTPPair(server: { $0.wire = .v0 }, client: { $0.wire = .v0 }) { request, _ in
            if request.target == "/smuggled" { smuggled.withLock { $0.append(request.target) } }
            return .text(request.fields.first(.host) ?? "none")
        } _: { client, server in
            let got1 = try await client.execute(Request(.get, "/", host: "before")).text
            #expect(got1 == "before")
            let peer = try await RawPeer.connect(to: try #require(server.addresses.first))
            WireBytes.write(bytes, to: peer, byteByByte: byteByByte)
            if !row.closes { peer.endOutput() }
            var sent = await peer.readToEnd()
            if row.greets {
                #expect(sent.readBytes(length: 15) == WireBytes.preface)
            }
            let answers = try WireBytes.responses(in: sent)
            #expect(answers.map { "\($0.id) \($0.response.status.code)" }.sorted() == row.answers)
            if answers.count == 2 {
                #expect(answers.first { $0.id == 2 }?.response.text == "after")
            }
            await peer.close()
            let got2 = try await client.execute(Request(.get, "/", host: "after")).text
            #expect(got2 == "after")
        }
        #expect(smuggled.withLock { $0 }.isEmpty)
    }

    @Test("garbage is answered at most with a refusal, then the connection ends")
    func garbage() async throws {
        let bytes = try VectorLoader().load("raw_garbage").client
        try await withHTTPPair { _, _ in
            Issue.record("garbage reached the handler")
            return .text("")
        } _: { _, server in
            let peer = try await RawPeer.connect(to: try #require(server.addresses.first))
            peer.write(bytes)
            var sent = await peer.readToEnd()
            #expect(sent.readBytes(length: 15) == WireBytes.preface)
            #expect(try WireBytes.responses(in: sent).allSatisfy { $0.response.status == 400 })
            await peer.close()
        }
    }

    @Test(
        "every recorded client stream, whatever it is, leaves a server that serves",
        arguments: TranscriptTests.names("http_tls") + TranscriptTests.names("raw") + ["http_head_skipbody_desync"])
    func harmless(name: String) async throws {
        let bytes = try VectorLoader().load(name).client
        try await withHTTPPair { _, _ in
            .text("fine")
        } _: { client, server in
            let peer = try await RawPeer.connect(to: try #require(server.addresses.first))
            peer.write(bytes)
            peer.endOutput()
            _ = await peer.readToEnd()
            await peer.close()
            let got3 = try await client.execute(Request(.get, "/", host: "a")).text
            #expect(got3 == "fine")
        }
    }
}
