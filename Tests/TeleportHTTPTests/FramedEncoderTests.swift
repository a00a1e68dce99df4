import NIOCore
import TeleportHTTP
import Testing

@Suite struct FramedEncoderTests {
    func decoded(
        _ head: RequestHead, _ content: FramedContent = .whole(0), opensTunnel: Bool = false, via: Via? = nil,
        secrets: SecretFields = .default, limits: HTTPLimits = .default
    ) throws -> FramedRequestHead {
        var (buffer, values) = (ByteBuffer(string: "before"), ByteBuffer(string: "secrets"))
        try FramedEncoder.encode(
            head, content: content, opensTunnel: opensTunnel, via: via, secrets: secrets, limits: limits, into: &buffer,
            secretValues: &values)
        buffer.moveReaderIndex(forwardBy: 6)
        values.moveReaderIndex(forwardBy: 7)
        return try FramedDecoder.decodeRequest(buffer, secrets: values, isTunnel: opensTunnel)
    }

    func decoded(
        _ head: ResponseHead, _ content: FramedContent = .whole(0), kind: FramedResponseKind = .final,
        date: HTTPDate? = nil
    ) throws -> FramedResponseHead {
        var (buffer, values) = (ByteBuffer(), ByteBuffer())
        try FramedEncoder.encode(
            head, kind: kind, content: content, date: date, into: &buffer, secretValues: &values)
        return try FramedDecoder.decodeResponse(buffer, secrets: values, kind: kind)
    }

    func head(_ fields: Fields, method: HTTPMethod = .post) -> RequestHead {
        RequestHead(method: method, target: "/", fields: fields)
    }

    @Test func whatBelongsToOneConnectionIsNotSent() throws {
        let fields: Fields = [
            "Host": "a", "Expect": "100-continue", "Transfer-Encoding": "chunked", "Upgrade": "w", "TE": "x",
            "Connection": "close, X-A, host", "X-A": "1", "Trailer": "x-sum", "Keep-Alive": "x", "X-B": "2",
            "Proxy-Connection": "close",
        ]
        #expect(try decoded(head(fields)).head.fields == ["Host": "a", "Trailer": "x-sum", "X-B": "2"])
        let response = ResponseHead(status: .ok, fields: fields)
        #expect(try decoded(response).head.fields == ["Host": "a", "Trailer": "x-sum", "X-B": "2"])
    }

    @Test func aTunnelSaysToWhat() throws {
        let fields: Fields = ["Host": "a", "Connection": "Upgrade, X-A", "Upgrade": "websocket", "X-A": "1"]
        #expect(try decoded(head(fields), opensTunnel: true).head.fields == ["Host": "a", "Upgrade": "websocket"])
        let response = ResponseHead(status: .switchingProtocols, fields: ["Connection": "upgrade", "Upgrade": "w"])
        #expect(try decoded(response, kind: .tunnel).head.fields == ["Upgrade": "w"])
    }

    @Test func aWholeMessageNeedsNoLength() throws {
        let fields: Fields = ["Host": "a", "Content-Length": "7"]
        let whole = try decoded(head(fields), .whole(3))
        #expect(whole.contentLength == nil)
        #expect(whole.head.fields == ["Host": "a"])
        #expect(try decoded(ResponseHead(status: .ok, fields: fields), .whole(3)).contentLength == nil)
    }

    @Test func aStreamSaysItsLengthIfItIsKnown() throws {
        let fields: Fields = ["Content-Length": "7", "Host": "a", "content-length": "8", "X": "y"]
        let known = try decoded(head(fields), .streamed(length: 3))
        #expect(known.contentLength == 3)
        #expect(known.head.fields == ["Host": "a", "X": "y", "Content-Length": "3"])
        #expect(try decoded(head(fields), .streamed(length: nil)).contentLength == nil)
        #expect(try decoded(head(fields), .streamed(length: -1)).contentLength == 0)
        let response = ResponseHead(status: .ok, fields: fields)
        #expect(try decoded(response, .streamed(length: .max)).contentLength == .max)
        #expect(try decoded(response, .streamed(length: nil)).contentLength == nil)
    }

