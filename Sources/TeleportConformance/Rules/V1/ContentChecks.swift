/// Rules V1-60, V1-62 and V1-64 to V1-70, of servers: lengths, secrets, trailers and tunnels.
enum ContentChecks {
    @ChecksBuilder
    static var server: [Check] {
        self.answers
        self.lengths
        self.secrets
        self.trailers
        self.tunnels
    }

    // MARK: V1-60, V1-62

    @ChecksBuilder
    private static var answers: [Check] {
        Check.server(
            "V1-60", "alone", "A malformed head between two good ones, in one block",
            expected: "two answers; the other CANCEL MALFORMED or 400"
        ) { run in
            let peer = try await run.open()
            var bad = run.head()
            bad.target = RequestHead.text("/a b")
            try await peer.send(run.get(1), .request(2, bad), run.get(3))
            for id: UInt32 in [1, 3] where try await peer.answer(to: id).head == nil {
                throw Departure("stream \(id): \(peer.monitor.exchanges[id]?.words ?? "")")
            }
            return try await run.streamError(peer, on: 2)
        }
        Check.server("V1-62", "answer", "The head of an answer", expected: "as it should be") { run in
            let peer = try await run.open()
            try await peer.send(run.get(1))
            let exchange = try await peer.answer(to: 1)
            guard let head = exchange.head else { throw Departure(exchange.words) }
            return "\(head.status) \(head.reason), \(head.fields.count) fields"
        }
        Check.server("V1-64", "head", "An answer to HEAD", expected: "no body, whatever its length says") { run in
            let peer = try await run.open()
            try await peer.send(.request(1, run.head(run.large, method: 2)))
            let exchange = try await peer.answer(to: 1)
            let length = exchange.head?.fields.first { $0.isNamed("Content-Length") }?.value
            return exchange.words + (length.map { ", Content-Length \($0)" } ?? "")
        }
    }

    // MARK: V1-64

    @ChecksBuilder
    private static var lengths: [Check] {
        for (word, text) in [
            ("plus", "+4"), ("minus", "-4"), ("hex", "0x4"), ("space", "4 4"), ("list", "4,4"), ("empty", ""),
            ("huge", "18446744073709551620"),
        ] {
            self.malformed(word, "Content-Length \"\(text)\"") { run in
                [run.post(1, run.echo, fields: [Field("Content-Length", text)], body: Array("body".utf8))]
            }
        }
        self.malformed("twice", "Content-Length twice, equal") { run in
            let fields = [Field("Content-Length", "4"), Field("Content-Length", "4")]
            return [run.post(1, run.echo, fields: fields, body: Array("body".utf8))]
        }
        self.malformed("two", "Two Content-Length that differ") { run in
            let fields = [Field("Content-Length", "4"), Field("content-length", "5")]
            return [run.post(1, run.echo, fields: fields, body: Array("body".utf8))]
        }
        self.malformed("short", "Content-Length 5, and 4 bytes in REQUEST") { run in
            [run.post(1, run.echo, fields: [Field("Content-Length", "5")], body: Array("body".utf8))]
        }
        self.malformed("long", "Content-Length 3, and 4 bytes in REQUEST") { run in
            [run.post(1, run.echo, fields: [Field("Content-Length", "3")], body: Array("body".utf8))]
        }
        self.malformed("short-data", "Content-Length 5, and 4 bytes in DATA", needs: [.echo]) { run in
            [
                run.post(1, run.echo, flags: [], fields: [Field("Content-Length", "5")]),
                .data(1, Array("body".utf8), flags: .end),
            ]
        }
        self.malformed("long-data", "Content-Length 3, and 4 bytes in DATA", needs: [.echo]) { run in
            [
                run.post(1, run.echo, flags: [], fields: [Field("Content-Length", "3")]),
                .data(1, Array("body".utf8), flags: .end),
            ]
        }
        self.malformed("short-trailers", "Content-Length 5, 4 bytes and TRAILERS", needs: [.echo]) { run in
            [
                run.post(1, run.echo, flags: [], fields: [Field("Content-Length", "5")]),
                .data(1, Array("body".utf8)), .trailers(1, []),
            ]
        }
        Check.server("V1-64", "equal", "Content-Length 4, and 4 bytes", expected: "an answer", needs: [.echo]) { run in
            let peer = try await run.open()
            try await peer.send(
                run.post(1, run.echo, flags: [], fields: [Field("Content-Length", "4")], body: [1]),
                .data(1, [2, 3, 4], flags: .end))
            return try StreamChecks.expect([1, 2, 3, 4], in: try await peer.answer(to: 1))
        }
    }

    private static func malformed(
        _ word: String, _ title: String, rule: String = "V1-64", needs: [Need] = [],
        frames: @escaping @Sendable (ServerProbe) -> [Frame]
    ) -> Check {
        .server(
            rule, word, title, expected: "CANCEL MALFORMED or 400, and the connection goes on", needs: needs
        ) { run in
            let peer = try await run.open()
            try await peer.send(frames(run))
            return try await run.streamError(peer, on: 1)
        }
    }

    // MARK: V1-65

