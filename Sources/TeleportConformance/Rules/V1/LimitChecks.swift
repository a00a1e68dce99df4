/// Rules V1-77 and V1-78: floods and limits.
enum LimitChecks {
    static var server: [Check] {
        Flood.all.flatMap { $0.checks }.filter { $0.side == .server } + self.within(.server) + self.limits
    }
    static var client: [Check] { Flood.all.flatMap { $0.checks }.filter { $0.side == .client } + self.within(.client) }

    private static func within(_ side: Side) -> [Check] {
        Check.both("V1-77", "within", "900 PINGs at once", expected: "900 PONGs") { run in
            let peer = try await run.open()
            let pings = (0..<900).map { _ in peer.makePing() }
            try await peer.send(pings)
            try await peer.require { $0.monitor.pongs.count == pings.count }
            return "900 PONGs"
        }.filter { $0.side == side }
    }

    @ChecksBuilder
    private static var limits: [Check] {
        Check.server(
            "V1-78", "head-over", "A head of a byte more than the limit of SETTINGS", expected: "GOAWAY FRAME, or 431"
        ) { run in
            let peer = try await run.open()
            try await peer.send(run.request(ofHead: peer.monitor.peer(.headLimit) + 1))
            _ = try await peer.advance { !$0.monitor.goAways.isEmpty || $0.monitor.exchanges[1]?.terminal != nil }
            if !peer.monitor.goAways.isEmpty { return try await peer.ended(with: .frame) }
            return try await run.streamError(peer, on: 1, [.tooLarge], statuses: [431])
        }
        Check.server(
            "V1-78", "secrets-over", "A head that is over the limit with its secrets", expected: "431, or GOAWAY FRAME"
        ) { run in
            let peer = try await run.open()
            let limit = peer.monitor.peer(.headLimit)
            let secrets = Frame.secrets(1, [String(repeating: "s", count: limit - 100)])
            let fields = [Field(secret: "Cookie"), Field("X-Padding", String(repeating: "p", count: 200))]
            try await peer.send(secrets, run.get(1, fields: fields))
            _ = try await peer.advance { !$0.monitor.goAways.isEmpty || $0.monitor.exchanges[1]?.terminal != nil }
            if !peer.monitor.goAways.isEmpty { return try await peer.ended(with: .frame) }
            return try await run.streamError(peer, on: 1, [.tooLarge, .malformed], statuses: [431])
        }
        Check.server("V1-78", "head", "A head of exactly the limit of SETTINGS", expected: "an answer, not 431") {
            run in
            let peer = try await run.open()
            try await peer.send(run.request(ofHead: peer.monitor.peer(.headLimit)))
            let exchange = try await peer.answer(to: 1)
            guard let head = exchange.head, head.status != 431 else { throw Departure(exchange.words) }
            return exchange.words
        }
        self.fields(99, isOver: false)
        self.fields(100, isOver: true)
        self.target(16384, isOver: false)
        self.target(16385, isOver: true)
    }

    private static func fields(_ count: Int, isOver: Bool) -> Check {
        .server(
            "V1-78", isOver ? "fields-over" : "fields", "\(count) fields and the authority, which counts as one",
            expected: isOver ? "431, and the connection goes on" : "an answer, not 431", needs: [.defaults]
        ) { run in
            let peer = try await run.open()
            let fields = (0..<count).map { Field("X-\($0)", "1") }
            try await peer.send(run.get(1, fields: fields))
            if isOver { return try await run.streamError(peer, on: 1, [], statuses: [431]) }
            let exchange = try await peer.answer(to: 1)
            guard let head = exchange.head, head.status != 431 else { throw Departure(exchange.words) }
            return exchange.words
        }
    }

