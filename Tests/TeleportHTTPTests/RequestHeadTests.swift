import NIOCore
import TeleportHTTP
import Testing

@Suite struct RequestHeadTests {
    @Test func keepsAliveFollowsVersionAndConnection() {
        let cases: [(HTTPVersion, Fields, Bool)] = [
            (.http11, [:], true), (.http11, ["Connection": "close"], false),
            (.http11, ["Connection": "x, CLOSE"], false), (.http11, ["Connection": "upgrade"], true),
            (.http10, [:], false), (.http10, ["Connection": "keep-alive"], true),
            (.http10, ["Connection": "keep-alive, close"], false),
        ]
        for (version, fields, expected) in cases {
            #expect(RequestHead(method: .get, target: "/", version: version, fields: fields).keepsAlive == expected)
            #expect(ResponseHead(status: .ok, version: version, fields: fields).keepsAlive == expected)
        }
    }

    @Test func expectsContinueOnlyInHTTP11() {
        let fields: Fields = ["Expect": "100-Continue"]
        #expect(RequestHead(method: .post, target: "/", fields: fields).expectsContinue)
        #expect(!RequestHead(method: .post, target: "/", version: .http10, fields: fields).expectsContinue)
        #expect(!RequestHead(method: .post, target: "/").expectsContinue)
    }

    @Test func detachedHasABufferOfItsOwn() throws {
        let filler = String(repeating: "x", count: 100_000)
        var buffer = ByteBuffer(string: "POST /a?b HTTP/1.1\r\nhost:a\r\nContent-Length: 100000\r\n\r\n" + filler)
        var decoder = RequestDecoder(profile: .http1)
        guard case .request(let request)? = try decoder.nextMessage(from: &buffer) else {
            Issue.record("no request")
            return
        }
        let detached = request.head.detached()
        #expect(detached == request.head)
        #expect(request.head.targetBytes.storageCapacity > 100_000)
        #expect(detached.targetBytes.storageCapacity < 256)
        #expect(detached.target == "/a?b")
        #expect(request.detached().body.buffer == request.body.buffer)
    }

    @Test func replacingFieldsLeavesTheTarget() throws {
        var request = try #require(requests("GET /kept HTTP/1.1\r\nHost: a\r\n\r\n").first?.request)
        request.fields = ["Host": "b"]
        #expect(request.target == "/kept")
        var other: Fields = ["Host": "c", "X": "y"]
        swap(&request.fields, &other)
        #expect(request.target == "/kept")
        #expect(request.fields.first(.host) == "c")
        try request.fields.append(.via, "1.1 t")
        request.target = "/changed"
        #expect(request.target == "/changed")
        #expect(request.fields.count == 3)
    }

    @Test func shortInitialiserMakesHost() {
        let request = Request(.get, "/x", host: "a:80")
        #expect(request.method == .get)
        #expect(request.target == "/x")
        #expect(request.fields == ["Host": "a:80"])
        // A host that cannot stand in a field is refused where all requests are checked.
        #expect(Request(.get, "/x", host: "a\r\nX: y").fields.isEmpty)
    }
}
