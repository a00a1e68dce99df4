import NIOCore
import TeleportHTTP
import TeleportTestKit
import TestTraits
import Testing

/// Whatever HTTP/1.1 can say passes through protocol v1 unchanged, but for what is left out on purpose.
@Suite(.computing) struct FramedRoundTripTests {
    static let secrets = SecretFields(adding: ["X-Api-Key"])

    struct Encoded: Equatable {
        var head = ByteBuffer()
        var secrets = ByteBuffer()

        /// Bytes on the wire, frame headers and the length of the head included.
        var size: Int { 9 + 3 + head.readableBytes + (secrets.readableBytes > 0 ? 9 + secrets.readableBytes : 0) }
    }

    func encode(
        _ head: RequestHead, _ content: FramedContent = .whole(0), secrets: SecretFields = Self.secrets
    ) throws -> Encoded {
        var encoded = Encoded()
        try FramedEncoder.encode(
            head, content: content, secrets: secrets, into: &encoded.head, secretValues: &encoded.secrets)
        return encoded
    }

    func encode(
        _ head: ResponseHead, _ content: FramedContent = .whole(0), secrets: SecretFields = Self.secrets
    ) throws -> Encoded {
        var encoded = Encoded()
        try FramedEncoder.encode(
            head, content: content, secrets: secrets, into: &encoded.head, secretValues: &encoded.secrets)
        return encoded
    }

    /// Direct HTTP/1.1, but `Host` stands first and is spelled so (V1-61).
    func direct(_ head: RequestHead) throws -> String {
        var lines = try http1(head).components
        guard let place = lines.firstIndex(where: { $0.lowercased().hasPrefix("host:") }) else { return "" }
        let host = lines.remove(at: place)
        lines.insert("Host:" + host.dropFirst(5), at: 1)
        return lines.joined(separator: "\r\n")
    }

    func http1(_ head: RequestHead) throws -> ByteBuffer {
        var buffer = ByteBuffer()
        try RequestEncoder.encode(head, framing: .length(7), filter: .teleport, into: &buffer)
        return buffer
    }

    func http1(_ head: ResponseHead) throws -> ByteBuffer {
        var buffer = ByteBuffer()
        try ResponseEncoder.encode(head, framing: .headOnly, filter: .teleport, into: &buffer)
        return buffer
    }

    func check(_ head: RequestHead, _ comment: Comment) throws {
        let encoded = try encode(head)
        let decoded = try FramedDecoder.decodeRequest(encoded.head, secrets: encoded.secrets)
        #expect(try http1(decoded.head).text == direct(head), comment)
        #expect(decoded.head.version == head.version, comment)
        #expect(try encode(decoded.head) == encoded, comment)
        // A copy is the same in every form.
        let copy = decoded.head.detached()
        #expect(copy == decoded.head, comment)
        #expect(try encode(copy) == encoded, comment)
        #expect(try http1(copy) == http1(decoded.head), comment)
    }

    func check(_ head: ResponseHead, _ comment: Comment) throws {
        let encoded = try encode(head, .headOnly())
        let decoded = try FramedDecoder.decodeResponse(encoded.head, secrets: encoded.secrets)
        var expected = head
        // On the wire an empty reason phrase is that of the registry.
        if head.reasonPhrase.isEmpty { try expected.setReasonPhrase(head.status.reasonPhrase) }
        #expect(try http1(decoded.head) == http1(expected), comment)
        #expect(try encode(decoded.head, .headOnly()) == encoded, comment)
        let copy = decoded.head.detached()
        #expect(copy == decoded.head, comment)
        #expect(try encode(copy, .headOnly()) == encoded, comment)
    }

    @Test func recordedMessages() throws {
        let requests = try FramedFixtures.requests()
        let responses = try FramedFixtures.responses()
        #expect(requests.count > 60 && responses.count > 60)
        for request in requests where request.fields.contains(.host) {
            try check(request.head, "\(request.method) \(request.target)")
        }
        for response in responses { try check(response.head, "\(response.head.fields)") }
    }

