/// Rules V0-20 to V0-35, of servers: which requests are accepted, and what becomes of others.
enum VerdictChecks {
    @ChecksBuilder
    static var server: [Check] {
        for row in Verdict.all { row.check }
        self.answers
        self.limits
    }

    /// A row of the table of rule V0-31.
    private struct Verdict: Sendable {
        let rule: String
        let word: String
        let title: String
        let statuses: [Int]
        let goesOn: Bool
        let text: @Sendable (ServerProbe) -> String

        /// Refused: what is behind it is not handled unless `goesOn`.
        static func refused(
            _ word: String, _ title: String, _ statuses: [Int], rule: String = "V0-31", goesOn: Bool = false,
            _ text: @escaping @Sendable (ServerProbe) -> String
        ) -> Verdict {
            Verdict(rule: rule, word: word, title: title, statuses: statuses, goesOn: goesOn, text: text)
        }

        static func accepted(
            _ word: String, _ title: String, rule: String = "V0-31", _ text: @escaping @Sendable (ServerProbe) -> String
        ) -> Verdict {
            Verdict(rule: rule, word: word, title: title, statuses: [], goesOn: true, text: text)
        }

        private static func body(_ fields: String..., body: String = "abc") -> @Sendable (ServerProbe) -> String {
            { $0.text("POST", $0.echo, fields: fields, body: body) }
        }

        private static func lines(_ lines: String...) -> @Sendable (ServerProbe) -> String {
            { probe in
                let text = lines.map { $0.replacing("HOST", with: "Host: \(probe.subject.host)") }
                return text.joined(separator: "\r\n") + "\r\n\r\n"
            }
        }

        private static let chunks = "3\r\nabc\r\n0\r\n\r\n"

