internal import NIOCore

/// Rules of v0, of clients.
enum StreamClientChecks {
    @ChecksBuilder
    static var client: [Check] {
        self.handshake
        self.tls
        self.ids
        self.codecs
        self.requests
        for row in Verdict.all { row.check }
        self.end
    }

    // MARK: V0-1 to V0-5, V0-12

    @ChecksBuilder
    private static var handshake: [Check] {
        Check.client("V0-1", "preface", "The client's preface", expected: "magic, version 0, a known tag") { run in
            let (_, codec, tls) = try await run.acceptStreamPreface()
            return "\(codec), TLS \(tls)"
        }
        Check.client("V0-1", "byte-by-byte", "The server's preface, byte by byte", expected: "a request") { run in
            guard run.subject.security == nil else { throw NotObserved("behind the preface comes TLS") }
            let (link, codec, _) = try await run.acceptStreamPreface()
            await link.writeByteByByte(StreamPreface.bytes())
            let peer = StreamPeer(link, side: .client, codec: .none, peerCodec: codec, timeout: run.timeout)
            return try await run.request(on: peer).words
        }
        self.wrong("V0-2", "first-byte", "A first byte that is not the magic's", [0x58])
        self.wrong(
            "V0-2", "last-of-magic", "A wrong byte at the end of the magic", StreamPreface.magic.dropLast() + [0x58])
        self.wrong("V0-3", "version-2", "Version 2", StreamPreface.magic + [2])
        self.wrong("V0-4", "tag-4", "The unknown compression tag 4", StreamPreface.bytes(tag: 4))
        self.wrong("V0-5", "not-asked", "A TLS flag that is not the one asked for", [])
        Check.client(
            "V0-12", "waits", "A client before it has the server's preface",
            expected: "its preface and nothing more (should)"
        ) { run in
            let (link, _, _) = try await run.acceptStreamPreface()
            guard case .bytes(let bytes) = await link.read(within: .milliseconds(300)) else { return "nothing more" }
            throw NotObserved("\(bytes.readableBytes) bytes more; the rule only recommends to wait")
        }
        Check.client("V0-12", "silent-server", "A server that sends nothing", expected: "closed within 3 s") { run in
            let (link, _, _) = try await run.acceptStreamPreface()
            let (_, end) = await link.readToEnd(within: .seconds(3) + run.timeout)
            guard let end else { throw Departure("open still after \((.seconds(3) + run.timeout).words)") }
            return end.words
        }
    }

    private static func wrong(_ rule: String, _ word: String, _ title: String, _ bytes: [UInt8]) -> Check {
        .client(rule, word, title, expected: "closed") { run in
            let (link, _, tls) = try await run.acceptStreamPreface()
            // Without bytes of its own: the flag that was not asked for.
            await link.write(bytes.isEmpty ? StreamPreface.bytes(tls: tls == 0 ? 1 : 0) : bytes)
            let (rest, end) = await link.readToEnd(within: run.timeout)
            guard let end else { throw Departure("open still after \(run.timeout.words)") }
            return end.words + (rest.readableBytes > 0 ? " behind \(rest.readableBytes) bytes" : "")
        }
    }

    @ChecksBuilder
    private static var tls: [Check] {
        Check.client("V0-5", "upgraded", "TLS behind the prefaces", expected: "requests inside it", needs: [.tls]) {
            run in
            let peer = try await run.openStream()
            try await run.survives(peer)
            return "two requests"
        }
    }

    // MARK: V0-7 to V0-11

    @ChecksBuilder
    private static var ids: [Check] {
        Check.client("V0-7", "count", "The ids of ten requests", expected: "rising by one from 1, except one-way ones")
        {
            run in
            let peer = try await run.openStream()
            for expected: UInt32 in 1...10 {
                let message = try await run.request(on: peer)
                guard message.id == expected else { throw Departure("\(message.id) where \(expected) was next") }
                try await peer.send((message.id, ClientProbe.okText()))
            }
            return "1 to 10"
        }
        Check.client(
            "V0-9", "unanswered", "A request that is not answered", expected: "its id is not used again"
        ) { run in
            let peer = try await run.openStream()
            let first = try await run.request(on: peer)
            var ids: Set<UInt32> = [first.id]
            for _ in 0..<10 {
                guard try await peer.advance(within: run.patience, until: { $0.messages.contains { $0.id > first.id } })
                else { throw NotObserved("the client sends one request at a time, and waits") }
                let message = try await run.request(on: peer)
                guard ids.insert(message.id).inserted else { throw Departure("\(message.id) again") }
                try await peer.send((message.id, ClientProbe.okText()))
            }
            return "ten other ids"
        }
        Check.client("V0-8", "id-0", "An answer with id 0", expected: "read and dropped") { run in
            try await self.dropped(run, id: 0)
        }
        Check.client("V0-10", "unknown-id", "An answer with an id that no request has", expected: "read and dropped") {
            run in
            try await self.dropped(run, id: 1_000_000)
        }
        Check.client("V0-10", "twice", "An answer twice", expected: "the second is read and dropped") { run in
            let peer = try await run.openStream()
            let message = try await run.request(on: peer)
            try await peer.send((message.id, ClientProbe.okText()), (message.id, ClientProbe.okText("again")))
            try await run.survives(peer)
            return "two more requests"
        }
        Check.client("V0-11", "any-order", "Answers in another order", expected: "accepted") { run in
            let peer = try await run.openStream()
            let first = try await run.request(on: peer)
            guard try await peer.advance(within: run.timeout, until: { $0.messages.count > 1 }) else {
                throw NotObserved("the client sends one request at a time")
            }
            let second = try await run.request(on: peer)
            try await peer.send((second.id, ClientProbe.okText()), (first.id, ClientProbe.okText()))
            try await run.survives(peer)
            return "two more requests"
        }
    }

