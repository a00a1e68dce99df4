import NIOCore
import TeleportHTTP
import Testing

@Suite struct ContentCheckTests {
    func request(_ length: Int?) -> FramedRequestHead {
        FramedRequestHead(head: RequestHead(method: .post, target: "/"), contentLength: length)
    }

    func response(_ status: Status, _ length: Int?) -> FramedResponseHead {
        FramedResponseHead(head: ResponseHead(status: status), contentLength: length)
    }

    func verdict(_ check: ContentCheck, _ pieces: [Int]) -> HTTPError? {
        var check = check
        let result = outcome { () throws(HTTPError) in
            for piece in pieces { try check.received(piece) }
            try check.ended()
        }
        guard case .failure(let error) = result else { return nil }
        return error
    }

    @Test func asManyBytesAsDeclaredMustCome() {
        #expect(verdict(ContentCheck(request(5)), [2, 0, 3]) == nil)
        #expect(verdict(ContentCheck(request(5)), [2, 2])?.code == .truncated)
        #expect(verdict(ContentCheck(request(5)), [2, 4])?.code == .invalidContentLength)
        #expect(verdict(ContentCheck(request(5)), [2, 4])?.status == .badRequest)
        #expect(verdict(ContentCheck(request(0)), []) == nil)
        #expect(verdict(ContentCheck(request(nil)), [2, 4]) == nil)
        #expect(verdict(ContentCheck(response(.ok, 5), to: .get), [4])?.status == .badGateway)
        #expect(verdict(ContentCheck(response(.ok, 5), to: .get), [5]) == nil)
        #expect(ContentCheck(request(5)).remaining == 5)
    }

    @Test func whatOnlyDescribesABodyHasNone() {
        for (status, method) in [(.ok, .head), (.notModified, .get), (.noContent, .get)] as [(Status, HTTPMethod)] {
            for length in [nil, 5] {
                #expect(verdict(ContentCheck(response(status, length), to: method), []) == nil)
                #expect(verdict(ContentCheck(response(status, length), to: method), [5])?.code == .bodyNotAllowed)
            }
        }
    }
}
