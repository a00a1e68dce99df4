import HTTPTypes
import NIOCore
import TeleportHTTP
import Testing

@Suite struct HTTPTypesTests {
    @Test func requestsConvertBothWays() throws {
        let head = RequestHead(
            method: .post, target: "/a%2Fb?c", fields: ["Accept": "x", "Host": "a:8080", "x-odd": "1", "X-Odd": "2"])
        let request = try HTTPRequest(head, scheme: "https")
        #expect(request.method == .post)
        #expect(request.scheme == "https")
        #expect(request.authority == "a:8080")
        #expect(request.path == "/a%2Fb?c")
        #expect(request.headerFields.map(\.name.rawName) == ["Accept", "x-odd", "X-Odd"])
        let back = try RequestHead(request)
        #expect(back.method == .post)
        #expect(back.target == head.target)
        #expect(back.fields == ["Host": "a:8080", "Accept": "x", "x-odd": "1", "X-Odd": "2"])
        #expect(try Request(request, body: Body("x")).httpRequest(scheme: "https") == request)
    }

    @Test func targetFormsConvert() throws {
        let fields: Fields = ["Host": "a"]
        let absolute = try HTTPRequest(
            RequestHead(method: .get, target: "https://b:1?q", fields: fields), scheme: "http")
        #expect((absolute.scheme, absolute.authority, absolute.path) == ("https", "b:1", "/?q"))
        let star = try HTTPRequest(RequestHead(method: .options, target: "*", fields: fields), scheme: "http")
        #expect((star.authority, star.path) == ("a", "*"))
        let connect = try HTTPRequest(RequestHead(method: .connect, target: "b:443", fields: fields), scheme: "http")
        #expect((connect.scheme, connect.authority, connect.path) == (nil, "b:443", nil))
        #expect(try RequestHead(connect).target == "b:443")
    }

    @Test func whatCannotBeExpressedThrows() throws {
        #expect(throws: HTTPError(.inexpressible)) {
            try RequestHead(HTTPRequest(method: .get, scheme: "http", authority: "a", path: nil))
        }
        #expect(throws: HTTPError(.missingHost)) {
            try RequestHead(HTTPRequest(method: .get, scheme: "http", authority: nil, path: "/"))
        }
        #expect(throws: HTTPError(.duplicateHost)) {
            try HTTPRequest(
                RequestHead(method: .get, target: "/", fields: ["Host": "a", "host": "b"]), scheme: "http")
        }
        var fields: Fields = ["Host": "a"]
        try fields.append("X", bytes: ByteBuffer(bytes: [0xFF]))
        #expect(throws: HTTPError(.inexpressible)) {
            try HTTPRequest(RequestHead(method: .get, target: "/", fields: fields), scheme: "http")
        }
        #expect(throws: HTTPError(.invalidStatusLine)) { try ResponseHead(HTTPResponse(status: .init(code: 600))) }
    }

    @Test func responsesConvertBothWays() throws {
        let response = HTTPResponse(
            status: .init(code: 200, reasonPhrase: "Fine"), headerFields: [.server: "x", .contentType: "y"])
        let head = try ResponseHead(response)
        #expect(head.reasonPhrase == "Fine")
        #expect(head.fields == ["Server": "x", "Content-Type": "y"])
        #expect(try Response(response, body: Body("z")).httpResponse() == response)
    }

    @Test func fieldsConvertBothWays() throws {
        let fields: Fields = ["Set-Cookie": "a", "set-cookie": "b", "X": "é"]
        #expect(try Fields(HTTPFields(fields)) == fields)
    }
}