    @Test func anAnswerWithoutABodyMayDescribeOne() throws {
        func length(_ status: Status, _ fields: Fields, _ content: FramedContent) throws -> Int? {
            try decoded(ResponseHead(status: status, fields: fields), content).contentLength
        }
        #expect(try length(.ok, ["Content-Length": "7"], .headOnly()) == 7)
        #expect(try length(.ok, ["Content-Length": "7"], .headOnly(length: 9)) == 7)
        #expect(try length(.ok, ["Content-Length": "seven"], .headOnly(length: 9)) == 9)
        #expect(try length(.ok, ["Content-Length": "99999999999999999999"], .headOnly(length: 9)) == 9)
        #expect(try length(.ok, ["Content-Length": "7", "content-length": "7"], .headOnly()) == nil)
        #expect(try length(.ok, [:], .headOnly(length: 9)) == 9)
        #expect(try length(.ok, [:], .headOnly()) == nil)
        #expect(try length(.notModified, ["Content-Length": "7"], .whole(0)) == 7)
        #expect(try length(.notModified, ["Content-Length": "7"], .headOnly()) == 7)
        #expect(try length(.noContent, ["Content-Length": "7"], .headOnly(length: 9)) == nil)
        #expect(try length(.noContent, ["Content-Length": "7"], .whole(0)) == nil)
    }

    @Test func aBodyThatMayNotBeIsRefused() {
        let error = HTTPError(.bodyNotAllowed, status: .internalServerError)
        for status in [Status.noContent, .notModified] {
            for content in [FramedContent.whole(1), .streamed(length: nil)] {
                #expect(throws: error) { try decoded(ResponseHead(status: status), content) }
            }
        }
        #expect(throws: error) { try decoded(ResponseHead(status: .earlyHints), .whole(1), kind: .interim) }
    }

    @Test func aTunnelMayFollowIts101() throws {
        let head = try decoded(ResponseHead(status: .switchingProtocols), .streamed(length: nil), kind: .tunnel)
        #expect(head.contentLength == nil)
    }