    @Test func randomMessages() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var heads = RandomHeads(seed: seed)
        for round in 0..<2000 {
            try check(try heads.request(), "seed \(seed), request \(round)")
            try check(try heads.response(), "seed \(seed), response \(round)")
        }
    }

    @Test func noMessageTakesMoreBytesThanOnV0() throws {
        var (old, new) = (0, 0)
        func compare(_ v0: (inout ByteBuffer) throws -> Void, _ v1: Encoded, _ comment: Comment) throws {
            var buffer = ByteBuffer(integer: UInt32(1))
            try v0(&buffer)
            #expect(v1.size <= buffer.readableBytes, comment)
            old += buffer.readableBytes
            new += v1.size
        }
        for request in try FramedFixtures.requests() where request.fields.contains(.host) {
            let head = Request(head: request.head)
            try compare({ try TeleportEncoder.encode(head, into: &$0) }, encode(request.head), "\(request.target)")
        }
        for response in try FramedFixtures.responses() where !response.status.isInformational {
            let head = Response(head: response.head)
            try compare({ try TeleportEncoder.encode(head, into: &$0) }, encode(response.head), "\(response.fields)")
        }
        let seed = UInt64.random(in: 0 ... .max)
        var heads = RandomHeads(seed: seed)
        for _ in 0..<500 {
            // Without compression there is no history that a secret must not touch.
            // v0 has no trailers and leaves out what announces them.
            var request = Request(head: try heads.request())
            request.fields.remove(.trailer)
            try compare(
                { try TeleportEncoder.encode(request, into: &$0) }, encode(request.head, secrets: .none),
                "seed \(seed)")
            var response = Response(head: try heads.response())
            response.fields.remove(.trailer)
            try compare(
                { try TeleportEncoder.encode(response, into: &$0) }, encode(response.head, secrets: .none),
                "seed \(seed)")
        }
        #expect(new * 10 < old * 9, "\(new) bytes instead of \(old)")
    }

    /// Heads with every form of a field.
    func samples() throws -> [(Encoded, isRequest: Bool)] {
        let lines = "Accept: */*\r\ncookie: s=1\r\nX-A: 1\r\nX-Api-Key: k\r\nETag: \"e\"\r\nLink:\r\n\r\n"
        return [
            (try encode(requestHead("PURGE /x HTTP/1.0\r\nHost: a\r\n" + lines), .streamed(length: 5)), true),
            (try encode(responseHead("HTTP/1.1 200 Fine\r\n" + lines), .streamed(length: 5)), false),
        ]
    }

    func accepts(_ encoded: Encoded, isRequest: Bool) -> Bool {
        let result = outcome { () throws(HTTPError) in
            if isRequest {
                _ = try FramedDecoder.decodeRequest(encoded.head, secrets: encoded.secrets)
            } else {
                _ = try FramedDecoder.decodeResponse(encoded.head, secrets: encoded.secrets)
            }
        }
        if case .success = result { return true } else { return false }
    }

    @Test func noPartOfAHeadIsAHeadAndNothingMayFollow() throws {
        for (sample, isRequest) in try samples() {
            #expect(accepts(sample, isRequest: isRequest))
            for length in 0..<sample.head.readableBytes {
                var cut = sample
                cut.head.moveWriterIndex(to: length)
                #expect(!accepts(cut, isRequest: isRequest))
            }
            for length in 0..<sample.secrets.readableBytes {
                var cut = sample
                cut.secrets.moveWriterIndex(to: length)
                #expect(!accepts(cut, isRequest: isRequest))
            }
            for byte in [UInt8](UInt8.min...UInt8.max) {
                var longer = sample
                longer.head.writeInteger(byte)
                #expect(!accepts(longer, isRequest: isRequest))
                longer = sample
                longer.secrets.writeInteger(byte)
                #expect(!accepts(longer, isRequest: isRequest))
            }
        }
    }

    @Test func whatSurvivesAMutationIsSound() throws {
        for (sample, isRequest) in try samples() {
            for place in 0..<(sample.head.readableBytes + sample.secrets.readableBytes) {
                for byte in UInt8.min...UInt8.max {
                    var changed = sample
                    if place < sample.head.readableBytes {
                        changed.head.setInteger(byte, at: place)
                    } else {
                        changed.secrets.setInteger(byte, at: place - sample.head.readableBytes)
                    }
                    guard accepts(changed, isRequest: isRequest) else { continue }
                    if isRequest {
                        try checkSound(FramedDecoder.decodeRequest(changed.head, secrets: changed.secrets))
                    } else {
                        try checkSound(FramedDecoder.decodeResponse(changed.head, secrets: changed.secrets))
                    }
                }
            }
        }
    }

    func checkSound(_ decoded: FramedRequestHead) throws {
        let encoded = try encode(decoded.head, .streamed(length: decoded.contentLength))
        var again = try FramedDecoder.decodeRequest(encoded.head, secrets: encoded.secrets)
        #expect(again.contentLength == decoded.contentLength)
        again.head.fields.remove(.contentLength)
        var expected = decoded
        expected.head.fields.remove(.contentLength)
        #expect(again.head == expected.head)
        _ = try http1(decoded.head)
    }

    func checkSound(_ decoded: FramedResponseHead) throws {
        let encoded = try encode(decoded.head, .headOnly(length: decoded.contentLength))
        let again = try FramedDecoder.decodeResponse(encoded.head, secrets: encoded.secrets)
        guard !decoded.head.status.forbidsBody else { return }
        #expect(again == decoded)
        _ = try http1(decoded.head)
    }
}

extension ByteBuffer {
    /// Its lines, as text.
    fileprivate var components: [String] {
        // CR LF is one character.
        text.split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
    }
}