        static let all: [Verdict] = [
            .refused(
                "cl-te", "Content-Length, then Transfer-Encoding", [400],
                body("Content-Length: 3", "Transfer-Encoding: chunked", body: chunks)),
            .refused(
                "te-cl", "Transfer-Encoding, then Content-Length", [400],
                body("Transfer-Encoding: chunked", "Content-Length: 3", body: chunks)),
            .refused("te-unknown", "An unknown transfer coding", [501], body("Transfer-Encoding: br", body: "")),
            .refused(
                "te-identity", "The transfer coding identity", [501], body("Transfer-Encoding: identity", body: "")),
            .refused(
                "te-list", "Transfer codings in a list", [501], body("Transfer-Encoding: gzip, chunked", body: chunks)),
            .refused(
                "te-twice", "Transfer-Encoding: chunked, twice", [501],
                body("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body: chunks)),
            .refused("chunked-http10", "chunked in HTTP/1.0", [400]) {
                "POST \($0.echo) HTTP/1.0\r\nHost: \($0.subject.host)\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)"
            },
            .refused("cl-twice", "Content-Length twice, equal", [400], body("Content-Length: 3", "Content-Length: 3")),
            .refused(
                "cl-differ", "Two Content-Length that differ", [400], body("Content-Length: 3", "Content-Length: 4")),
            .refused("cl-list", "A list of Content-Length", [400], body("Content-Length: 3, 3")),
            .refused("cl-plus", "Content-Length: +3", [400], body("Content-Length: +3")),
            .refused("cl-minus", "Content-Length: -1", [400], body("Content-Length: -1")),
            .refused("cl-hex", "Content-Length: 0x3", [400], body("Content-Length: 0x3")),
            .refused("cl-space", "Content-Length: 3 3", [400], body("Content-Length: 3 3")),
            .refused("cl-empty", "An empty Content-Length", [400], body("Content-Length: ")),
            .refused("cl-huge", "Content-Length over 2^63 − 1", [400], body("Content-Length: 9223372036854775808")),
            .refused(
                "blank-before-colon", "A blank before the colon", [400], rule: "V0-20",
                body("X-A : b", "Content-Length: 3")),
            .refused("folded", "A folded line", [400], rule: "V0-20", body("X-A: b", " c", "Content-Length: 3")),
            .refused("bare-lf", "A bare LF", [400], rule: "V0-20", lines("GET / HTTP/1.1", "HOST", "X-A: b\nX-B: c")),
            .refused("bare-cr", "A bare CR", [400], rule: "V0-20", lines("GET / HTTP/1.1", "HOST", "X-A: b\rc")),
            .refused("nul", "NUL in a value", [400], rule: "V0-20", lines("GET / HTTP/1.1", "HOST", "X-A: b\0c")),
            .refused("name-empty", "An empty name", [400], rule: "V0-20", lines("GET / HTTP/1.1", "HOST", ": b")),
            .refused(
                "no-colon", "A field without a colon", [400], rule: "V0-20", lines("GET / HTTP/1.1", "HOST", "X-A")),
            .refused(
                "control", "A control character in a value", [400], rule: "V0-20",
                lines("GET / HTTP/1.1", "HOST", "X-A: b\u{1}c")),
            .refused("no-version", "No version", [400], lines("GET /", "HOST")),
            .refused("target-space", "A space in the target", [400], rule: "V0-32", lines("GET /a b HTTP/1.1", "HOST")),
            .refused(
                "target-control", "A control character in the target", [400], rule: "V0-32",
                lines("GET /a\u{1}b HTTP/1.1", "HOST")),
            .refused("trailing-space", "A space behind the version", [400], lines("GET / HTTP/1.1 ", "HOST")),
            .refused(
                "two-spaces", "Two spaces in the request line", [400], rule: "V0-20", lines("GET  / HTTP/1.1", "HOST")),
            .refused("method", "A method that is no token", [400], lines("G(T / HTTP/1.1", "HOST")),
            .refused("version-2", "HTTP/2.0", [505], lines("GET / HTTP/2.0", "HOST")),
            .refused("version-12", "HTTP/1.2", [505], lines("GET / HTTP/1.2", "HOST")),
            .refused(
                "empty-line", "An empty line before the request", [400], rule: "V0-20",
                lines("", "GET / HTTP/1.1", "HOST")),
            .refused("no-host", "No Host", [400], goesOn: true, lines("GET / HTTP/1.1", "X-A: b")),
            .refused("two-hosts", "Two Host", [400], goesOn: true, lines("GET / HTTP/1.1", "HOST", "HOST")),
            .refused("bad-host", "A Host that is none", [400], goesOn: true, lines("GET / HTTP/1.1", "Host: a b")),
            .accepted("http10", "HTTP/1.0 with Host", lines("GET / HTTP/1.0", "HOST")),
            .accepted("http10-no-host", "HTTP/1.0 without Host", lines("GET / HTTP/1.0", "X-A: b")),
            .accepted(
                "get-body", "GET with a body", rule: "V0-27",
                { $0.text("GET", "/", fields: ["Content-Length: 3"], body: "abc") }),
            .accepted("post-no-length", "POST without a length", rule: "V0-27", { $0.text("POST", "/") }),
            .accepted("chunked", "A chunked body", rule: "V0-27", body("Transfer-Encoding: chunked", body: chunks)),
            .accepted(
                "chunk-extension", "Chunk extensions", rule: "V0-27",
                body("Transfer-Encoding: chunked", body: "3;a=\"b\";c\r\nabc\r\n0;d\r\n\r\n")),
            .accepted(
                "trailers", "Trailers", rule: "V0-27",
                body("Transfer-Encoding: chunked", body: "3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n")),
            .accepted(
                "expect", "Expect: 100-continue with its body behind it", rule: "V0-26",
                body("Expect: 100-continue", "Content-Length: 3")),
            .accepted(
                "expect-unknown", "An unknown expectation", rule: "V0-26",
                body("Expect: the-spanish-inquisition", "Content-Length: 3")),
            .accepted(
                "upgrade", "Upgrade", rule: "V0-26",
                { $0.text("GET", "/", fields: ["Connection: Upgrade", "Upgrade: websocket"]) }),
            .accepted(
                "connection-close", "Connection: close", rule: "V0-29",
                { $0.text("GET", "/", fields: ["Connection: close"]) }),
            .accepted("asterisk", "The target *", rule: "V0-32", { $0.text("OPTIONS", "*") }),
            .accepted(
                "absolute", "An absolute target", rule: "V0-32", { $0.text("GET", "http://\($0.subject.host)/") }),
            .accepted("percent", "A target with %2F and dots", rule: "V0-32", { $0.text("GET", "/a%2Fb/../c?d=%00") }),
            .refused(
                "chunk-size", "A chunk size that is none", [400],
                body("Transfer-Encoding: chunked", body: "x\r\nabc\r\n0\r\n\r\n")),
            .refused(
                "chunk-end", "A chunk that does not end in CR LF", [400],
                body("Transfer-Encoding: chunked", body: "3\r\nabcXX0\r\n\r\n")),
            .refused(
                "chunk-line", "A chunk line of 2 KiB", [400, 431],
                body(
                    "Transfer-Encoding: chunked",
                    body: "3;" + String(repeating: "x", count: 2048) + "\r\nabc\r\n0\r\n\r\n")),
        ]

        var check: Check {
            let expected =
                self.statuses.isEmpty
                ? "accepted"
                : "\(self.statuses.map { "\($0)" }.joined(separator: " or ")), and the connection \(self.goesOn ? "goes on" : "closes")"
            return .server(self.rule, self.word, self.title, expected: expected) { run in
                let peer = try await run.openStream()
                try await peer.send((1, run.text()), (2, self.text(run)), (3, run.text()))
                // What was accepted before is answered in any case (V0-30).
                _ = try await peer.answer(to: 1)
                let answer = try await peer.answer(to: 2)
                if self.statuses.isEmpty {
                    guard ![400, 411, 413, 414, 417, 431, 501, 505].contains(answer.status) else {
                        throw Departure(answer.words)
                    }
                } else {
                    guard self.statuses.contains(answer.status) else { throw Departure(answer.words) }
                }
                guard !self.goesOn else {
                    _ = try await peer.answer(to: 3)
                    return "\(answer.startLine), and an answer to what is behind it"
                }
                let end = try await peer.ended()
                if peer.messages.contains(where: { $0.id == 3 }) { throw Departure("what is behind it is answered") }
                return "\(answer.startLine), \(end)"
            }
        }
    }

    // MARK: Answers

    @ChecksBuilder
    private static var answers: [Check] {
        Check.server("V0-21", "echo", "A body and its length", expected: "the body, whole", needs: [.echo]) { run in
            let peer = try await run.openStream()
            let body = String(repeating: "body ", count: 20_000)
            try await peer.send((1, run.postText(run.echo, body: body)))
            let answer = try await peer.answer(to: 1)
            guard answer.body == Array(body.utf8) else { throw Departure("\(answer.words), which are not those sent") }
            return answer.words
        }
        Check.server(
            "V0-27", "chunked-body", "The body of a chunked request", expected: "without its chunks", needs: [.echo]
        ) { run in
            let peer = try await run.openStream()
            let chunks = "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n"
            try await peer.send((1, run.text("POST", run.echo, fields: ["Transfer-Encoding: chunked"], body: chunks)))
            let answer = try await peer.answer(to: 1)
            guard answer.body == Array("abc0123456789".utf8) else { throw Departure(answer.words) }
            return answer.words
        }
        Check.server(
            "V0-26", "expect-body", "The body behind Expect: 100-continue", expected: "a body, not a request",
            needs: [.echo]
        ) { run in
            let peer = try await run.openStream()
            let smuggled = String(decoding: StreamPeer.bytes(77, run.text()), as: UTF8.self)
            let fields = ["Expect: 100-continue", "Content-Length: \(smuggled.utf8.count)"]
            try await peer.send((1, run.text("POST", run.echo, fields: fields, body: smuggled)))
            let answer = try await peer.answer(to: 1)
            guard answer.body == Array(smuggled.utf8) else { throw Departure(answer.words) }
            try await run.survives(peer)
            guard !peer.messages.contains(where: { $0.id == 77 }) else { throw Departure("the body was answered") }
            return answer.words
        }
        Check.server("V0-22", "answer", "An answer", expected: "one exact Content-Length, last; Date of an origin") {
            run in
            let peer = try await run.openStream()
            try await peer.send((1, run.text()))
            let answer = try await peer.answer(to: 1)
            return "\(answer.words), Date \(answer.values("Date").count)"
        }
        Check.server("V0-23", "never-sent", "The fields of twenty answers", expected: "none of one connection") { run in
            let peer = try await run.openStream()
            for id: UInt32 in 1...20 {
                try await peer.send((id, run.text("GET", id % 2 == 0 ? run.echo : run.large)))
                _ = try await peer.answer(to: id)
            }
            return "20 answers"
        }
        Check.server("V0-24", "head", "HEAD, and a request behind it", expected: "a body as long as announced") { run in
            let peer = try await run.openStream()
            try await peer.send((1, run.text("HEAD", run.large)), (2, run.text()))
            let answer = try await peer.answer(to: 1)
            _ = try await peer.answer(to: 2)
            return answer.words
        }
        Check.server("V0-25", "no-interim", "Expect: 100-continue", expected: "no 1xx, only the final answer") { run in
            let peer = try await run.openStream()
            let fields = ["Expect: 100-continue", "Content-Length: 3"]
            try await peer.send((1, run.text("POST", run.echo, fields: fields, body: "abc")))
            return try await peer.answer(to: 1).words
        }
        Check.server(
            "V0-30", "answered-before", "Slow requests before a malformed one", expected: "all answered, then closed",
            needs: [.slow]
        ) { run in
            let peer = try await run.openStream()
            try await peer.send(
                (1, run.text("GET", run.slow)), (2, run.text("GET", run.slow)), (3, run.text("GET", "/a b")),
                (4, run.text()))
            for id: UInt32 in [1, 2, 3] { _ = try await peer.answer(to: id, within: run.timeout + .seconds(4)) }
            let seen = try await peer.ended()
            guard !peer.messages.contains(where: { $0.id == 4 }) else {
                throw Departure("what is behind it is answered")
            }
            return "three answers, \(seen)"
        }
    }

    // MARK: Limits

    @ChecksBuilder
    private static var limits: [Check] {
        self.limit("target", "A target of 16,384 bytes", over: nil) {
            $0.text("GET", "/" + String(repeating: "t", count: 16383))
        }
        self.limit("target-over", "A target of 16,385 bytes", over: 414) {
            $0.text("GET", "/" + String(repeating: "t", count: 16384))
        }
        self.limit("fields", "100 fields", over: nil) { $0.text(fields: (1..<100).map { "X-\($0): 1" }) }
        self.limit("fields-over", "101 fields", over: 431) { $0.text(fields: (1...100).map { "X-\($0): 1" }) }
        self.limit("head", "A head of 60 KiB", over: nil) {
            $0.text(fields: (0..<6).map { "X-\($0): " + String(repeating: "h", count: 10_000) })
        }
        self.limit("head-over", "A head of 70 KiB", over: 431) {
            $0.text(fields: (0..<7).map { "X-\($0): " + String(repeating: "h", count: 10_240) })
        }
        self.limit("body", "A body of 4 MiB", over: nil) { $0.postText(body: String(repeating: "b", count: 4 << 20)) }
        self.limit("body-over", "A body of 4 MiB and a byte", over: 413, goesOn: true) {
            $0.postText(body: String(repeating: "b", count: 4 << 20 + 1))
        }
        self.limit("body-far-over", "A body that is announced with 17 MiB", over: 413) {
            $0.text("POST", fields: ["Content-Length: \(17 << 20)"])
        }
        self.limit("trailers-over", "Trailers of 9 KiB", over: 431) {
            $0.text(
                "POST", fields: ["Transfer-Encoding: chunked"],
                body: "0\r\nX-A: " + String(repeating: "t", count: 9 << 10) + "\r\n\r\n")
        }
        Check.server(
            "V0-34", "too-many", "10,001 slow requests at the same time", expected: "429 to one of them",
            needs: [.slow, .defaults]
        ) { run in
            let peer = try await run.openStream()
            try await peer.send(bytes: (1...10_001).flatMap { StreamPeer.bytes($0, run.text("GET", run.slow)) })
            guard try await peer.advance(until: { !$0.messages.isEmpty }), let first = peer.messages.first else {
                throw Departure(peer.words())
            }
            guard first.status == 429 else { throw Departure(first.words) }
            return "\(first.words): \(String(decoding: first.body.prefix(80), as: UTF8.self))"
        }
    }

    private static func limit(
        _ word: String, _ title: String, over status: Int?, goesOn: Bool = false,
        text: @escaping @Sendable (ServerProbe) -> String
    ) -> Check {
        let expected =
            status.map { "\($0), and the connection \(goesOn ? "goes on" : "closes")" } ?? "accepted"
        return .server("V0-33", word, title, expected: expected, needs: [.defaults]) { run in
            let peer = try await run.openStream()
            try await peer.send((1, text(run)))
            let answer = try await peer.answer(to: 1)
            guard let status else {
                guard ![400, 413, 414, 431].contains(answer.status) else { throw Departure(answer.words) }
                return answer.words
            }
            guard answer.status == status else { throw Departure(answer.words) }
            guard goesOn else { return "\(answer.words), \(try await peer.ended())" }
            try await run.survives(peer)
            return "\(answer.words), and an answer to another one"
        }
    }
}
