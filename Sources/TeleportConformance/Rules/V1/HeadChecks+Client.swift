/// Rules V1-60 to V1-66, of clients: heads of answers.
extension HeadChecks {
    @ChecksBuilder
    static var client: [Check] {
        for (rule, word, title) in [
            ("V1-61", "sent", "The heads of ten requests"), ("V1-64", "sent", "Content-Length in ten requests"),
        ] {
            Check.client(rule, word, title, expected: "as the rule has them") { run in
                try await PrefaceChecks.requests(run, try await run.open(), count: 10)
            }
        }
        for head in BadResponseHead.all { head.check }
        Check.client(
            "V1-78", "head-over", "A RESPONSE whose head is over the limit of SETTINGS",
            expected: "GOAWAY FRAME; or CANCEL, and the connection goes on"
        ) { run in
            let (peer, id) = try await StreamChecks.ordinary(run)
            var fields: [Field] = []
            let limit = peer.monitor.peer(.headLimit)
            while ResponseHead(fields: fields).bytes.count <= limit {
                fields.append(Field("X-Padding", String(repeating: "p", count: 1000)))
            }
            try await peer.send(.response(id, ResponseHead(fields: fields), flags: []))
            _ = try await peer.advance { peer in
                !peer.monitor.goAways.isEmpty || peer.log.contains { $0.kind == .cancel && $0.stream == id }
            }
            if !peer.monitor.goAways.isEmpty { return try await peer.ended(with: .frame) }
            return try await run.streamError(peer, on: id, [.tooLarge, .malformed, .protocol])
        }
        for field in BadField.all where !field.word.hasPrefix("host") { field.client }
        self.lengths
        self.secrets
        for name in FieldTables.notInTrailers.sorted() {
            Check.client(
                "V1-66", "in-trailers-\(name)", "\(name) in the trailers of an answer",
                expected: "the caller told (not seen), and the connection goes on"
            ) { run in
                let (peer, id) = try await StreamChecks.ordinary(run)
                try await peer.send(
                    .response(id, ResponseHead(), flags: []), .data(id, [1]), .trailers(id, [Field(name, "1")]))
                return try await run.answerRefused(peer, id)
            }
        }
        Check.client("V1-62", "reason", "An answer with a reason of its own", expected: "accepted") { run in
            let (peer, id) = try await StreamChecks.ordinary(run)
            try await peer.send(.response(id, ResponseHead(status: 299, reason: "Quite Good")))
            return try await StreamChecks.goesOn(run, peer)
        }
    }

    // MARK: V1-64

    @ChecksBuilder
    private static var lengths: [Check] {
        for (word, text) in [
            ("sign", "+2"), ("empty", ""), ("list", "2, 2"), ("hex", "0x2"), ("huge", "18446744073709551618"),
        ] {
            Check.client(
                "V1-64", word, "Content-Length \"\(text)\" and 2 bytes",
                expected: "CANCEL MALFORMED, and the connection goes on"
            ) { run in
                let (peer, id) = try await StreamChecks.ordinary(run)
                let head = ResponseHead(fields: [Field("Content-Length", text)])
                try await peer.send(.response(id, head, flags: [], body: [1, 2]))
                return try await run.streamError(peer, on: id)
            }
        }
        Check.client(
            "V1-64", "twice", "Content-Length twice", expected: "CANCEL MALFORMED, and the connection goes on"
        ) { run in
            let (peer, id) = try await StreamChecks.ordinary(run)
            let head = ResponseHead(fields: [Field("Content-Length", "2"), Field("Content-Length", "2")])
            try await peer.send(.response(id, head, flags: [], body: [1, 2]))
            return try await run.streamError(peer, on: id)
        }
        for (word, length) in [("more-bytes", 1), ("fewer-bytes", 10)] {
            Check.client(
                "V1-64", word, "Content-Length \(length), 2 bytes and END",
                expected: "the caller told (not seen), and the connection goes on"
            ) { run in
                let (peer, id) = try await StreamChecks.ordinary(run)
                let head = ResponseHead(fields: [Field("Content-Length", "\(length)")])
                try await peer.send(.response(id, head, body: [1, 2]))
                return try await run.answerRefused(peer, id)
            }
        }
        Check.client(
            "V1-64", "204-body", "204 with a body",
            expected: "the caller told (not seen), and the connection goes on"
        ) { run in
            let (peer, id) = try await StreamChecks.ordinary(run)
            try await peer.send(.response(id, ResponseHead(status: 204), body: [1]))
            return try await run.answerRefused(peer, id)
        }
        Check.client("V1-64", "not-modified", "304 with Content-Length 100 and no body", expected: "accepted") { run in
            let (peer, id) = try await StreamChecks.ordinary(run)
            try await peer.send(.response(id, ResponseHead(status: 304, fields: [Field("Content-Length", "100")])))
            return try await StreamChecks.goesOn(run, peer)
        }
    }

    // MARK: V1-65

