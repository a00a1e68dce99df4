import Testing

@testable import TeleportHTTP

@Suite struct HTTPMethodTests {
    @Test(arguments: ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH"])
    func wellKnownSpellingsKeepTheirSpelling(_ spelling: String) throws {
        let method = try #require(HTTPMethod(spelling))
        #expect(method.rawValue == spelling)
        #expect(method.description == spelling)
        if case .other = method.storage { Issue.record("\(spelling) should be a tag") }
    }

    @Test func equalsItsStaticMember() {
        #expect(HTTPMethod("GET") == .get)
        #expect(HTTPMethod("PATCH") == .patch)
        #expect(HTTPMethod("get") != .get)
    }

    @Test func takesAnyTokenAndNothingElse() {
        #expect(HTTPMethod("PROPFIND")?.rawValue == "PROPFIND")
        #expect(HTTPMethod("M-SEARCH")?.rawValue == "M-SEARCH")
        #expect(HTTPMethod("") == nil)
        #expect(HTTPMethod("G T") == nil)
        #expect(HTTPMethod("GET\r") == nil)
        #expect(HTTPMethod("GÉT") == nil)
    }

    @Test func idempotenceFollowsTheRegistry() {
        for method in [HTTPMethod.get, .head, .put, .delete, .options, .trace] { #expect(method.isIdempotent) }
        for method in [HTTPMethod.post, .patch, .connect, HTTPMethod("PROPFIND")] {
            #expect(method?.isIdempotent == false)
        }
    }
}