    @ChecksBuilder
    private static var secrets: [Check] {
        Check.server("V1-65", "used", "Two fields in SECRETS", expected: "an answer") { run in
            let peer = try await run.open()
            let fields = [Field(secret: "Cookie"), Field("Accept", "*/*"), Field(secret: "Authorization")]
            try await peer.send(.secrets(1, ["a=1", "Bearer x"]), run.get(1, fields: fields))
            let exchange = try await peer.answer(to: 1)
            guard let head = exchange.head, head.status != 400 else { throw Departure(exchange.words) }
            return exchange.words
        }
        self.malformed("missing", "A field that refers to SECRETS, and none of them", rule: "V1-65") { run in
            [run.get(1, fields: [Field(secret: "Cookie")])]
        }
        self.malformed("too-few", "Two fields that refer to one secret", rule: "V1-65") { run in
            [.secrets(1, ["a=1"]), run.get(1, fields: [Field(secret: "Cookie"), Field(secret: "Authorization")])]
        }
        self.malformed("too-many", "One field and two secrets", rule: "V1-65") { run in
            [.secrets(1, ["a=1", "b=2"]), run.get(1, fields: [Field(secret: "Cookie")])]
        }
        self.malformed("unused", "SECRETS that no field refers to", rule: "V1-65") { run in
            [.secrets(1, ["a=1"]), run.get(1)]
        }
        self.malformed("bad-value", "A secret with CR LF", rule: "V1-65") { run in
            [.secrets(1, ["a\r\nX: y"]), run.get(1, fields: [Field(secret: "Cookie")])]
        }
        self.malformed("bad-length", "A secret that reaches beyond its frame", rule: "V1-65") { run in
            [
                Frame(.secrets, stream: 1, payload: [50, 0x61, 0x62]),
                run.get(1, fields: [Field(secret: "Cookie")]),
            ]
        }
        self.malformed("in-trailers", "A field of trailers that refers to SECRETS", rule: "V1-65", needs: [.echo]) {
            run in
            [run.post(1, run.echo, flags: []), .trailers(1, [Field(secret: "X-Sum")])]
        }
        Check.server("V1-65", "twice", "SECRETS twice before a REQUEST", expected: "GOAWAY STREAM") { run in
            try await run.open().provoke(.stream, with: [.secrets(1, ["a"]), .secrets(1, ["b"])])
        }
        Check.server("V1-65", "over-places", "SECRETS of more streams than may be", expected: "GOAWAY STREAM") { run in
            let peer = try await run.open()
            let places = peer.monitor.peer(.streams)
            guard places <= 20_000 else { throw NotObserved("\(places) streams may be") }
            // Before a client knows better it may take the default for granted (V1-25).
            let count = UInt32(Swift.max(places, 1000)) + 1
            return try await peer.provoke(.stream, with: (1...count).map { .secrets($0, ["a"]) })
        }
    }

    // MARK: V1-66

    @ChecksBuilder
    private static var trailers: [Check] {
        for name in FieldTables.notInTrailers.sorted() {
            self.malformed("trailer-\(name)", "\(name) in trailers", rule: "V1-66", needs: [.echo]) { run in
                [run.post(1, run.echo, flags: []), .data(1, [1]), .trailers(1, [Field(name, "1")])]
            }
        }
        for number: UInt8 in [1, 2, 10, 11, 12, 13, 55] {
            let name = FieldTables.names[Int(number) - 1]
            self.malformed("number-\(number)", "Name \(number), \(name), in trailers", rule: "V1-66", needs: [.echo]) {
                run in
                let field = Field(name: .number(number), value: .literal([0x31]))
                return [run.post(1, run.echo, flags: []), .data(1, [1]), .trailers(1, [field])]
            }
        }
        Check.server("V1-66", "others", "Other fields in trailers", expected: "an answer", needs: [.echo]) { run in
            let peer = try await run.open()
            try await peer.send(
                run.post(1, run.echo, flags: []), .data(1, [1]),
                .trailers(1, [Field("X-Checksum", "1"), Field("ETag", "\"x\"")]))
            return try StreamChecks.expect([1], in: try await peer.answer(to: 1))
        }
    }

    // MARK: V1-70

    @ChecksBuilder
    private static var tunnels: [Check] {
        Check.server(
            "V1-70", "connect", "CONNECT with TUNNEL", expected: "2xx with TUNNEL, or another status without it"
        ) { run in
            let peer = try await run.open()
            var head = run.head(method: 8)
            head.target = RequestHead.text("localhost:9")
            try await peer.send(.request(1, head, flags: .tunnel))
            guard try await peer.advance(until: { $0.monitor.exchanges[1]?.head != nil || $0.hasEnded(1) }) else {
                throw Departure(peer.words())
            }
            let exchange = peer.monitor.exchanges[1]
            let isGranted = peer.log.contains { $0.kind == .response && $0.stream == 1 && $0.flags.contains(.tunnel) }
            let isPositive = (200..<300).contains(exchange?.head?.status ?? 0)
            guard isGranted == isPositive else { throw Departure("\(exchange?.words ?? ""), TUNNEL \(isGranted)") }
            if exchange?.terminal == nil || exchange?.isStopped == false { try await peer.send(.cancel(1)) }
            try await run.survives(peer)
            return (exchange?.words ?? "") + (isGranted ? " with TUNNEL" : "")
        }
        Check.server("V1-61", "connect-without-tunnel", "CONNECT without TUNNEL", expected: "501") { run in
            let peer = try await run.open()
            var head = run.head(method: 8)
            head.target = RequestHead.text("localhost:9")
            try await peer.send(.request(1, head))
            return try await run.streamError(peer, on: 1, [], statuses: [501])
        }
        Check.server(
            "V1-70", "not-granted", "TUNNEL on an answer to a request without it", expected: "none"
        ) { run in
            let peer = try await run.open()
            try await peer.send(run.get(1))
            let exchange = try await peer.answer(to: 1)
            guard !peer.log.contains(where: { $0.flags.contains(.tunnel) }) else { throw Departure("TUNNEL") }
            return exchange.words
        }
    }
}