    private static func target(_ count: Int, isOver: Bool) -> Check {
        .server(
            "V1-78", isOver ? "target-over" : "target", "A target of \(count) bytes",
            expected: isOver ? "414, and the connection goes on" : "an answer, not 414", needs: [.defaults]
        ) { run in
            let peer = try await run.open()
            try await peer.send(run.get(1, "/" + String(repeating: "t", count: count - 1)))
            if isOver { return try await run.streamError(peer, on: 1, [], statuses: [414]) }
            let exchange = try await peer.answer(to: 1)
            guard let head = exchange.head, head.status != 414 else { throw Departure(exchange.words) }
            return exchange.words
        }
    }
}

extension ServerProbe {
    /// A `GET` whose head has exactly so many bytes, in a few long fields.
    fileprivate func request(ofHead count: Int) -> Frame {
        var head = self.head()
        var fields: [Field] = []
        func missing() -> Int {
            head.fields = fields.encoded
            return count - head.bytes.count
        }
        while missing() > 20_000 { fields.append(Field("X-Padding", String(repeating: "p", count: 16_384))) }
        fields.append(Field("X-Rest", ""))
        // Its length takes more bytes as the value grows.
        let rest = missing()
        fields[fields.count - 1] = Field("X-Rest", String(repeating: "r", count: Swift.max(0, rest - 2)))
        while missing() > 0, case .literal(let value) = fields[fields.count - 1].value {
            fields[fields.count - 1].value = .literal(value + [0x72])
        }
        while missing() < 0, case .literal(let value) = fields[fields.count - 1].value, !value.isEmpty {
            fields[fields.count - 1].value = .literal(value.dropLast())
        }
        return .request(1, head)
    }
}

/// Frames that cost more than they say, by thousands (rule V1-77).
private struct Flood: Sendable {
    let word: String
    let title: String
    /// The bytes of blocks, for a live stream.
    let bytes: @Sendable (_ stream: UInt32) -> [UInt8]
    var stream = Stream.none

    enum Stream {
        case none
        case live
        case closed
    }

    static let count = 3000

    private static func frames(_ frame: Frame) -> [UInt8] {
        Block.stored(.init([[UInt8]](repeating: frame.bytes, count: self.count).joined()))
    }

    static let all: [Flood] = [
        .init(word: "ping", title: "3,000 PINGs", bytes: { _ in Self.frames(.ping(.init(repeating: 0x66, count: 8))) }),
        .init(word: "unknown", title: "3,000 frames of unknown types", bytes: { _ in Self.frames(Frame(type: 99)) }),
        .init(
            word: "cancel", title: "3,000 CANCELs of a closed stream", bytes: { Self.frames(.cancel($0)) },
            stream: .closed),
        .init(word: "credit", title: "3,000 times 1 byte of CREDIT", bytes: { _ in Self.frames(.credit(0, 1)) }),
        .init(word: "empty-data", title: "3,000 empty DATA", bytes: { Self.frames(.data($0, [])) }, stream: .live),
        .init(
            word: "release", title: "3,000 blocks with RELEASE",
            bytes: { _ in .init([[UInt8]](repeating: Block.released, count: Self.count).joined()) }),
        .init(
            word: "small-blocks", title: "3,000 stored blocks of one byte",
            bytes: { _ in
                let frame = Frame(type: 99, payload: .init(repeating: 0, count: Self.count)).bytes
                return frame.flatMap { Block.stored([$0]) }
            }),
    ]

    var checks: [Check] {
        Check.both("V1-77", self.word, self.title, expected: "GOAWAY ABUSE", needs: [.defaults]) { run in
            let peer = try await run.open()
            var stream: UInt32 = 0
            switch self.stream {
            case .none: break
            case .live:
                stream = try await run.liveStream(peer)
                if run is ClientProbe { try await peer.send(.response(stream, ResponseHead(), flags: [])) }
            case .closed: stream = try await run.closedStream(peer)
            }
            peer.monitor.toleratesStrayPongs = true
            await peer.link.write(self.bytes(stream))
            return try await peer.connectionError(.abuse)
        }
    }
}
