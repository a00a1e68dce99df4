import NIOCore
import TeleportHTTP
import TestTraits
import Testing

@Suite(.computing) struct RequestDecoderTests {
    @Test func takesPipelinedRequestsInOrder() {
        let text = (0..<20).map { "POST /\($0) HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n\($0 + 10)" }.joined()
        for outcomes in Cut.allCases.map({ wholeRequests(Array(text.utf8), cut: $0) }) {
            #expect(outcomes.compactMap { $0.request?.target } == (0..<20).map { "/\($0)" })
            #expect(outcomes.compactMap { $0.request?.body.buffer?.text } == (0..<20).map { "\($0 + 10)" })
        }
    }

    @Test func chunkedBodiesWithTrailers() throws {
        let text = """
            POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
            5\r\nhello\r\n00A;ext="x"\r\n, wide wor\r\n2 ;y\r\nld\r\n000\r\n\
            X-Sum: 1\r\nHost: evil\r\ncontent-length: 9\r\nAuthorization: x\r\n\r\n
            """
        for cut in Cut.allCases {
            for outcomes in [requests(Array(text.utf8), cut: cut), wholeRequests(Array(text.utf8), cut: cut)] {
                let request = try #require(outcomes.first?.request)
                #expect(outcomes.count == 1)
                #expect(request.body.buffer?.text == "hello, wide world")
                #expect(request.trailers == ["X-Sum": "1"], "framing, routing and secrets are left out")
            }
        }
    }

    @Test(arguments: [
        "g\r\n", "\r\n", ";x\r\n", "-1\r\n", "+1\r\n", "0x1\r\n", "1 \r\nx\r\n", " 1\r\nx\r\n", "1\r\nxy\r\n",
        "1\r\nx\n",
        "1\r\nx\rx", "1;\u{1}\r\n",
    ])
    func malformedChunksClose(_ chunk: String) {
        let text = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + "0\r\n\r\n"
        for cut in Cut.allCases {
            #expect(requests(Array(text.utf8), cut: cut).last == .failed(HTTPError(.invalidChunk)))
        }
    }

    @Test func lineEndsInChunksAreStrict() {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        let cases: [(String, HTTPError.Code)] = [
            ("1\nx\r\n", .bareLineFeed), ("1;a\nx\r\n", .bareLineFeed), ("1\rx", .bareCarriageReturn),
            ("1;\0\r\n", .nulByte), ("0\r\n\n", .bareLineFeed), ("0\r\nX: a\n\r\n", .bareLineFeed),
            ("0\r\n X: a\r\n\r\n", .obsoleteLineFolding), ("0\r\nX : a\r\n\r\n", .invalidFieldName),
        ]
        for (chunk, code) in cases {
            #expect(requests(head + chunk).last == .failed(HTTPError(code)), "\(chunk)")
        }
    }

    @Test func refusedRequestsAreReadOverWithTheirBody() {
        let text = """
            POST /1 HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcde\
            POST /2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
            GET /3 HTTP/1.1\r\nHost: a\r\n\r\n
            """
        for cut in Cut.allCases {
            let outcomes = wholeRequests(Array(text.utf8), cut: cut)
            #expect(outcomes.map(\.code) == [.missingHost, .missingHost, nil])
            #expect(outcomes.last?.request?.target == "/3")
        }
    }

    @Test func aRefusedRequestThatWaitsCloses() {
        let text = "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        #expect(requests(text, .http1) == [.failed(HTTPError(.missingHost))])
        #expect(requests(text + "abc", .teleport) == [.refused(HTTPError(.missingHost))])
    }

