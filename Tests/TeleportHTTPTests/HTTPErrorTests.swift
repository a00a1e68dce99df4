import NIOCore
import TeleportHTTP
import Testing

@Suite struct HTTPErrorTests {
    static let host = "Host: a\r\n"

    /// One input for every rule that a peer or a caller can break.
    func broken() -> [HTTPError.Code?] {
        func first(_ text: String, _ limits: HTTPLimits = .default) -> HTTPError.Code? {
            requests(text, limits: limits).last?.code
        }
        func response(_ text: String, _ profile: HTTPProfile = .http1, _ limits: HTTPLimits = .default) -> HTTPError
            .Code?
        {
            responses("HTTP/1.1 " + text, to: [.get], profile, limits: limits).last?.code
        }
        func thrown(_ body: () throws -> Void) -> HTTPError.Code? {
            do {
                try body()
                return nil
            } catch {
                return (error as? HTTPError)?.code
            }
        }
        let post = "POST / HTTP/1.1\r\n" + Self.host
        let chunked = post + "Transfer-Encoding: chunked\r\n\r\n"
        var buffer = ByteBuffer()
        return [
            first("GET /\r\n"), first("(: / HTTP/1.1\r\n"), first("GET  HTTP/1.1\r\n"),
            first("GET /aa HTTP/1.1\r\n", HTTPLimits(maxTargetSize: 2)), first("GET / HTTP/3.0\r\n"),
            response("1 x\r\n"), first(post + "\r\n", HTTPLimits(maxHeadSize: 24)),
            first(post + "\r\n", HTTPLimits(maxFieldCount: 0)), first(post + "a b: c\r\n"),
            first(post + "a: \u{1}\r\n"),
            first(post + " a\r\n"), first(post + "a: b\n"), first(post + "a: b\r\r"), first(post + "a: \0"),
            first("GET / HTTP/1.1\r\n\r\n"), first(post + Self.host + "\r\n"),
            first("GET / HTTP/1.1\r\nHost: /\r\n\r\n"),
            first(post + "Expect: x\r\n\r\n"), first(post + "Content-Length: x\r\n\r\n"),
            first(post + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"),
            first(post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            first(post + "Transfer-Encoding: x\r\n\r\n"),
            first("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), response("200 OK\r\n\r\n", .teleport),
            response("204 No Content\r\nContent-Length: 1\r\n\r\n"),
            first(post + "Content-Length: 99999999999\r\n\r\n"), first(chunked + "x\r\n"),
            first(chunked + "1;abcdef\r\n", HTTPLimits(maxChunkLineSize: 4)),
            first(chunked + "0\r\nabc: def\r\n\r\n", HTTPLimits(maxTrailerSize: 4)),
            response("200 OK\r\nContent-Length: 1\r\n\r\n"), responses("HTTP/1.1 200 OK\r\n\r\n", to: []).last?.code,
            response("100 Continue\r\n\r\n", .http1, HTTPLimits(maxInformationalResponses: 0)),
            thrown { try TeleportEncoder.encode(Request(.connect, "a:1", host: "a"), into: &buffer) },
            thrown { try TeleportEncoder.encode(Response(status: 101), into: &buffer) },
            thrown { try HTTPRequestFixture.inexpressible() },
            thrown {
                let stream = Body(stream: AsyncThrowingStream<ByteBuffer, any Error> { $0.finish() })
                try TeleportEncoder.encode(Request(.post, "/", host: "a", body: stream), into: &buffer)
            },
            thrown { _ = try FramedDecoder.decodeRequest(ByteBuffer()) },
            thrown { _ = try FramedDecoder.decodeTrailers(ByteBuffer(bytes: [1, 1, 1, 0x61])) },
            thrown { _ = try FramedDecoder.decodeResponse(ByteBuffer(bytes: [200, 0, 0, 1, 0x8B])) },
        ]
    }

    @Test func everyRuleCanBeBroken() {
        var missing = Set(HTTPError.Code.allCases)
        for code in broken() { if let code { missing.remove(code) } }
        #expect(missing.isEmpty)
    }

    @Test func everyRuleHasAStatusAndASentence() {
        for code in HTTPError.Code.allCases {
            let error = HTTPError(code)
            #expect(error.status.code >= 400)
            #expect(error.message.hasSuffix("."))
            #expect(error.description.contains(error.message))
        }
        #expect(Set(HTTPError.Code.allCases.map { HTTPError($0).message }).count == HTTPError.Code.allCases.count)
    }
}
