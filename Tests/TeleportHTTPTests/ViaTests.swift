import NIOCore
import TeleportHTTP
import Testing

@Suite("Via")
struct ViaTests {
    @Test(
        "takes tokens and hosts, with or without a port, and nothing else",
        arguments: [
            ("httptp", true), ("proxy.example:8080", true), ("[::1]:80", true), ("", false), ("a b", false),
            ("a\r\nX: y", false), ("a,b", false), ("é", false),
        ])
    func names(name: String, isValid: Bool) {
        #expect((Via(name) != nil) == isValid)
    }

    @Test("says which version the request came in, behind the fields that are there")
    func lines() throws {
        let via = try #require(Via("me"))
        for (version, text) in [(HTTPVersion.http11, "1.1 me"), (.http10, "1.0 me")] {
            let head = RequestHead(
                method: .get, target: "/", version: version, fields: ["Host": "a", "Via": "1.1 other"])
            var buffer = ByteBuffer()
            try RequestEncoder.encode(head, framing: .none, via: via, into: &buffer)
            #expect(
                String(buffer: buffer) == "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 other\r\nVia: \(text)\r\n\r\n")
            buffer.clear()
            try TeleportEncoder.encode(Request(head: head), via: via, into: &buffer)
            #expect(
                String(buffer: buffer) == "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 other\r\nVia: \(text)\r\n\r\n")
        }
    }
}
