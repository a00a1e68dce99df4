/// Rules V1-60 to V1-63, V1-67 and V1-68, of servers: heads of requests.
enum HeadChecks {
    @ChecksBuilder
    static var server: [Check] {
        self.methods
        for head in BadRequestHead.all { head.check }
        for field in BadField.all { field.server }
        self.fields
    }

    @ChecksBuilder
    private static var methods: [Check] {
        for (number, name) in FieldTables.methods.enumerated() where name != "CONNECT" {
            Check.server("V1-61", "method-\(name)", "The method \(name) by its number", expected: "an answer") { run in
                let peer = try await run.open()
                try await peer.send(.request(1, run.head(method: UInt8(number + 1))))
                let exchange = try await peer.answer(to: 1)
                guard exchange.head != nil else { throw Departure(exchange.words) }
                return exchange.words
            }
        }
        self.accepted("V1-61", "method-token", "A method as a token") { head in
            head.method = [0, 8] + "PROPFIND".utf8
        }
        self.accepted("V1-61", "https", "The flag of https") { $0.flags = 1 }
        self.accepted("V1-61", "http10", "The flag of HTTP/1.0") { $0.flags = 2 }
        self.accepted("V1-61", "asterisk", "The target *, with OPTIONS") { head in
            head.method = [6]
            head.target = RequestHead.text("*")
        }
        self.accepted("V1-61", "long-target", "A target of 300 bytes") { head in
            head.target = RequestHead.text("/" + String(repeating: "a", count: 299))
        }
        self.accepted("V1-61", "host-and-port", "An authority with a port") { head in
            head.authority = RequestHead.text("localhost:8080")
        }
    }

    private static func accepted(
        _ rule: String, _ word: String, _ title: String, change: @escaping @Sendable (inout RequestHead) -> Void
    ) -> Check {
        .server(rule, word, title, expected: "an answer, not 400") { run in
            let peer = try await run.open()
            var head = run.head()
            change(&head)
            try await peer.send(.request(1, head))
            let exchange = try await peer.answer(to: 1)
            guard let answer = exchange.head, answer.status != 400 else { throw Departure(exchange.words) }
            return exchange.words
        }
    }

    @ChecksBuilder
    private static var fields: [Check] {
        self.accepted("V1-63", "every-name", "Every name of the table that a request may have") { head in
            // Content-Length would be wrong, and the others are refused in this form.
            let numbers = (3...UInt8(FieldTables.names.count)).filter { FieldTables.names[Int($0) - 1] != "Trailer" }
            let fields = numbers.map { Field(name: .number($0), value: .literal([0x31])) }
            head.fields = fields.encoded
        }
        self.accepted("V1-68", "every-value", "Every value of the table") { head in
            head.fields =
                (0..<UInt8(FieldTables.values.count)).map { entry in
                    Field(name: .literal(Array("X-Value-\(entry)".utf8)), value: .entry(entry))
                }.encoded
        }
        self.accepted("V1-63", "odd-values", "Values with tabs, and with bytes over 127") { head in
            head.fields =
                [
                    Field(name: .literal(Array("X-Tab".utf8)), value: .literal([0x61, 0x09, 0x62])),
                    Field(name: .literal(Array("X-Latin".utf8)), value: .literal([0xE9, 0xFF])),
                    Field("X-Empty", ""),
                ].encoded
        }
        self.accepted("V1-63", "token-characters", "A name of every character of tokens") { head in
            head.fields = [Field("!#$%&'*+-.^_`|~09azAZ", "1")].encoded
        }
        self.accepted("V1-63", "spelled-out", "Names of the table in other cases") { head in
            head.fields = [Field("accept", "*/*"), Field("USER-AGENT", "x"), Field("etag", "1")].encoded
        }
        self.accepted("V1-63", "same-name-twice", "A name three times") { head in
            head.fields = [Field](repeating: Field("Accept", "text/html"), count: 3).encoded
        }
        Check.server(
            "V1-67", "content-length-is-2", "Name 2 with a length that is not the body's",
            expected: "CANCEL MALFORMED or 400: it is Content-Length"
        ) { run in
            let peer = try await run.open()
            let field = Field(name: .number(2), value: .literal([0x35]))
            try await peer.send(run.post(1, run.echo, fields: [field], body: [1]))
            return try await run.streamError(peer, on: 1)
        }
    }
}

