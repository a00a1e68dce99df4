import TeleportHTTP
import Testing

@Suite struct ResponseHeadTests {
    @Test func keepsAReasonPhraseOfItsOwn() throws {
        var head = ResponseHead(status: .ok)
        #expect(head.reasonPhrase == "OK")
        try head.setReasonPhrase("Fine")
        #expect(head.reasonPhrase == "Fine")
        #expect(head.detached() == head)
        #expect(head.detached().reasonPhrase == "Fine")
        #expect { try head.setReasonPhrase("a\r\nb") } throws: { ($0 as? HTTPError)?.code == .invalidStatusLine }
        try head.setReasonPhrase("OK")
        #expect(head == ResponseHead(status: .ok))
    }

    @Test func textHasAContentType() async throws {
        let response = Response.text("hi", status: .notFound)
        #expect(response.status == .notFound)
        #expect(response.fields == ["Content-Type": "text/plain; charset=utf-8"])
        #expect(response.body.count == 2)
        #expect(response.detached().fields == response.fields)
    }
}