    @Test func unknownExpectationsAreAnswered417() {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: cake\r\n"
        #expect(HTTPError(.unsupportedExpectation).status.code == 417)
        #expect(requests(head + "\r\n") == [.refused(HTTPError(.unsupportedExpectation))])
        #expect(requests(head + "Content-Length: 1\r\n\r\nx") == [.failed(HTTPError(.unsupportedExpectation))])
        #expect(requests(head + "Content-Length: 1\r\n\r\nx", .teleport).first?.request?.body.count == 1)
        #expect(requests("GET / HTTP/1.0\r\nExpect: cake\r\n\r\n").first?.request != nil)
    }

    @Test func anErrorIsFinal() {
        var decoder = RequestDecoder(profile: .http1)
        var buffer = ByteBuffer(string: "bad\r\n")
        #expect(throws: HTTPError(.invalidRequestLine)) { try decoder.next(from: &buffer) }
        buffer = ByteBuffer(string: "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(throws: HTTPError(.invalidRequestLine)) { try decoder.next(from: &buffer) }
        #expect(throws: HTTPError(.invalidRequestLine)) { try decoder.nextMessage(from: &buffer) }
        #expect(throws: HTTPError(.invalidRequestLine)) { try decoder.inputClosed() }
    }

    @Test func theEndOfInputIsTruncationOnlyWithinAMessage() throws {
        let text = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
        for length in 0...text.utf8.count {
            var decoder = RequestDecoder(profile: .http1)
            var buffer = ByteBuffer(bytes: text.utf8.prefix(length))
            while try decoder.next(from: &buffer) != nil {}
            if length == 0 || length == text.utf8.count {
                try decoder.inputClosed()
            } else {
                #expect(throws: HTTPError(.truncated)) { try decoder.inputClosed() }
            }
        }
    }

    @Test func anIncompleteHeadStaysInTheBuffer() throws {
        var decoder = RequestDecoder(profile: .http1)
        var buffer = ByteBuffer(string: "GET / HTTP/1.1\r\nHost: a\r\n\r")
        let before = buffer
        #expect(try decoder.next(from: &buffer) == nil)
        #expect(buffer == before)
    }

    @Test func aWholeBodyIsASliceAndNotACopy() throws {
        let body = String(repeating: "b", count: 1 << 20)
        var buffer = ByteBuffer(string: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(1 << 20)\r\n\r\n" + body)
        let address = buffer.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
        let end = address + UInt(buffer.readableBytes)
        var decoder = RequestDecoder(profile: .teleport)
        guard case .request(let request)? = try decoder.nextMessage(from: &buffer) else {
            Issue.record("no request")
            return
        }
        let place = request.body.buffer?.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) } ?? 0
        #expect((address..<end).contains(place))
    }

    @Test func memoryGrowsWithWhatCameAndNotWithWhatWasAnnounced() throws {
        var limits = HTTPLimits.default
        limits.maxBodySize = 1 << 30
        var decoder = RequestDecoder(profile: .teleport, limits: limits)
        var buffer = ByteBuffer(string: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(1 << 30)\r\n\r\nx")
        // Reserving a gibibyte 200 times over would not go unnoticed.
        var decoders: [RequestDecoder] = []
        for _ in 0..<200 {
            var copy = buffer
            var other = decoder
            #expect(try other.nextMessage(from: &copy) == nil)
            decoders.append(other)
        }
        #expect(decoders.count == 200)
        #expect(try decoder.nextMessage(from: &buffer) == nil)
    }

    @Test func feedingAByteAtATimeIsNotQuadratic() throws {
        var limits = HTTPLimits.default
        limits.maxHeadSize = 1 << 20
        limits.maxTargetSize = 1 << 20
        let text =
            "GET /" + String(repeating: "t", count: 200_000) + " HTTP/1.1\r\nHost: a\r\nX: "
            + String(repeating: "v", count: 200_000) + "\r\n\r\n"
        let clock = ContinuousClock()
        let elapsed = clock.measure {
            #expect(requests(Array(text.utf8), limits: limits, cut: .bytes).first?.request != nil)
        }
        // Quadratic would be 10^11 steps.
        #expect(elapsed < .seconds(20))
    }
}
