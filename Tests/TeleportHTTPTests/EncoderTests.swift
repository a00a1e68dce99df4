import NIOCore
import TeleportHTTP
import Testing

/// Golden bytes of the HTTP/1.1 encoders.
@Suite struct EncoderTests {
    func encoded(
        _ head: RequestHead, _ framing: BodyFraming, filter: FieldFilter = .hopByHop,
        connection: ConnectionDirective = .unsaid
    ) throws -> String {
        var buffer = ByteBuffer()
        try RequestEncoder.encode(head, framing: framing, filter: filter, connection: connection, into: &buffer)
        return buffer.text
    }

    func encoded(
        _ head: ResponseHead, _ framing: BodyFraming, filter: FieldFilter = .hopByHop,
        connection: ConnectionDirective = .unsaid, date: HTTPDate? = nil
    ) throws -> String {
        var buffer = ByteBuffer()
        try ResponseEncoder.encode(
            head, framing: framing, filter: filter, connection: connection, date: date, into: &buffer)
        return buffer.text
    }

    @Test func requestsHaveTheirFieldsThenTheFraming() throws {
        let head = RequestHead(
            method: .post, target: "/a%2F?b", fields: ["Host": "a", "content-length": "99", "X": "y"])
        #expect(
            try encoded(head, .length(12345))
                == "POST /a%2F?b HTTP/1.1\r\nHost: a\r\nX: y\r\nContent-Length: 12345\r\n\r\n")
        #expect(
            try encoded(head, .chunked, connection: .close)
                == "POST /a%2F?b HTTP/1.1\r\nHost: a\r\nX: y\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        )
        #expect(try encoded(head, .none) == "POST /a%2F?b HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n")
    }

    @Test(arguments: [0, 1, 9, 10, 99, 100, 4096, Int.max])
    func lengthsAreDecimal(_ length: Int) throws {
        let head = ResponseHead(status: .ok)
        #expect(try encoded(head, .length(length)) == "HTTP/1.1 200 OK\r\nContent-Length: \(length)\r\n\r\n")
    }

    @Test func parsedFieldsPassByteForByte() throws {
        let lines = "hOST: a\r\nX-b:  two blanks \r\nx-c:none\r\nEmpty:\r\nAccept: */*\r\n"
        let request = try #require(requests("GET / HTTP/1.0\r\n" + lines + "\r\n").first?.request)
        #expect(
            try encoded(request.head, .none)
                == "GET / HTTP/1.1\r\nhOST: a\r\nX-b: two blanks\r\nx-c: none\r\nEmpty: \r\nAccept: */*\r\n\r\n")
    }

    @Test func hopByHopFieldsAreDropped() throws {
        let head = RequestHead(
            method: .get, target: "/",
            fields: [
                "Keep-Alive": "1", "Host": "a", "Connection": "close, X-Mine, Via", "x-mine": "1", "Via": "x",
                "X-Mine-Too": "2", "Proxy-Connection": "x", "TE": "trailers", "Trailer": "x", "Upgrade": "w",
                "Transfer-Encoding": "chunked", "Expect": "100-continue",
            ])
        #expect(
            try encoded(head, .none) == "GET / HTTP/1.1\r\nHost: a\r\nX-Mine-Too: 2\r\nExpect: 100-continue\r\n\r\n")
        #expect(try encoded(head, .none, filter: .teleport) == "GET / HTTP/1.1\r\nHost: a\r\nX-Mine-Too: 2\r\n\r\n")
        #expect(
            try encoded(head, .none, filter: .teleport.dropping("x-MINE-too"))
                == "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let all = try encoded(head, .none, filter: .none)
        #expect(all.contains("Upgrade: w\r\n") && all.contains("Connection: close, X-Mine, Via\r\n"))
        #expect(!all.contains("Transfer-Encoding"))
    }

    @Test func connectionCannotTakeHostOrLengthAway() throws {
        let head = RequestHead(
            method: .post, target: "/", fields: ["Host": "a", "Connection": "host, Content-Length", "X": "1"])
        #expect(try encoded(head, .length(1)) == "POST / HTTP/1.1\r\nHost: a\r\nX: 1\r\nContent-Length: 1\r\n\r\n")
        let response = ResponseHead(status: .ok, fields: ["Content-Length": "7", "Connection": "content-length"])
        #expect(try encoded(response, .headOnly) == "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n")
    }

    @Test func whatCannotBeSentLeavesTheBufferAlone() {
        let cases: [(RequestHead, HTTPError.Code)] = [
            (RequestHead(method: .get, target: "/"), .missingHost),
            (RequestHead(method: .get, target: "/", fields: ["Host": "a", "host": "a"]), .duplicateHost),
            (RequestHead(method: .get, target: "", fields: ["Host": "a"]), .invalidTarget),
            (RequestHead(method: .get, target: "/ HTTP/1.1\r\nX: y", fields: ["Host": "a"]), .invalidTarget),
        ]
        for (head, code) in cases {
            var buffer = ByteBuffer(string: "before")
            #expect(throws: HTTPError(code)) { try RequestEncoder.encode(head, framing: .none, into: &buffer) }
            #expect(throws: HTTPError(code)) { try TeleportEncoder.encode(Request(head: head), into: &buffer) }
            #expect(buffer.text == "before")
        }
        let head = RequestHead(method: .get, target: "/", fields: ["Host": "a"])
        #expect(throws: HTTPError.self) { try encoded(head, .untilClose) }
        #expect(throws: HTTPError.self) { try encoded(head, .headOnly) }
    }

    @Test func responsesHaveADateIfTheyLackOne() throws {
        let date = HTTPDate(second: 784_111_777)
        #expect(
            try encoded(ResponseHead(status: .notFound), .length(0), date: date)
                == "HTTP/1.1 404 Not Found\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n")
        #expect(
            try encoded(ResponseHead(status: .ok, fields: ["date": "mine"]), .untilClose, date: date)
                == "HTTP/1.1 200 OK\r\nDate: mine\r\n\r\n")
    }

    @Test func bodilessStatusesAnnounceNoBody() throws {
        let fields: Fields = ["Content-Length": "5", "X": "y"]
        #expect(
            try encoded(ResponseHead(status: .noContent, fields: fields), .length(0))
                == "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n")
        #expect(
            try encoded(ResponseHead(status: .noContent, fields: fields), .headOnly)
                == "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n")
        #expect(
            try encoded(ResponseHead(status: .notModified, fields: fields), .headOnly)
                == "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nX: y\r\n\r\n")
        #expect(
            try encoded(ResponseHead(status: .ok, fields: ["Content-Length": "5", "content-length": "5"]), .headOnly)
                == "HTTP/1.1 200 OK\r\n\r\n")
        for framing in [BodyFraming.length(1), .chunked, .untilClose] {
            #expect(throws: HTTPError(.bodyNotAllowed, status: .internalServerError)) {
                try encoded(ResponseHead(status: .notModified), framing)
            }
        }
    }

    @Test func reasonPhrasesAreWritten() throws {
        var head = ResponseHead(status: 299)
        #expect(try encoded(head, .length(0)) == "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n")
        try head.setReasonPhrase("Odd one")
        #expect(
            try encoded(head, .length(0), connection: .keepAlive)
                == "HTTP/1.1 299 Odd one\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n")
    }

    @Test func chunksAndTrailers() throws {
        var buffer = ByteBuffer()
        ChunkEncoder.encode(ByteBuffer(string: "hello"), into: &buffer)
        ChunkEncoder.encode(ByteBuffer(), into: &buffer)
        ChunkEncoder.encode(ByteBuffer(repeating: 0x78, count: 17), into: &buffer)
        ChunkEncoder.encodeEnd(trailers: ["X": "y", "Host": "evil", "Content-Length": "1"], into: &buffer)
        #expect(buffer.text == "5\r\nhello\r\n11\r\nxxxxxxxxxxxxxxxxx\r\n0\r\nX: y\r\n\r\n")
        buffer.clear()
        ChunkEncoder.encodeEnd(into: &buffer)
        #expect(buffer.text == "0\r\n\r\n")
    }

    @Test(arguments: [1, 15, 16, 255, 256, 4095, 4096, 65535, 65536])
    func chunkedBodiesComeBack(_ size: Int) throws {
        var buffer = ByteBuffer()
        try RequestEncoder.encode(
            RequestHead(method: .put, target: "/", fields: ["Host": "a"]), framing: .chunked, into: &buffer)
        let piece = ByteBuffer(repeating: 0x61, count: size)
        ChunkEncoder.encode(piece, into: &buffer)
        ChunkEncoder.encode(piece, into: &buffer)
        ChunkEncoder.encodeEnd(trailers: ["X": "y"], into: &buffer)
        let request = try #require(requests(Array(buffer.readableBytesView), cut: .threes).first?.request)
        #expect(request.body.count == 2 * size)
        #expect(request.trailers == ["X": "y"])
    }
}
