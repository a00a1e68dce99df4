import TeleportHTTP
import Testing

/// The verdict table of the behaviour page, on both profiles. Where a transcript exists, its bytes are the ones judged.
@Suite struct VerdictTests {
    enum Verdict: Sendable {
        /// Answered with this error; a request behind it is still read.
        case refused(HTTPError.Code)
        /// Answered with this error and closed.
        case closed(HTTPError.Code, Status)
        /// Accepted, with this body.
        case accepted(String)
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var name: String
        var http1: Verdict
        var teleport: Verdict
        /// The bytes, if there is no transcript of that name.
        var bytes: String?

        init(_ name: String, _ both: Verdict, bytes: String? = nil) {
            self.init(name, http1: both, teleport: both, bytes: bytes)
        }

        init(_ name: String, http1: Verdict, teleport: Verdict, bytes: String? = nil) {
            self.name = name
            self.http1 = http1
            self.teleport = teleport
            self.bytes = bytes
        }

        var testDescription: String { name }
    }

    static let post = "POST /echo HTTP/1.1\r\nHost: a\r\n"

    static let rows: [Row] = [
        Row("cl_te", .closed(.lengthAndTransferEncoding, .badRequest)),
        Row(
            "te_cl", .closed(.lengthAndTransferEncoding, .badRequest),
            bytes: post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        Row("te_identity", .closed(.lengthAndTransferEncoding, .badRequest)),
        Row("te_unknown", .closed(.lengthAndTransferEncoding, .badRequest)),
        Row(
            "te_unknown alone", .closed(.unsupportedTransferCoding, .notImplemented),
            bytes: post + "Transfer-Encoding: foo\r\n\r\n"),
        Row(
            "te_gzip_chunked", .closed(.unsupportedTransferCoding, .notImplemented),
            bytes: post + "Transfer-Encoding: gzip, chunked\r\n\r\n"),
        Row(
            "te_twice", .closed(.unsupportedTransferCoding, .notImplemented),
            bytes: post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
        Row(
            "te_vtab", .closed(.invalidFieldValue, .badRequest),
            bytes: post + "Transfer-Encoding: \u{B}chunked\r\n\r\n"),
        Row("dup_cl", .closed(.duplicateContentLength, .badRequest)),
        Row("dup_cl_same", .closed(.duplicateContentLength, .badRequest)),
        Row("cl_list", .closed(.invalidContentLength, .badRequest)),
        Row("cl_plus", .closed(.invalidContentLength, .badRequest)),
        Row("cl_space", .closed(.invalidContentLength, .badRequest), bytes: post + "Content-Length: 3 3\r\n\r\nabc"),
        Row(
            "cl_space before colon", .closed(.invalidFieldName, .badRequest),
            bytes: post + "Content-Length : 3\r\n\r\nabc"),
        Row("cl_empty", .closed(.invalidContentLength, .badRequest), bytes: post + "Content-Length: \r\n\r\n"),
        Row("cl_minus", .closed(.invalidContentLength, .badRequest), bytes: post + "Content-Length: -1\r\n\r\n"),
        Row("cl_hex", .closed(.invalidContentLength, .badRequest), bytes: post + "Content-Length: 0x3\r\n\r\nabc"),
        Row(
            "cl_overflow", .closed(.invalidContentLength, .badRequest),
            bytes: post + "Content-Length: 18446744073709551619\r\n\r\nabc"),
        Row("obs_fold", .closed(.obsoleteLineFolding, .badRequest), bytes: post + "X-A: b\r\n c\r\n\r\n"),
        Row("obs_fold first", .closed(.obsoleteLineFolding, .badRequest), bytes: "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        Row("bare_lf", .closed(.bareLineFeed, .badRequest)),
        Row("bare_lf in fields", .closed(.bareLineFeed, .badRequest), bytes: post + "X-A: b\nX-B: c\r\n\r\n"),
        Row("bare_lf at end", .closed(.bareLineFeed, .badRequest), bytes: post + "\n"),
        Row("bare_cr", .closed(.bareCarriageReturn, .badRequest), bytes: post + "X-A: b\rc\r\n\r\n"),
        Row("bare_cr in line", .closed(.bareCarriageReturn, .badRequest), bytes: "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n"),
        Row("nul", .closed(.nulByte, .badRequest)),
        Row("nul in name", .closed(.nulByte, .badRequest), bytes: post + "X\0A: b\r\n\r\n"),
        Row("nul in target", .closed(.nulByte, .badRequest), bytes: "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
        Row("http09", .closed(.invalidRequestLine, .badRequest)),
        Row("http2ver", .closed(.unsupportedVersion, .httpVersionNotSupported)),
        Row(
            "http2 preface", .closed(.unsupportedVersion, .httpVersionNotSupported),
            bytes: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        Row("version in lower case", .closed(.invalidRequestLine, .badRequest), bytes: "GET / http/1.1\r\n\r\n"),
        Row("two spaces", .closed(.invalidTarget, .badRequest), bytes: "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Row(
            "space in target", .closed(.invalidRequestLine, .badRequest), bytes: "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
        Row("tab in target", .closed(.invalidRequestLine, .badRequest), bytes: "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n"),
        Row("trailing space", .closed(.invalidRequestLine, .badRequest), bytes: "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        Row("bad method", .closed(.invalidMethod, .badRequest), bytes: "G(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Row("no_host", .refused(.missingHost)),
        Row("dup_host", .refused(.duplicateHost)),
        Row("host with a path", .refused(.invalidHost), bytes: "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        Row("host with a blank", .refused(.invalidHost), bytes: "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
        Row("http10", .accepted("")),
        Row("http10 without host", .accepted(""), bytes: "GET / HTTP/1.0\r\n\r\n"),
        Row(
            "http10 chunked", .closed(.transferCodingInHTTP10, .badRequest),
            bytes: "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        Row("get_body", .accepted("abc")),
        Row("post_no_cl", .accepted("")),
        Row(
            "chunk_ext", .accepted("abc"),
            bytes: post + "Transfer-Encoding: Chunked\r\n\r\n3;a=b;c=\"d e\"\r\nabc\r\n0;x\r\n\r\n"),
        Row(
            "leading_crlf", http1: .closed(.invalidRequestLine, .badRequest),
            teleport: .closed(.invalidRequestLine, .badRequest)),
        Row(
            "one leading crlf", http1: .accepted(""), teleport: .closed(.invalidRequestLine, .badRequest),
            bytes: "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Row("expect", .accepted("c\0\0\0GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n")),
        Row("upgrade", .accepted(""), bytes: "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: w\r\n\r\n"),
    ]

    @Test(arguments: rows, [HTTPProfile.http1, .teleport])
    func everyRowIsJudgedSo(_ row: Row, _ profile: HTTPProfile) throws {
        let next = "GET /next HTTP/1.1\r\nHost: next\r\n\r\n"
        var bytes: [UInt8]
        if let text = row.bytes {
            bytes = Array((text + next).utf8)
        } else {
            // What follows in the transcript is an id and another request; the ids are not for this layer.
            let transcript = try Vectors.smuggled(row.name)
            let other = Array("\u{2}\0\0\0GET /headers HTTP/1.1\r\nHost: after\r\n\r\n".utf8)
            #expect(transcript.suffix(other.count) == other[...])
            bytes = transcript.dropLast(other.count) + Array(next.utf8)
        }
        for cut in Cut.allCases {
            for outcomes in [requests(bytes, profile, cut: cut), wholeRequests(bytes, profile, cut: cut)] {
                switch profile == .http1 ? row.http1 : row.teleport {
                case .refused(let code):
                    try #require(outcomes.count == 2)
                    #expect(outcomes[0] == .refused(HTTPError(code)))
                    #expect(HTTPError(code).status == .badRequest)
                    #expect(outcomes[1].request?.target == "/next")
                case .closed(let code, let status):
                    #expect(outcomes == [.failed(HTTPError(code))])
                    #expect(HTTPError(code).status == status)
                case .accepted(let body):
                    try #require(outcomes.count == 2)
                    #expect(outcomes[0].request?.body.buffer?.text == body)
                    #expect(outcomes[1].request?.target == "/next")
                }
            }
        }
    }

    @Test func expectAndUpgradeAreDroppedOnlyOnATeleportStream() throws {
        let text = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nUpgrade: x\r\nContent-Length: 0\r\n\r\n"
        let front = try #require(requests(text, .http1).first?.request)
        #expect(front.head.expectsContinue)
        #expect(front.fields.contains(.upgrade))
        let teleport = try #require(requests(text, .teleport).first?.request)
        #expect(teleport.fields.map(\.name) == ["Host", "Content-Length"])
    }

    @Test(arguments: ["*", "http://a/b?c", "a:443", "/%2F/../x", "//x", "/\u{e9}?#"])
    func targetsPassByteForByte(_ target: String) {
        let outcomes = requests("OPTIONS \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(outcomes.first?.request?.target == target)
    }
}