/// A head of a request that is malformed (rules V1-60, V1-61).
private struct BadRequestHead: Sendable {
    let word: String
    let title: String
    let change: @Sendable (inout RequestHead) -> Void
    /// Lengths that reach beyond the head may be a fault of the frame (V1-60).
    var isLength = false

    static let all: [BadRequestHead] = [
        .init(word: "method-empty", title: "A method of no characters") { $0.method = [0, 0] },
        .init(word: "method-space", title: "A method with a space") { $0.method = [0, 3] + "G T".utf8 },
        .init(word: "method-control", title: "A method with a control character") {
            $0.method = [0, 3, 0x47, 1, 0x54]
        },
        .init(word: "method-high", title: "A method with a byte over 127") { $0.method = [0, 3, 0x47, 0xC3, 0x54] },
        .init(word: "method-10", title: "Method number 10") { $0.method = [10] },
        .init(word: "method-255", title: "Method number 255") { $0.method = [255] },
        .init(word: "flag-04", title: "The unknown flag 04") { $0.flags = 0x04 },
        .init(word: "flag-80", title: "The unknown flag 80") { $0.flags = 0x80 },
        .init(word: "target-empty", title: "An empty target") { $0.target = [0] },
        .init(word: "target-space", title: "A target with a space") { $0.target = RequestHead.text("/a b") },
        .init(word: "target-cr-lf", title: "A target with CR LF") { $0.target = RequestHead.text("/\r\nX: y") },
        .init(word: "target-nul", title: "A target with NUL") { $0.target = RequestHead.text([0x2F, 0]) },
        .init(word: "target-delete", title: "A target with DEL") { $0.target = RequestHead.text([0x2F, 0x7F]) },
        .init(word: "authority-space", title: "An authority with a space") {
            $0.authority = RequestHead.text("local host")
        },
        .init(word: "authority-slash", title: "An authority with a slash") {
            $0.authority = RequestHead.text("host/x")
        },
        .init(word: "authority-user", title: "An authority with a user") { $0.authority = RequestHead.text("me@host") },
        .init(word: "authority-cr-lf", title: "An authority with CR LF") {
            $0.authority = RequestHead.text("host\r\nX: y")
        },
        .init(word: "rest", title: "A byte behind the fields") { $0.rest = [0] },
        .init(word: "count-low", title: "Fewer fields in the count than there are") { head in
            head.fields = [Field("A", "1"), Field("B", "2")].encoded
            head.fields[0] = 1
        },
        .init(word: "varint-long", title: "A length in more bytes than needed") { head in
            head.target = [0x81, 0x00] + "/".utf8
        },
        .init(word: "varint-4", title: "A length in 4 bytes") { $0.target = [0x81, 0x80, 0x80, 0x00] + "/".utf8 },
        .init(
            word: "count-high", title: "More fields in the count than there are",
            change: { $0.fields = [2] + Field("A", "1").bytes }, isLength: true),
        .init(
            word: "target-beyond", title: "A target that reaches beyond the head",
            change: { head in
                head.target = [100] + "/".utf8
                head.authority = []
                head.fields = []
            }, isLength: true),
        .init(
            word: "value-beyond", title: "A value that reaches beyond the head",
            change: { $0.fields = [1, 0, 1, 0x41, 50, 0x31] }, isLength: true),
        .init(
            word: "cut", title: "A head that ends behind its target",
            change: { head in
                head.authority = []
                head.fields = []
            }, isLength: true),
        .init(
            word: "empty", title: "A head of no bytes, and a body",
            change: { head in
                head.method = []
                head.target = []
                head.authority = []
                head.fields = []
            }, isLength: true),
    ]

    var check: Check {
        let expected =
            "CANCEL MALFORMED or 400, and the connection goes on" + (self.isLength ? "; or GOAWAY FRAME" : "")
        return .server("V1-61", self.word, self.title, expected: expected) { run in
            let peer = try await run.open()
            var head = run.head(run.echo, method: 3)
            self.change(&head)
            var frame = Frame.request(1, head, body: Array("body".utf8))
            // Of a head of no bytes not even the flags are there.
            if head.method.isEmpty { frame.payload = [0, 0, 0] + "body".utf8 }
            try await peer.send(frame)
            if self.isLength {
                _ = try await peer.advance { !$0.monitor.goAways.isEmpty || $0.monitor.exchanges[1]?.terminal != nil }
                if !peer.monitor.goAways.isEmpty { return try await peer.ended(with: .frame) }
            }
            return try await run.streamError(peer, on: 1)
        }
    }
}

