import NIOCore
import TeleportHTTP
import Testing

/// Every head in `Specs/Vectors/v1/heads.json` is read as it says, and written if it is how we write.
@Suite struct FramedVectorTests {
    @Test func theNotationIsRead() {
        #expect(FramedVectors.bytes("01 ff 'a b' 3*'x' c3") == [1, 255, 0x61, 0x20, 0x62, 0x78, 0x78, 0x78, 0xC3])
        #expect(FramedVectors.bytes("").isEmpty)
    }

    @Test(arguments: try FramedVectors.load().requests)
    func request(_ vector: FramedVectors.Vector) throws {
        let result = outcome { () throws(HTTPError) in
            try FramedDecoder.decodeRequest(
                vector.bytes, secrets: vector.secretBytes, isTunnel: vector.tunnel ?? false,
                limits: vector.limits?.value ?? .default)
        }
        guard let means = vector.means else {
            try expect(result, fails: vector, onResponse: false)
            return
        }
        let decoded = try result.get()
        #expect(decoded.head.method.rawValue == means.method)
        #expect(decoded.head.target == means.target)
        #expect(decoded.isSecure == (means.https ?? false))
        #expect(decoded.head.version == (means.http10 == true ? .http10 : .http11))
        #expect(decoded.head.fields.pairs == means.fields)
        #expect(decoded.contentLength == means.length)
        guard vector.encode != nil else { return }
        let version = means.http10 == true ? "1.0" : "1.1"
        let text = "\(means.method ?? "") \(means.target ?? "") HTTP/\(version)\r\n" + lines(means)
        // What was read encodes to the same bytes, and so does the same message from HTTP/1.1.
        for head in [decoded.head, try requestHead(text)] {
            var (buffer, secrets) = (ByteBuffer(), ByteBuffer())
            try FramedEncoder.encode(
                head, content: vector.content, isSecure: means.https ?? false, opensTunnel: vector.tunnel ?? false,
                secrets: SecretFields(adding: (means.secret ?? []).map { FieldName($0) }),
                limits: vector.limits?.value ?? .default, into: &buffer, secretValues: &secrets)
            #expect(buffer == vector.bytes)
            #expect(secrets == vector.secretBytes ?? ByteBuffer())
        }
    }

    @Test(arguments: try FramedVectors.load().responses)
    func response(_ vector: FramedVectors.Vector) throws {
        let result = outcome { () throws(HTTPError) in
            try FramedDecoder.decodeResponse(
                vector.bytes, secrets: vector.secretBytes, kind: vector.responseKind,
                limits: vector.limits?.value ?? .default)
        }
        guard let means = vector.means else {
            try expect(result, fails: vector, onResponse: true)
            return
        }
        let decoded = try result.get()
        #expect(Int(decoded.head.status.code) == means.status)
        #expect(decoded.head.reasonPhrase == means.reason)
        #expect(decoded.head.version == .http11)
        #expect(decoded.head.fields.pairs == means.fields)
        #expect(decoded.contentLength == means.length)
        guard vector.encode != nil else { return }
        let text = "HTTP/1.1 \(means.status ?? 0) \(means.reason ?? "")\r\n" + lines(means)
        for head in [decoded.head, try responseHead(text)] {
            var (buffer, secrets) = (ByteBuffer(), ByteBuffer())
            try FramedEncoder.encode(
                head, kind: vector.responseKind, content: vector.content,
                secrets: SecretFields(adding: (means.secret ?? []).map { FieldName($0) }), into: &buffer,
                secretValues: &secrets)
            #expect(buffer == vector.bytes)
            #expect(secrets == vector.secretBytes ?? ByteBuffer())
        }
    }

    @Test(arguments: try FramedVectors.load().trailers)
    func trailers(_ vector: FramedVectors.Vector) throws {
        let result = outcome { () throws(HTTPError) in
            try FramedDecoder.decodeTrailers(vector.bytes, limits: vector.limits?.value ?? .default)
        }
        guard let means = vector.means else {
            try expect(result, fails: vector, onResponse: false)
            return
        }
        let fields = try result.get()
        #expect(fields?.pairs ?? [] == means.fields)
        #expect(fields.map { !$0.isEmpty } ?? true, "no trailers are nil")
        var buffer = ByteBuffer()
        try FramedEncoder.encode(trailers: fields ?? Fields(), into: &buffer)
        #expect(buffer == vector.bytes)
    }

    func lines(_ means: FramedVectors.Meaning) -> String {
        means.fields.map { "\($0[0]): \($0[1])\r\n" }.joined() + "\r\n"
    }

    func expect<Value>(
        _ result: Result<Value, HTTPError>, fails vector: FramedVectors.Vector, onResponse: Bool
    ) throws {
        guard case .failure(let error) = result else {
            Issue.record("accepted: \(result)")
            return
        }
        #expect("\(error.code)" == vector.error)
        #expect(onResponse ? error.status == .badGateway : error.status == HTTPError(error.code).status)
    }

    @Test func everyRuleOfHeadsHasVectors() throws {
        let vectors = try FramedVectors.load()
        let all = vectors.requests + vectors.responses + vectors.trailers
        for rule in 61...68 {
            #expect(all.contains { $0.rule == "V1-\(rule)" && $0.means != nil })
            #expect(all.contains { $0.rule == "V1-\(rule)" && $0.error != nil })
        }
    }
}
