import TeleportHTTP
import Testing

@Suite struct StatusTests {
    @Test func acceptsExactly100To599() {
        #expect(Status(code: 99) == nil)
        #expect(Status(code: 100)?.code == 100)
        #expect(Status(code: 599)?.code == 599)
        #expect(Status(code: 600) == nil)
        #expect(Status(code: -1) == nil)
    }

    @Test func knowsReasonPhrases() {
        #expect(Status.ok.reasonPhrase == "OK")
        #expect(Status.requestHeaderFieldsTooLarge.description == "431 Request Header Fields Too Large")
        #expect((299 as Status).reasonPhrase == "")
        #expect((299 as Status).description == "299")
    }

    @Test func knowsWhichForbidABody() {
        for status in [Status.continue, .switchingProtocols, .noContent, .notModified] { #expect(status.forbidsBody) }
        for status in [Status.ok, .resetContent, .notFound] { #expect(!status.forbidsBody) }
    }
}
