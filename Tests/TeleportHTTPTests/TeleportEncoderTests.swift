import NIOCore
import TeleportHTTP
import Testing

@Suite struct TeleportEncoderTests {
    func encoded(_ request: Request, limits: HTTPLimits = .default) throws -> String {
        var buffer = ByteBuffer()
        try TeleportEncoder.encode(request, limits: limits, into: &buffer)
        return buffer.text
    }

    func encoded(_ response: Response, date: HTTPDate? = nil) throws -> String {
        var buffer = ByteBuffer()
        try TeleportEncoder.encode(response, date: date, into: &buffer)
        return buffer.text
    }

    @Test func lengthIsWrittenExceptWithAnEmptyGET() throws {
        #expect(try encoded(Request(.get, "/x", host: "a")) == "GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(
            try encoded(Request(.get, "/x", host: "a", body: Body("hi")))
                == "GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
        #expect(
            try encoded(Request(.delete, "/x", host: "a"))
                == "DELETE /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        let wrong = Request(
            method: .post, target: "/", fields: ["Content-Length": "7", "Host": "a", "content-length": "8"],
            body: Body("abc"), trailers: ["X": "y"])
        #expect(try encoded(wrong) == "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
    }

    @Test func whatBothEndsMightReadDifferentlyIsNotSent() throws {
        let request = Request(
            method: .post, target: "/",
            fields: [
                "Host": "a", "Expect": "100-continue", "Transfer-Encoding": "chunked", "Upgrade": "w", "TE": "x",
                "Connection": "close, X-A", "X-A": "1", "Trailer": "x", "Keep-Alive": "x", "X-B": "2",
            ])
        #expect(try encoded(request) == "POST / HTTP/1.1\r\nHost: a\r\nX-B: 2\r\nContent-Length: 0\r\n\r\n")
    }

    @Test func headIsSentAsGET() throws {
        #expect(TeleportEncoder.mapsToGET(.head))
        #expect(!TeleportEncoder.mapsToGET(.get))
        #expect(try encoded(Request(.head, "/x", host: "a")) == "GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
    }

    @Test func refusalsLeaveTheBufferAsItWas() {
        let big = Request(method: .get, target: "/", fields: ["Host": "a", "X": String(repeating: "x", count: 100)])
        for (request, code) in [(Request(.connect, "a:1", host: "a"), .connectNotSupported), (big, .headTooLarge)]
            as [(Request, HTTPError.Code)]
        {
            var buffer = ByteBuffer(string: "before")
            #expect(throws: HTTPError(code)) {
                try TeleportEncoder.encode(request, limits: HTTPLimits(maxHeadSize: 64), into: &buffer)
            }
            #expect(buffer.text == "before")
        }
        var buffer = ByteBuffer(string: "before")
        #expect(throws: HTTPError(.informationalAsFinal)) {
            try TeleportEncoder.encode(Response(status: .continue), into: &buffer)
        }
        #expect(buffer.text == "before")
    }

    @Test func theHeadLimitAdmitsExactlyItself() throws {
        let request = Request(.get, "/x", host: "a")
        let size = try encoded(request).utf8.count
        #expect(try encoded(request, limits: HTTPLimits(maxHeadSize: size)).utf8.count == size)
        #expect(throws: HTTPError(.headTooLarge)) { try encoded(request, limits: HTTPLimits(maxHeadSize: size - 1)) }
    }

    @Test func responsesAlwaysHaveALengthExceptBodilessOnes() throws {
        #expect(
            try encoded(Response.text("hi"), date: HTTPDate(second: 0))
                == "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
                + "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 2\r\n\r\nhi")
        #expect(try encoded(Response()) == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        #expect(
            try encoded(Response(status: .noContent, fields: ["Content-Length": "1"], body: Body("x")))
                == "HTTP/1.1 204 No Content\r\n\r\n")
        #expect(try encoded(Response(status: .notModified, body: Body("x"))) == "HTTP/1.1 304 Not Modified\r\n\r\n")
    }

    @Test func whatIsEncodedDecodesToItself() throws {
        let request = Request(
            method: .patch, target: "/%2F/..?q", fields: ["x-odd": "1", "Host": "a:80", "X-Odd": "é"],
            body: Body(bytes: UInt8.min...UInt8.max))
        let text = ByteBuffer(string: try encoded(Request(.get, "/", host: "a")))
        var buffer = ByteBuffer()
        try TeleportEncoder.encode(request, into: &buffer)
        buffer.writeImmutableBuffer(text)
        let outcomes = wholeRequests(Array(buffer.readableBytesView), .teleport, cut: .bytes)
        var decoded = try #require(outcomes.first?.request)
        #expect(decoded.fields.remove(.contentLength) == 1)
        #expect(decoded.fields == request.fields)
        #expect(decoded.fields.map(\.name) == ["x-odd", "Host", "X-Odd"])
        #expect(decoded.target == request.target)
        #expect(decoded.body.buffer == request.body.buffer)
        #expect(outcomes.last?.request?.target == "/")
    }
}