    private static func dropped(_ run: ClientProbe, id: UInt32) async throws -> String {
        let peer = try await run.openStream()
        let message = try await run.request(on: peer)
        try await peer.send((id, ClientProbe.okText("nobody's")), (message.id, ClientProbe.okText()))
        try await run.survives(peer)
        return "two more requests"
    }

    // MARK: V0-15 to V0-18

    @ChecksBuilder
    private static var codecs: [Check] {
        for codec in StreamCodec.allCases {
            Check.client(
                codec.rule, "\(codec)-answers", "Answers in \(codec), in many batches and byte by byte",
                expected: "requests go on"
            ) { run in
                let peer = try await run.openStream(codec)
                for _ in 0..<4 {
                    let message = try await run.request(on: peer)
                    try await peer.send((message.id, ClientProbe.okText(CompressionChecks.body(5000))))
                }
                let message = try await run.request(on: peer)
                await peer.link.writeByteByByte(
                    try peer.encoded(StreamPeer.bytes(message.id, ClientProbe.okText(CompressionChecks.body(300)))))
                _ = try await run.request(on: peer)
                return "six requests"
            }
        }
        for stream in BadStream.all {
            Check.client(stream.rule, stream.word, stream.title, expected: stream.expected) { run in
                let peer = try await run.openStream(stream.codec)
                let message = try await run.request(on: peer)
                await peer.link.write(
                    try stream.bytes(peer, StreamPeer.bytes(message.id, ClientProbe.okText())))
                guard stream.isFault else {
                    _ = try await run.request(on: peer)
                    return "another request"
                }
                return try await peer.ended()
            }
        }
    }

    // MARK: V0-21 to V0-24, V0-32

    @ChecksBuilder
    private static var requests: [Check] {
        for (rule, word, title) in [
            ("V0-21", "as-sent", "Request line, Host and Content-Length of ten requests"),
            ("V0-23", "never-sent", "Fields of one connection in ten requests"),
            ("V0-24", "no-head", "HEAD among ten requests"), ("V0-32", "no-connect", "CONNECT among ten requests"),
        ] {
            Check.client(rule, word, title, expected: rule == "V0-21" ? "as the rule has them" : "none") { run in
                let peer = try await run.openStream()
                var methods: Set<String> = []
                for _ in 0..<10 {
                    let message = try await run.request(on: peer)
                    methods.insert(message.method)
                    try await peer.send((message.id, ClientProbe.okText()))
                }
                return "ten requests: \(methods.sorted().joined(separator: ", "))"
            }
        }
    }

    // MARK: V0-25 to V0-30

    /// An answer and what becomes of it.
    private struct Verdict: Sendable {
        let rule: String
        let word: String
        let title: String
        let goesOn: Bool
        let text: String
        var needs: [Need] = []

        private static let early = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"

