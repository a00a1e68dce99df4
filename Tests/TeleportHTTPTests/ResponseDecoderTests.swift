import NIOCore
import TeleportHTTP
import Testing

@Suite struct ResponseDecoderTests {
    func all(
        _ text: String, to methods: [HTTPMethod] = [.get], _ profile: HTTPProfile = .http1
    ) -> [[Outcome]] {
        Cut.allCases.flatMap { cut in
            [true, false].map { responses(Array(text.utf8), to: methods, profile, cut: cut, whole: $0) }
        }
    }

    func bodies(_ outcomes: [Outcome]) -> [String] {
        outcomes.compactMap {
            guard case .response(_, let body, _) = $0 else { return nil }
            return String(decoding: body, as: UTF8.self)
        }
    }

    @Test func bodiesEndByLengthChunksOrConnection() {
        let text = """
            HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab\
            HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\ncd\r\n0\r\nX: y\r\n\r\n\
            HTTP/1.0 200 OK\r\n\r\nuntil the end
            """
        for outcomes in all(text, to: [.get, .post, .get]) {
            #expect(bodies(outcomes) == ["ab", "cd", "until the end"])
            if case .response(_, _, let trailers)? = outcomes.dropFirst().first { #expect(trailers == ["X": "y"]) }
        }
    }

    @Test func answersToHEADAndBodilessStatusesHaveNoBody() {
        let text = """
            HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n\
            HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
            HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n\
            HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n\
            HTTP/1.1 204 No Content\r\n\r\n\
            HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx
            """
        for outcomes in all(text, to: [.head, .head, .get, .get, .get, .get]) {
            #expect(bodies(outcomes) == ["", "", "", "", "", "x"])
        }
    }

    @Test func informationalResponsesComeBeforeTheFinalOne() {
        let text =
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
        for profile in [HTTPProfile.http1, .teleport] {
            let outcomes = responses(Array(text.utf8), to: [.get], profile)
            #expect(outcomes.count == 3)
            if case .informational(let head) = outcomes[1] {
                #expect(head.status == .earlyHints)
                #expect(head.fields == ["Link": "x"])
            }
            #expect(responses(Array(text.utf8), to: [.get], profile, whole: true).count == 1)
        }
    }

    @Test func switchingProtocolsIsFinalAndLeavesTheRest() throws {
        var decoder = ResponseDecoder(profile: .http1)
        decoder.expect(.get)
        var buffer = ByteBuffer(string: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nnot http")
        guard case .head(let head)? = try decoder.next(from: &buffer), case .end? = try decoder.next(from: &buffer)
        else {
            Issue.record("no head")
            return
        }
        #expect(head.status == .switchingProtocols)
        #expect(decoder.isTunnel)
        #expect(try decoder.next(from: &buffer) == nil)
        #expect(buffer.text == "not http")
    }

    @Test func successToCONNECTOpensATunnelAndFailureDoesNot() throws {
        var decoder = ResponseDecoder(profile: .http1)
        decoder.expect(.connect)
        decoder.expect(.connect)
        var buffer = ByteBuffer(string: "HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nnoHTTP/1.1 200 OK\r\n\r\ntunnel")
        #expect(try decoder.nextMessage(from: &buffer)?.body.buffer?.text == "no")
        #expect(!decoder.isTunnel)
        #expect(try decoder.nextMessage(from: &buffer)?.status == .ok)
        #expect(decoder.isTunnel)
        #expect(buffer.text == "tunnel")
    }

    @Test func ambiguousResponsesCloseWith502() {
        let cases: [(String, HTTPError.Code)] = [
            ("200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", .lengthAndTransferEncoding),
            ("200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", .duplicateContentLength),
            ("200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", .duplicateContentLength),
            ("200 OK\r\nContent-Length: x\r\n\r\n", .invalidContentLength),
            ("200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", .unsupportedTransferCoding),
            ("204 No Content\r\nContent-Length: 1\r\n\r\n", .bodyNotAllowed),
            ("103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n", .bodyNotAllowed),
            ("99 Low\r\n\r\n", .invalidStatusLine), ("600 High\r\n\r\n", .invalidStatusLine),
            ("20x OK\r\n\r\n", .invalidStatusLine), ("2000 OK\r\n\r\n", .invalidStatusLine),
            ("200 OK\nX: y\r\n\r\n", .bareLineFeed), ("200 OK\r\nX: y\r\n z\r\n\r\n", .obsoleteLineFolding),
            ("200 O\0K\r\n\r\n", .nulByte), ("200 OK\r\nA b: c\r\n\r\n", .invalidFieldName),
        ]
        for (rest, code) in cases {
            for profile in [HTTPProfile.http1, .teleport] {
                for outcomes in all("HTTP/1.1 " + rest, to: [.get], profile) {
                    #expect(outcomes == [.failed(HTTPError(code, status: .badGateway))], "\(rest)")
                }
            }
        }
        #expect(
            responses("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").last?.code == .transferCodingInHTTP10)
        #expect(responses("HTTP/2.0 200 OK\r\n\r\n").last?.code == .unsupportedVersion)
        #expect(responses("SSH-2.0-OpenSSH_9.2\r\n").last?.code == .invalidStatusLine)
    }

    @Test func onATeleportStreamALengthIsRequired() {
        #expect(responses("HTTP/1.1 200 OK\r\n\r\n", to: [.get], .teleport).last?.code == .missingLength)
        #expect(responses("HTTP/1.1 204 No Content\r\n\r\n", to: [.get], .teleport).last?.code == nil)
        #expect(responses("HTTP/1.1 304 Not Modified\r\n\r\n", to: [.get], .teleport).last?.code == nil)
        #expect(
            responses("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", to: [.get], .teleport).last?
                .code == nil)
    }

