import Testing

@testable import TeleportHTTP

@Suite struct FieldNameTests {
    @Test func everyWellKnownNameIsFoundInAnyCase() {
        #expect(FieldName.spellings.count <= 64)
        for id in 1..<FieldName.spellings.count {
            let spelling = FieldName.spellings[id].description
            let bytes = spelling.utf8.span.bytes
            let match = NameTable.shared.find(bytes, from: 0, to: bytes.byteCount)
            #expect(Int(match.id) == id, "\(spelling) shares its place with another")
            #expect(match.isCanonical)
            let other = spelling == spelling.lowercased() ? spelling.uppercased() : spelling.lowercased()
            let otherBytes = other.utf8.span.bytes
            let loose = NameTable.shared.find(otherBytes, from: 0, to: otherBytes.byteCount)
            #expect(Int(loose.id) == id)
            #expect(!loose.isCanonical)
            #expect(FieldName(spelling).spelling == spelling)
        }
    }

    @Test func idsThatCodecsUseBelongToTheirNames() {
        let pairs: [(FieldName, UInt8)] = [
            (.host, FieldID.host), (.contentLength, FieldID.contentLength), (.connection, FieldID.connection),
            (.transferEncoding, FieldID.transferEncoding), (.date, FieldID.date), (.expect, FieldID.expect),
            (.te, FieldID.te), (.trailer, FieldID.trailer), (.upgrade, FieldID.upgrade),
            (.keepAlive, FieldID.keepAlive), (.proxyConnection, FieldID.proxyConnection), (.cookie, FieldID.cookie),
            (.setCookie, FieldID.setCookie), (.authorization, FieldID.authorization),
            (.proxyAuthorization, FieldID.proxyAuthorization), (.via, FieldID.via),
        ]
        for (name, id) in pairs { #expect(name.id == id, "\(name)") }
    }

    @Test func staticMembersHaveTheirSpelling() {
        #expect(FieldName.eTag.spelling == "ETag")
        #expect(FieldName.wwwAuthenticate.spelling == "WWW-Authenticate")
        #expect(FieldName.secWebSocketKey.spelling == "Sec-WebSocket-Key")
        #expect(FieldName.xRequestID.spelling == "X-Request-ID")
        #expect(FieldName.retryAfter.spelling == "Retry-After")
    }

    @Test func comparesWithoutCase() {
        #expect("host" as FieldName == .host)
        #expect("X-Mine" as FieldName == "x-mine")
        #expect("X-Mine" as FieldName != "X-Mind")
        #expect("X-Mine" as FieldName != "X-Mine2")
        #expect(Set<FieldName>(["X-Mine", "x-mINE", "Via", "via"]).count == 2)
    }

    @Test func namesThatCollideWithWellKnownOnesAreNotMistaken() {
        // Same length, first, middle and last character.
        #expect(("Hsst" as FieldName).id == 0)
        #expect(("Content-Lxngth" as FieldName).id == 0)
        #expect(("" as FieldName).id == 0)
    }
}