    @Test func theStatusFitsTheKindOfTheHead() {
        #expect(throws: HTTPError(.informationalAsFinal)) { try decoded(ResponseHead(status: .continue)) }
        for (status, kind) in [(200, .interim), (101, .interim), (100, .tunnel), (404, .tunnel)]
            as [(Status, FramedResponseKind)]
        {
            #expect { try decoded(ResponseHead(status: status), kind: kind) } throws: {
                ($0 as? HTTPError)?.code == .invalidStatusLine
            }
        }
        #expect(throws: Never.self) { try decoded(ResponseHead(status: .continue), kind: .interim) }
    }

    @Test func dateAndViaAreAdded() throws {
        let date = HTTPDate(second: 0)
        #expect(try decoded(ResponseHead(status: .ok), date: date).head.fields == ["Date": "\(date)"])
        let dated = ResponseHead(status: .ok, fields: ["Date": "today"])
        #expect(try decoded(dated, date: date).head.fields == ["Date": "today"])
        let via = Via("gate")
        var request = head(["Via": "1.1 first", "Host": "a"])
        #expect(try decoded(request, via: via).head.fields.all(.via) == ["1.1 first", "1.1 gate"])
        request.version = .http10
        #expect(try decoded(request, via: via).head.fields.all(.via) == ["1.1 first", "1.0 gate"])
    }

    @Test func secretValuesTravelApart() throws {
        let fields: Fields = ["Host": "a", "Cookie": "s=1", "X-Key": "k", "Accept": "*/*"]
        var (buffer, values) = (ByteBuffer(), ByteBuffer())
        try FramedEncoder.encode(
            head(fields), content: .whole(0), secrets: SecretFields(adding: ["x-key", .accept]), into: &buffer,
            secretValues: &values)
        #expect(
            Array(values.readableBytesView) == [3] + Array("s=1".utf8) + [1] + Array("k".utf8) + [3] + Array("*/*".utf8)
        )
        #expect(!buffer.text.contains("s=1"))
        let decoded = try FramedDecoder.decodeRequest(buffer, secrets: values)
        #expect(decoded.head.fields == fields)

        // What came as a secret is sent on as one, whatever this side takes for secret, also from a copy.
        for head in [decoded.head, decoded.head.detached()] {
            var (again, valuesAgain) = (ByteBuffer(), ByteBuffer())
            try FramedEncoder.encode(
                head, content: .whole(0), secrets: .none, into: &again, secretValues: &valuesAgain)
            #expect(again == buffer)
            #expect(valuesAgain == values)
        }
        var plain = ByteBuffer()
        values.clear()
        try FramedEncoder.encode(
            head(fields), content: .whole(0), secrets: .none, into: &plain, secretValues: &values)
        #expect(values.readableBytes == 0)
        #expect(try FramedDecoder.decodeRequest(plain).head.fields == fields)
    }

    @Test func refusalsLeaveBothBuffersAsTheyWere() throws {
        let long = String(repeating: "x", count: 100)
        let cases: [(RequestHead, HTTPLimits, HTTPError.Code)] = [
            (head([:]), .default, .missingHost),
            (head(["Host": "a", "host": "b"]), .default, .duplicateHost),
            (head(["Host": "a b"]), .default, .invalidHost),
            (RequestHead(method: .get, target: "/ x", fields: ["Host": "a"]), .default, .invalidTarget),
            (RequestHead(method: .get, target: "", fields: ["Host": "a"]), .default, .invalidTarget),
            (head(["Host": "a"], method: .connect), .default, .connectNotSupported),
            (head(["Host": "a", "X": "y"]), HTTPLimits(maxFieldCount: 1), .tooManyFields),
            (head(["Host": "a", "X": FieldValue.long, "Cookie": "s"]), HTTPLimits(maxHeadSize: 64), .headTooLarge),
            (head(["Host": "a", "Cookie": FieldValue.long]), HTTPLimits(maxHeadSize: 64), .headTooLarge),
            (
                RequestHead(method: .get, target: "/" + String(repeating: long, count: 30_000), fields: ["Host": "a"]),
                HTTPLimits(maxHeadSize: .max), .headTooLarge
            ),
            (
                head(["Host": "a"], method: try #require(HTTPMethod(String(repeating: "M", count: 256)))), .default,
                .invalidMethod
            ),
        ]
        for (head, limits, code) in cases {
            var (buffer, values) = (ByteBuffer(string: "before"), ByteBuffer(string: "secret"))
            #expect(throws: HTTPError(code)) {
                try FramedEncoder.encode(
                    head, content: .whole(0), limits: limits, into: &buffer, secretValues: &values)
            }
            #expect(buffer.text == "before" && values.text == "secret", "\(code)")
        }
        var (buffer, values) = (ByteBuffer(string: "before"), ByteBuffer(string: "secret"))
        let large = ResponseHead(status: .ok, fields: ["Set-Cookie": FieldValue.long])
        #expect(throws: HTTPError(.headTooLarge)) {
            try FramedEncoder.encode(
                large, content: .whole(0), limits: HTTPLimits(maxHeadSize: 64), into: &buffer, secretValues: &values)
        }
        #expect(buffer.text == "before" && values.text == "secret")
    }

    @Test func theLimitsAdmitExactlyThemselves() throws {
        let head = head(["Host": "a", "Cookie": "s=1", "X": "y"])
        var (buffer, values) = (ByteBuffer(), ByteBuffer())
        try FramedEncoder.encode(head, content: .whole(0), into: &buffer, secretValues: &values)
        let size = buffer.readableBytes + values.readableBytes
        for (limits, isAdmitted) in [
            (HTTPLimits(maxHeadSize: size), true), (HTTPLimits(maxHeadSize: size - 1), false),
            (HTTPLimits(maxFieldCount: 3), true), (HTTPLimits(maxFieldCount: 2), false),
        ] {
            let encoded = outcome { () throws(HTTPError) in
                var (buffer, values) = (ByteBuffer(), ByteBuffer())
                try FramedEncoder.encode(
                    head, content: .whole(0), limits: limits, into: &buffer, secretValues: &values)
            }
            let decoded = outcome { () throws(HTTPError) in
                _ = try FramedDecoder.decodeRequest(buffer, secrets: values, limits: limits)
            }
            if isAdmitted {
                #expect(throws: Never.self) { try encoded.get() }
                #expect(throws: Never.self) { try decoded.get() }
            } else {
                #expect(throws: HTTPError.self) { try encoded.get() }
                #expect(throws: HTTPError.self) { try decoded.get() }
            }
        }
    }

    @Test func fieldsWithLongNamesAndValuesFit() throws {
        var fields: Fields = ["Host": "a"]
        let long = String(repeating: "x", count: 128)
        for _ in 0..<1000 { try fields.append(FieldName(long), long) }
        let limits = HTTPLimits(maxHeadSize: 1 << 20, maxFieldCount: 1001)
        var (buffer, values) = (ByteBuffer(), ByteBuffer())
        try FramedEncoder.encode(
            head(fields), content: .whole(0), limits: limits, into: &buffer, secretValues: &values)
        #expect(buffer.readableBytes == 8 + 1000 * (1 + 2 + 128 + 2 + 128))
        #expect(try FramedDecoder.decodeRequest(buffer, limits: limits).head.fields == fields)
    }

    @Test func nothingIsTakenForFieldsThatCannotCome() {
        // Were memory taken for so many, the limit would be what stops it.
        let head = ByteBuffer(bytes: FramedVectors.bytes("01 00 01 '/' 01 'a' ff ff 7f 07 01 'x'"))
        #expect(throws: HTTPError(.malformedHead)) { try FramedDecoder.decodeRequest(head) }
    }

    @Test func fieldsThatAreAddedCount() throws {
        let limits = HTTPLimits(maxFieldCount: 2)
        #expect(throws: HTTPError(.tooManyFields)) {
            try decoded(head(["Host": "a", "X": "y"]), via: Via("gate"), limits: limits)
        }
        #expect(throws: HTTPError(.tooManyFields)) {
            try decoded(head(["Host": "a", "X": "y"]), .streamed(length: 1), limits: limits)
        }
        #expect(throws: Never.self) { try decoded(head(["Host": "a", "TE": "y"]), via: Via("gate"), limits: limits) }
    }

    @Test func trailersThatMayNotBeAreLeftOut() throws {
        var buffer = ByteBuffer()
        try FramedEncoder.encode(
            trailers: [
                "Host": "a", "Content-Length": "1", "X-Sum": "1", "Cookie": "c", "Connection": "X-A", "X-A": "1",
                "Trailer": "x", "Authorization": "b", "X-Key": "k", "TE": "x", "ETag": "e",
            ],
            secrets: SecretFields(adding: ["X-Key"]), into: &buffer)
        #expect(try FramedDecoder.decodeTrailers(buffer) == ["X-Sum": "1", "ETag": "e"])
    }

    @Test func trailersKeepToTheirLimits() throws {
        let trailers: Fields = ["X-Sum": "1", "X-Sam": "2"]
        var buffer = ByteBuffer()
        try FramedEncoder.encode(trailers: trailers, into: &buffer)
        let size = buffer.readableBytes
        for (limits, code) in [
            (HTTPLimits(maxTrailerSize: size - 1), .trailersTooLarge), (HTTPLimits(maxFieldCount: 1), .tooManyFields),
        ] as [(HTTPLimits, HTTPError.Code)] {
            var other = ByteBuffer(string: "before")
            #expect(throws: HTTPError(code)) {
                try FramedEncoder.encode(trailers: trailers, limits: limits, into: &other)
            }
            #expect(other.text == "before")
            #expect(throws: HTTPError(code)) { try FramedDecoder.decodeTrailers(buffer, limits: limits) }
        }
        let exact = HTTPLimits(maxFieldCount: 2, maxTrailerSize: size)
        #expect(try FramedDecoder.decodeTrailers(buffer, limits: exact) == trailers)
    }
}

private enum FieldValue {
    static let long = String(repeating: "x", count: 100)
}