    @Test func aResponseNobodyAskedForCloses() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        #expect(responses(text, to: []).last?.code == .unexpectedResponse)
        #expect(responses(text + text, to: [.get]).map(\.code) == [nil, .unexpectedResponse])
        #expect(responses(text + text, to: [], .teleport).map(\.code) == [nil, nil])
    }

    @Test func truncationIsToldFromTheEnd() {
        let samples = [
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n",
        ]
        for text in samples {
            for length in 1..<text.utf8.count {
                for whole in [true, false] {
                    let cut = Array(text.utf8.prefix(length))
                    #expect(responses(cut, whole: whole).last?.code == .truncated, "\(length)")
                }
            }
            #expect(responses(Array(text.utf8)).last?.code == nil)
        }
        #expect(responses("", to: [.get]).isEmpty)
        #expect(responses("HTTP/1.1 100 Continue\r\n\r\n").last?.code == .truncated)
    }

    @Test func reasonPhrasesAreKept() throws {
        for (line, reason) in [("200 OK", "OK"), ("200 Fine", "Fine"), ("200 ", ""), ("200", ""), ("299 X Y", "X Y")] {
            let outcomes = responses("HTTP/1.1 \(line)\r\nContent-Length: 0\r\n\r\n")
            guard case .response(let head, _, _)? = outcomes.first else {
                Issue.record("\(line)")
                continue
            }
            #expect(head.reasonPhrase == reason)
        }
    }

    @Test func manyPipelinedAnswersKeepTheirMethods() throws {
        var decoder = ResponseDecoder(profile: .http1)
        for index in 0..<500 { decoder.expect(index % 3 == 0 ? .head : .get) }
        var buffer = ByteBuffer()
        for index in 0..<500 {
            buffer.writeString("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + (index % 3 == 0 ? "" : "x"))
        }
        for index in 0..<500 {
            #expect(try decoder.nextMessage(from: &buffer)?.body.count == (index % 3 == 0 ? 0 : 1))
        }
        #expect(decoder.isBetweenMessages)
    }

    @Test func anErrorIsFinal() {
        var decoder = ResponseDecoder(profile: .teleport)
        var buffer = ByteBuffer(string: "bad\r\n")
        let error = HTTPError(.invalidStatusLine)
        #expect(throws: error) { try decoder.next(from: &buffer) }
        #expect(throws: error) { try decoder.nextMessage(from: &buffer) }
        #expect(throws: error) { try decoder.inputClosed() }
    }
}
