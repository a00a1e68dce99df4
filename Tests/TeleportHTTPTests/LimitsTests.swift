import TeleportHTTP
import Testing

/// Every limit at N, which is admitted, and at N + 1, fed whole and byte by byte.
@Suite struct LimitsTests {
    func expect(
        _ text: String, _ limits: HTTPLimits, _ code: HTTPError.Code?, _ profile: HTTPProfile = .http1,
        refused: Bool = false, location: SourceLocation = #_sourceLocation
    ) {
        for cut in Cut.allCases {
            for outcomes in [
                requests(Array(text.utf8), profile, limits: limits, cut: cut),
                wholeRequests(Array(text.utf8), profile, limits: limits, cut: cut),
            ] {
                if let code {
                    let error = HTTPError(code)
                    #expect(outcomes == [refused ? .refused(error) : .failed(error)], sourceLocation: location)
                } else {
                    #expect(outcomes.count == 1 && outcomes[0].request != nil, sourceLocation: location)
                }
            }
        }
    }

    @Test func headSize() {
        let head = "GET / HTTP/1.1\r\nHost: a\r\nX: abc\r\n\r\n"
        expect(head, HTTPLimits(maxHeadSize: head.utf8.count), nil)
        expect(head, HTTPLimits(maxHeadSize: head.utf8.count - 1), .headTooLarge)
        expect(head, HTTPLimits(maxHeadSize: 20), .headTooLarge)
        #expect(HTTPError(.headTooLarge).status.code == 431)
    }

    @Test func targetSize() {
        let head = "GET /abcdef HTTP/1.1\r\nHost: a\r\n\r\n"
        expect(head, HTTPLimits(maxTargetSize: 7), nil)
        expect(head, HTTPLimits(maxTargetSize: 6), .targetTooLong)
        expect(head, HTTPLimits(maxHeadSize: 10), .targetTooLong)
        #expect(HTTPError(.targetTooLong).status.code == 414)
    }

    @Test func fieldCount() {
        let head = "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nY: 2\r\n\r\n"
        expect(head, HTTPLimits(maxFieldCount: 3), nil)
        expect(head, HTTPLimits(maxFieldCount: 2), .tooManyFields)
        #expect(HTTPError(.tooManyFields).status.code == 431)
    }

    @Test func announcedBody() {
        let request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789"
        expect(request, HTTPLimits(maxBodySize: 10), nil)
        for profile in [HTTPProfile.http1, .teleport] {
            expect(request, HTTPLimits(maxBodySize: 9, maxDiscardedBody: 10), .bodyTooLarge, profile, refused: true)
            expect(request, HTTPLimits(maxBodySize: 9, maxDiscardedBody: 9), .bodyTooLarge, profile)
        }
        #expect(HTTPError(.bodyTooLarge).status.code == 413)
    }

    @Test func anOverlongBodyThatIsWaitedForCloses() {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n"
        expect(head, HTTPLimits(maxBodySize: 9), .bodyTooLarge)
        expect(head + "0123456789", HTTPLimits(maxBodySize: 9), .bodyTooLarge, .teleport, refused: true)
    }

    @Test func chunkedBody() {
        let request =
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n6\r\nefghij\r\n0\r\n\r\n"
        expect(request, HTTPLimits(maxBodySize: 10), nil)
        expect(request, HTTPLimits(maxBodySize: 9, maxDiscardedBody: 10), .bodyTooLarge, refused: true)
        expect(request, HTTPLimits(maxBodySize: 9, maxDiscardedBody: 9), .bodyTooLarge)
        expect(request, HTTPLimits(maxBodySize: 3, maxDiscardedBody: 100), .bodyTooLarge, refused: true)
        let huge = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        expect(huge + "7fffffffffffffff\r\n", .default, .bodyTooLarge)
        expect(huge + "ffffffffffffffff\r\n", .default, .bodyTooLarge)
        expect(huge + "10000000000000000\r\n", .default, .bodyTooLarge)
    }

    @Test func chunkLine() {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        let request = head + "1;abc\r\nx\r\n0\r\n\r\n"
        expect(request, HTTPLimits(maxChunkLineSize: 7), nil)
        expect(request, HTTPLimits(maxChunkLineSize: 6), .chunkLineTooLong)
        expect(request, HTTPLimits(maxChunkLineSize: 5), .chunkLineTooLong)
    }

    @Test func trailers() {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
        let trailers = "X: 1\r\nY: 2\r\n\r\n"
        expect(head + trailers, HTTPLimits(maxTrailerSize: trailers.utf8.count), nil)
        expect(head + trailers, HTTPLimits(maxTrailerSize: trailers.utf8.count - 1), .trailersTooLarge)
        expect(head + trailers, HTTPLimits(maxFieldCount: 2), nil)
        let three = "X: 1\r\nY: 2\r\nZ: 3\r\n\r\n"
        expect(head + three, HTTPLimits(maxFieldCount: 2), .tooManyFields)
    }

    @Test func informationalResponses() {
        let text = String(repeating: "HTTP/1.1 103 Early Hints\r\n\r\n", count: 3) + "HTTP/1.1 204 No Content\r\n\r\n"
        #expect(responses(text, limits: HTTPLimits(maxInformationalResponses: 3)).count == 4)
        #expect(
            responses(text, limits: HTTPLimits(maxInformationalResponses: 2)).last?.code
                == .tooManyInformationalResponses)
    }

    @Test func responseBodies() {
        let limits = HTTPLimits(maxBodySize: 3)
        let announced = "HTTP/1.1 200 OK\r\nContent-Length: "
        #expect(responses(announced + "3\r\n\r\nabc", limits: limits).last?.code == nil)
        #expect(responses(announced + "4\r\n\r\nabcd", limits: limits).last?.code == .bodyTooLarge)
        #expect(responses("HTTP/1.1 200 OK\r\n\r\nabc", limits: limits).last?.code == nil)
        #expect(responses("HTTP/1.1 200 OK\r\n\r\nabcd", limits: limits).last?.code == .bodyTooLarge)
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        #expect(responses(chunked + "3\r\nabc\r\n0\r\n\r\n", limits: limits).last?.code == nil)
        #expect(responses(chunked + "4\r\nabcd\r\n0\r\n\r\n", limits: limits).last?.code == .bodyTooLarge)
        #expect(
            responses(announced + "4\r\n\r\n", limits: limits).last
                == .failed(
                    HTTPError(.bodyTooLarge, status: .badGateway)))
    }

    @Test func responseHeads() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: y\r\n\r\n"
        let size = text.utf8.count
        #expect(responses(text, limits: HTTPLimits(maxHeadSize: size)).last?.code == nil)
        #expect(responses(text, limits: HTTPLimits(maxHeadSize: size - 1)).last?.code == .headTooLarge)
        #expect(responses(text, limits: HTTPLimits(maxHeadSize: 10)).last?.code == .headTooLarge)
        #expect(responses(text, limits: HTTPLimits(maxFieldCount: 2)).last?.code == nil)
        #expect(responses(text, limits: HTTPLimits(maxFieldCount: 1)).last?.code == .tooManyFields)
    }
}