        static let all: [Verdict] = [
            .init(
                rule: "V0-25", word: "eight-interim", title: "Eight informational answers", goesOn: true,
                text: String(repeating: early, count: 8) + ClientProbe.okText()),
            .init(
                rule: "V0-25", word: "nine-interim", title: "Nine informational answers", goesOn: false,
                text: String(repeating: early, count: 9) + ClientProbe.okText()),
            .init(
                rule: "V0-25", word: "204", title: "204 without a length", goesOn: true,
                text: "HTTP/1.1 204 No Content\r\n\r\n"),
            .init(
                rule: "V0-25", word: "204-length", title: "204 with Content-Length: 5", goesOn: false,
                text: "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"),
            .init(
                rule: "V0-25", word: "304", title: "304 without a length", goesOn: true,
                text: "HTTP/1.1 304 Not Modified\r\n\r\n"),
            .init(
                rule: "V0-25", word: "304-length", title: "304 with Content-Length: 5, and no body", goesOn: true,
                text: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
            .init(
                rule: "V0-25", word: "101", title: "101, which is final", goesOn: true,
                text: "HTTP/1.1 101 Switching Protocols\r\n\r\n"),
            .init(
                rule: "V0-27", word: "chunked", title: "A chunked answer with extensions and trailers", goesOn: true,
                text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"),
            .init(
                rule: "V0-27", word: "cl-te", title: "Content-Length and Transfer-Encoding", goesOn: false,
                text: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
            .init(
                rule: "V0-27", word: "cl-twice", title: "Content-Length twice", goesOn: false,
                text: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
            .init(
                rule: "V0-27", word: "te-unknown", title: "An unknown transfer coding", goesOn: false,
                text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: br\r\n\r\n"),
            .init(
                rule: "V0-27", word: "cl-plus", title: "Content-Length: +3", goesOn: false,
                text: "HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc"),
            .init(
                rule: "V0-28", word: "no-length", title: "An answer without a length", goesOn: false,
                text: "HTTP/1.1 200 OK\r\nServer: x\r\n\r\nabc"),
            .init(
                rule: "V0-29", word: "connection-close", title: "Connection: close", goesOn: true,
                text: ClientProbe.okText(fields: ["Connection: close"])),
            .init(
                rule: "V0-20", word: "bare-lf", title: "A bare LF", goesOn: false,
                text: ClientProbe.okText(fields: ["X-A: b\nX-B: c"])),
            .init(
                rule: "V0-20", word: "folded", title: "A folded line", goesOn: false,
                text: ClientProbe.okText(fields: ["X-A: b", " c"])),
            .init(
                rule: "V0-20", word: "nul", title: "NUL in a value", goesOn: false,
                text: ClientProbe.okText(fields: ["X-A: b\0c"])),
            .init(
                rule: "V0-20", word: "blank-before-colon", title: "A blank before the colon", goesOn: false,
                text: ClientProbe.okText(fields: ["X-A : b"])),
            .init(
                rule: "V0-20", word: "empty-line", title: "An empty line before the answer", goesOn: false,
                text: "\r\n" + ClientProbe.okText()),
            .init(
                rule: "V0-20", word: "status", title: "A status of two digits", goesOn: false,
                text: "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"),
            .init(
                rule: "V0-30", word: "body-over", title: "A body of 4 MiB and a byte", goesOn: true,
                text: ClientProbe.okText(String(repeating: "b", count: 4 << 20 + 1)), needs: [.defaults]),
            .init(
                rule: "V0-33", word: "fields-over", title: "An answer with 101 fields", goesOn: false,
                text: ClientProbe.okText(fields: (0..<100).map { "X-\($0): 1" }), needs: [.defaults]),
            .init(
                rule: "V0-33", word: "head-over", title: "An answer with a head of 70 KiB", goesOn: false,
                text: ClientProbe.okText(fields: ["X-A: " + String(repeating: "h", count: 70 << 10)]),
                needs: [.defaults]),
        ]

        var check: Check {
            .client(
                self.rule, self.word, self.title,
                expected: self.goesOn ? "accepted or dropped; requests go on" : "closed",
                needs: self.needs
            ) { run in
                let peer = try await run.openStream()
                let message = try await run.request(on: peer)
                try await peer.send((message.id, self.text))
                guard self.goesOn else { return try await peer.ended() }
                try await run.survives(peer)
                return "two more requests"
            }
        }
    }

    // MARK: V0-55

    @ChecksBuilder
    private static var end: [Check] {
        Check.client(
            "V0-55", "not-again", "The end of a connection amid a request",
            expected: "a new connection, without that request"
        ) { run in
            let peer = try await run.openStream()
            let message = try await run.request(on: peer)
            await peer.link.close()
            let next = try await run.openStream()
            var targets: [String] = []
            for _ in 0..<5 {
                let other = try await run.request(on: next)
                targets.append(other.target)
                try await next.send((other.id, ClientProbe.okText()))
            }
            guard Set(targets).count == targets.count else {
                throw NotObserved("the client's requests are alike: give each a target of its own")
            }
            guard !targets.contains(message.target) else { throw Departure("\(message.target) again") }
            return "a new connection, other requests"
        }
        Check.client("V0-60", "true-cause", "A reset amid a request", expected: "a new connection") { run in
            let peer = try await run.openStream()
            _ = try await run.request(on: peer)
            await peer.link.reset()
            try await run.survives(try await run.openStream())
            return "a new connection"
        }
    }
}