/// A field that is malformed (rules V1-63, V1-67, V1-68), in whatever head.
struct BadField: Sendable {
    let rule: String
    let word: String
    let title: String
    let bytes: [UInt8]

    static let all: [BadField] = {
        var all: [BadField] = [
            .init("V1-63", "name-empty", "An empty name", Field(name: .literal([]), value: .literal([0x31]))),
            .init("V1-63", "name-space", "A name with a space", Field("X Y", "1")),
            .init("V1-63", "name-colon", "A name with a colon", Field("X:", "1")),
            .init("V1-63", "name-cr-lf", "A name with CR LF", Field("X\r\nY", "1")),
            .init("V1-63", "name-high", "A name with a byte over 127", Field("Ü", "1")),
            .init("V1-63", "value-nul", "A value with NUL", Field("X", "a\0b")),
            .init("V1-63", "value-cr", "A value with CR", Field("X", "a\rb")),
            .init("V1-63", "value-lf", "A value with LF", Field("X", "a\nb")),
            .init("V1-63", "value-space-before", "A value that begins with a space", Field("X", " a")),
            .init("V1-63", "value-space-behind", "A value that ends with a space", Field("X", "a ")),
            .init("V1-63", "value-tab-before", "A value that begins with a tab", Field("X", "\ta")),
            .init("V1-63", "value-tab-behind", "A value that ends with a tab", Field("X", "a\t")),
            .init("V1-61", "host", "A Host among the fields", Field("Host", "elsewhere")),
            .init("V1-61", "host-literal", "A Host among the fields, spelled out", Field("hOST", "elsewhere")),
            .init("V1-63", "value-control", "A value with a control character", Field("X", "a\u{1}b")),
            .init("V1-63", "value-delete", "A value with DEL", Field("X", "a\u{7F}b")),
            .init("V1-68", "value-30", "Value number 30", Field(name: .number(7), value: .entry(30))),
            .init("V1-68", "value-255", "Value number 255", Field(name: .number(7), value: .entry(255))),
            .init("V1-63", "both-flags", "A value both in SECRETS and in the table", [7 | 0xC0, 0]),
        ]
        for name in ["Connection", "Keep-Alive", "Proxy-Connection", "TE", "Transfer-Encoding", "Upgrade", "Expect"] {
            let value = name == "Expect" ? "100-continue" : name == "Transfer-Encoding" ? "chunked" : "x"
            all.append(.init("V1-63", "of-connection-\(name)", "\(name) among the fields", Field(name, value)))
        }
        all.append(
            .init("V1-63", "of-connection-case", "tRANSFER-eNCODING among the fields", Field("tRANSFER-eNCODING", "x")))
        for number: UInt8 in [56, 63] {
            all.append(
                .init(
                    "V1-67", "name-\(number)", "Name number \(number)",
                    Field(name: .number(number), value: .literal([0x31]))))
        }
        return all
    }()

    private init(_ rule: String, _ word: String, _ title: String, _ field: Field) {
        self.init(rule, word, title, field.bytes)
    }

    private init(_ rule: String, _ word: String, _ title: String, _ bytes: [UInt8]) {
        self.rule = rule
        self.word = word
        self.title = title
        self.bytes = bytes
    }

    var server: Check {
        .server(
            self.rule, "field-\(self.word)", self.title,
            expected: "CANCEL MALFORMED or 400, and the connection goes on"
        ) { run in
            let peer = try await run.open()
            var head = run.head(run.echo)
            head.fields = [1] + self.bytes
            try await peer.send(.request(1, head))
            return try await run.streamError(peer, on: 1)
        }
    }

    var client: Check {
        .client(
            self.rule, "field-\(self.word)", "\(self.title) of an answer",
            expected: "CANCEL MALFORMED, and the connection goes on"
        ) { run in
            let (peer, id) = try await StreamChecks.ordinary(run)
            var head = ResponseHead()
            head.fields = [1] + self.bytes
            try await peer.send(.response(id, head, flags: []))
            return try await run.streamError(peer, on: id)
        }
    }
}

extension FramedPeer {
    /// A connection error whose GOAWAY is there already.
    func ended(with code: Code) async throws -> String {
        guard self.monitor.goAways.last?.code == code else { throw Departure(self.words()) }
        _ = try await self.advance { _ in false }
        guard self.end != nil else { throw Departure("\(self.words()), but the connection stays open") }
        return self.words()
    }
}