    @ChecksBuilder
    private static var secrets: [Check] {
        Check.client("V1-65", "used", "Set-Cookie in SECRETS", expected: "accepted") { run in
            let (peer, id) = try await StreamChecks.ordinary(run)
            try await peer.send(
                .secrets(id, ["a=1", "b=2"]),
                .response(id, ResponseHead(fields: [Field(secret: "Set-Cookie"), Field(secret: "Set-Cookie")])))
            return try await StreamChecks.goesOn(run, peer)
        }
        for (word, title, count) in [
            ("missing", "A field that refers to no SECRETS", 0), ("left", "A secret too many", 2),
        ] {
            Check.client(
                "V1-65", word, title, expected: "CANCEL MALFORMED, and the connection goes on"
            ) { run in
                let (peer, id) = try await StreamChecks.ordinary(run)
                let secrets = count == 0 ? [] : [Frame.secrets(id, .init(repeating: "a=1", count: count))]
                let head = ResponseHead(fields: [Field(secret: "Set-Cookie")])
                try await peer.send(secrets + [.response(id, head, flags: [])])
                return try await run.streamError(peer, on: id)
            }
        }
        Check.client("V1-65", "twice", "SECRETS twice before a RESPONSE", expected: "GOAWAY STREAM") { run in
            let (peer, id) = try await StreamChecks.ordinary(run)
            return try await peer.provoke(.stream, with: [.secrets(id, ["a"]), .secrets(id, ["b"])])
        }
        Check.client(
            "V1-65", "in-trailers", "A field of trailers that refers to SECRETS", expected: "the connection goes on"
        ) {
            run in
            let (peer, id) = try await StreamChecks.ordinary(run)
            try await peer.send(.response(id, ResponseHead(), flags: []), .trailers(id, [Field(secret: "X-Sum")]))
            return try await run.answerRefused(peer, id)
        }
        Check.client(
            "V1-65", "of-requests", "Authorization and cookies of requests", expected: "in SECRETS"
        ) { run in
            let peer = try await run.open(offering: 0x0F)
            let exchange = try await run.request(on: peer, "a request with a Cookie or Authorization") { exchange in
                exchange.request?.head.fields.contains { FieldTables.secret.contains($0.name.lowercased()) } == true
            }
            let open = exchange.request?.head.fields.first {
                FieldTables.secret.contains($0.name.lowercased()) && $0.value != nil
            }
            if let open, !exchange.isSensitive { throw Departure("\(open.name) outside of SECRETS") }
            return "in SECRETS"
        }
    }
}

extension ClientProbe {
    /// Waits until the client has refused an answer that ended its stream: by CANCEL, which nobody needs any more, or by
    /// telling its caller alone; the connection goes on.
    func answerRefused(_ peer: FramedPeer, _ stream: UInt32) async throws -> String {
        let mark = peer.log.count
        try await peer.barrier()
        let cancel = peer.log.dropFirst(mark).first { $0.kind == .cancel && $0.stream == stream }
        if let code = cancel?.cancelCode, code != .malformed { throw Departure("CANCEL \(code.words)") }
        try await self.survives(peer)
        return (cancel.map { "\($0.words); " } ?? "") + "the connection goes on"
    }
}

/// A head of a response that is malformed (rules V1-62, V1-70).
private struct BadResponseHead: Sendable {
    let rule: String
    let word: String
    let title: String
    let flags: FrameFlags
    let change: @Sendable (inout ResponseHead) -> Void

    init(
        _ word: String, _ title: String, flags: FrameFlags = [], rule: String = "V1-62",
        change: @escaping @Sendable (inout ResponseHead) -> Void
    ) {
        self.rule = rule
        self.word = word
        self.title = title
        self.flags = flags
        self.change = change
    }

    static let all: [BadResponseHead] = [
        .init("status-99", "Status 99") { $0.status = 99 },
        .init("status-600", "Status 600") { $0.status = 600 },
        .init("status-0", "Status 0") { $0.status = 0 },
        .init("interim-200", "200 with INTERIM", flags: .interim) { $0.status = 200 },
        .init("interim-101", "101 with INTERIM", flags: .interim) { $0.status = 101 },
        .init("reason-control", "A reason with a control character") { $0.reason = RequestHead.text("O\u{1}K") },
        .init("final-103", "103 without INTERIM") { $0.status = 103 },
        .init("unasked-101", "101, though no tunnel was asked for") { $0.status = 101 },
        .init("unasked-grant", "TUNNEL with 200, though no tunnel was asked for", flags: .tunnel, rule: "V1-70") {
            $0.status = 200
        },
        .init("unasked-switch", "TUNNEL with 101, though no tunnel was asked for", flags: .tunnel, rule: "V1-70") {
            $0.status = 101
        },
        .init("reason-cr-lf", "A reason with CR LF") { $0.reason = RequestHead.text("OK\r\nX: y") },
        .init("rest", "A byte behind the fields") { $0.rest = [0] },
        .init("varint-long", "A length in more bytes than needed") { $0.reason = [0x81, 0x00, 0x41] },
    ]

    var check: Check {
        .client(
            self.rule, self.word, self.title,
            expected: "CANCEL MALFORMED, and the connection goes on"
        ) { run in
            let (peer, id) = try await StreamChecks.ordinary(run)
            var head = ResponseHead()
            self.change(&head)
            try await peer.send(.response(id, head, flags: self.flags))
            return try await run.streamError(peer, on: id)
        }
    }
}
