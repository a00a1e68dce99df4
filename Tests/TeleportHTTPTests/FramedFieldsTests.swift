import HTTPTypes
import NIOCore
import TeleportHTTP
import Testing

/// Fields whose names and values stand in tables and not in their buffer can do all that others can.
@Suite struct FramedFieldsTests {
    /// The same fields, from a head of protocol v1 and made here.
    func sample() throws -> (decoded: Fields, made: Fields) {
        let made: Fields = [
            "Host": "a", "Accept": "*/*", "X-One": "1", "Cookie": "s=1", "Vary": "Accept-Encoding", "x-one": "two",
            "Accept-Encoding": "gzip, deflate, br",
        ]
        var (buffer, secrets) = (ByteBuffer(string: "in front"), ByteBuffer())
        try FramedEncoder.encode(
            RequestHead(method: .get, target: "/", fields: made), content: .whole(0), into: &buffer,
            secretValues: &secrets)
        buffer.moveReaderIndex(forwardBy: 8)
        return (try FramedDecoder.decodeRequest(buffer, secrets: secrets).head.fields, made)
    }

    @Test func areEqualToOthers() throws {
        let (decoded, made) = try sample()
        #expect(decoded == made && made == decoded)
        #expect(decoded.detached() == made)
        #expect(decoded.pairs == made.pairs)
        #expect(decoded.description == made.description)
        var other = made
        try other.set(.accept, "*")
        #expect(decoded != other && other != decoded)
        other = made
        other.remove(.accept)
        try other.append("Accepts", "*/*")
        #expect(decoded != other)
    }

    @Test func areFound() throws {
        let (decoded, _) = try sample()
        #expect(decoded.first(.accept) == "*/*")
        #expect(decoded.first("ACCEPT") == "*/*")
        #expect(decoded.first("X-ONE") == "1")
        #expect(decoded.firstBytes(.vary)?.text == "Accept-Encoding")
        #expect(decoded.firstBytes(.cookie)?.text == "s=1")
        #expect(decoded.withValue(.accept) { $0.count } == 3)
        #expect(decoded.all("x-one") == ["1", "two"])
        #expect(decoded.all(.accept) == ["*/*"])
        #expect(decoded.containsToken(.acceptEncoding, "BR"))
        #expect(!decoded.containsToken(.acceptEncoding, "zstd"))
        #expect(!decoded.contains(.via))
    }

    @Test func canBeChanged() throws {
        var (fields, _) = try sample()
        try fields.set(.accept, "text/html")
        try fields.append("X-New", "n")
        #expect(fields.remove("x-one") == 2)
        let expected: Fields = [
            "Host": "a", "Accept": "text/html", "Cookie": "s=1", "Vary": "Accept-Encoding",
            "Accept-Encoding": "gzip, deflate, br", "X-New": "n",
        ]
        #expect(fields == expected)
        for round in 0..<1000 { try fields.set("X-New", "\(round)") }
        #expect(fields.first(.vary) == "Accept-Encoding")
        #expect(fields.first("x-new") == "999")
    }

    @Test func convertToHTTPTypes() throws {
        let (decoded, made) = try sample()
        #expect(try HTTPFields(decoded) == HTTPFields(made))
        let head = RequestHead(method: .get, target: "/", fields: decoded)
        #expect(try HTTPRequest(head, scheme: "http").authority == "a")
    }

    @Test func areWrittenAsHTTP1AndOnV0() throws {
        let (decoded, made) = try sample()
        var texts: [String] = []
        for fields in [decoded, made] {
            let head = RequestHead(method: .get, target: "/", fields: fields)
            var (http1, v0) = (ByteBuffer(), ByteBuffer())
            try RequestEncoder.encode(head, framing: .none, into: &http1)
            try TeleportEncoder.encode(Request(head: head), into: &v0)
            texts += [http1.text, v0.text]
        }
        #expect(texts[0] == texts[2])
        #expect(texts[1] == texts[3])
    }

    @Test func onlyAHeadWithSecretsIsCopied() throws {
        var (buffer, secrets) = (ByteBuffer(), ByteBuffer())
        try FramedEncoder.encode(
            RequestHead(method: .get, target: "/path", fields: ["Host": "a", "X": "value"]), content: .whole(0),
            into: &buffer, secretValues: &secrets)
        let decoded = try FramedDecoder.decodeRequest(buffer)
        func address(_ buffer: ByteBuffer?) -> UnsafeRawPointer? {
            buffer?.withUnsafeReadableBytes { $0.baseAddress }
        }
        let start = try #require(address(buffer))
        #expect(address(decoded.head.targetBytes) == start + 3)
        #expect(try #require(address(decoded.head.fields.firstBytes("X"))) > start)
        #expect(try #require(address(decoded.head.fields.firstBytes("X"))) < start + buffer.readableBytes)
    }
}
