import NIOCore
import TeleportHTTP
import Testing

@Suite("The form of a target")
struct TargetFormTests {
    private func form(_ target: String, _ method: HTTPMethod = .get) -> TargetForm {
        RequestHead(method: method, target: target).targetForm
    }

    @Test("paths, asterisks and authorities")
    func simple() {
        #expect(self.form("/") == .origin)
        #expect(self.form("/a?b#c") == .origin)
        #expect(self.form("*", .options) == .asterisk)
        #expect(self.form("*") == .invalid)
        #expect(self.form("**", .options) == .invalid)
        #expect(self.form("a:443", .connect) == .authority)
        #expect(self.form("/", .connect) == .invalid)
        #expect(self.form("") == .invalid)
    }

    @Test(
        "URIs, with their authority",
        arguments: [
            ("http://h", "h"), ("http://h/", "h"), ("http://h:80?x", "h:80"), ("a+b.c://[::1]#f", "[::1]"),
            ("HTTP://H/p", "H"),
        ])
    func absolute(target: String, authority: String) {
        #expect(self.form(target) == .absolute(authority: ByteBuffer(string: authority)))
    }

    @Test(
        "what is none of these",
        arguments: [
            "h", "http:", "http:/h", "http://", "http:///p", "http://u@h", "://h", "1a://h", "a_b://h", "http//h", "?q",
        ])
    func invalid(target: String) {
        #expect(self.form(target) == .invalid)
    }
}
