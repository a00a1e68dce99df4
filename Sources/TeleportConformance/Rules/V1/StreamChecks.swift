/// Rules V1-30 to V1-35, of servers: the life of a stream.
enum StreamChecks {
    @ChecksBuilder
    static var server: [Check] {
        self.ids
        self.requests
        self.misplaced
        self.readOver
        self.oneWay
    }

    // MARK: V1-30

    @ChecksBuilder
    private static var ids: [Check] {
        self.refused("V1-30", "live-again", "REQUEST on a stream that is live") { run in
            [run.post(1, run.echo, flags: []), run.get(1)]
        }
        Check.server("V1-30", "closed-again", "REQUEST on a stream that is closed", expected: "GOAWAY STREAM") { run in
            let peer = try await run.open()
            let id = try await run.closedStream(peer)
            return try await peer.provoke(.stream, with: [run.get(id)])
        }
        self.refused("V1-30", "going-back", "REQUEST on stream 3 behind one on stream 5") { run in
            [run.get(5), run.get(3)]
        }
        self.refused("V1-30", "too-far", "REQUEST 2^31 behind the last one") { run in
            [run.get(1), run.get(1 + 1 << 31)]
        }
        Check.server("V1-30", "gaps", "REQUEST on streams 1, 7 and 1,000", expected: "three answers") { run in
            try await self.answered(run, [1, 7, 1000])
        }
        Check.server("V1-30", "far", "REQUEST 2^31 − 1 behind the last one", expected: "an answer to each") { run in
            try await self.answered(run, [1, 1 << 31])
        }
        Check.server("V1-30", "wrap", "Ids that wrap from 2^32 − 1 to 1", expected: "an answer to each") { run in
            try await self.answered(run, [1, 0x7FFF_FFFF, 0xFFFF_FFFE, 0xFFFF_FFFF, 1, 2])
        }
    }

    private static func answered(_ run: ServerProbe, _ ids: [UInt32]) async throws -> String {
        let peer = try await run.open()
        for id in ids {
            try await peer.send(run.get(id))
            guard try await peer.answer(to: id).head != nil else {
                throw Departure("stream \(id): \(peer.monitor.exchanges[id]?.words ?? "nothing")")
            }
        }
        return "\(ids.count) answers"
    }

    // MARK: V1-31 to V1-33

    @ChecksBuilder
    private static var requests: [Check] {
        Check.server(
            "V1-31", "in-pieces", "A body in REQUEST and in DATA of many sizes", expected: "taken as one",
            needs: [.echo]
        ) { run in
            let sizes = [1, 2, 1000, 16384, 65536, 0, 17]
            let body = Self.noise(100 + sizes.reduce(0, +))
            let peer = try await run.open()
            try await peer.send(run.post(1, run.echo, flags: [], body: Array(body.prefix(100))))
            var rest = body.dropFirst(100)
            for size in sizes {
                try await peer.send(.data(1, Array(rest.prefix(size))))
                rest = rest.dropFirst(size)
            }
            try await peer.send(.data(1, [], flags: .end))
            return try Self.expect(body, in: try await peer.answer(to: 1))
        }
        Check.server(
            "V1-31", "trailers", "A request that ends with TRAILERS", expected: "its body, whole", needs: [.echo]
        ) { run in
            let peer = try await run.open()
            try await peer.send(
                run.post(1, run.echo, flags: [], body: [1, 2]), .data(1, [3]),
                .trailers(1, [Field("X-Checksum", "6")]))
            return try Self.expect([1, 2, 3], in: try await peer.answer(to: 1))
        }
        Check.server(
            "V1-31", "interleaved", "Four requests whose DATA takes turns", expected: "each body, whole", needs: [.echo]
        ) { run in
            let peer = try await run.open()
            let ids: [UInt32] = [1, 2, 3, 4]
            for id in ids { try await peer.send(run.post(id, run.echo, flags: [])) }
            for turn: UInt8 in 0..<10 {
                try await peer.send(ids.map { Frame.data($0, .init(repeating: UInt8($0) << 4 | turn, count: 100)) })
            }
            try await peer.send(ids.map { Frame.data($0, [], flags: .end) })
            for id in ids {
                let body = (0..<10).flatMap { [UInt8](repeating: UInt8(id) << 4 | $0, count: 100) }
                _ = try Self.expect(body, in: try await peer.answer(to: id))
            }
            return "four bodies"
        }
        Check.server(
            "V1-31", "early-secrets", "SECRETS of three requests, then the requests in another order of fields",
            expected: "three answers"
        ) { run in
            let peer = try await run.open()
            let ids: [UInt32] = [1, 2, 3]
            try await peer.send(ids.map { Frame.secrets($0, ["Bearer \($0)", "a=\($0)"]) })
            for id in ids {
                let fields = [Field(secret: "Authorization"), Field("Accept", "*/*"), Field(secret: "Cookie")]
                try await peer.send(run.get(id, fields: fields))
            }
            for id in ids { try await peer.answer(to: id) }
            return "three answers"
        }
        Check.server("V1-32", "answer", "The frames of an answer", expected: "in their order, with one END") { run in
            let peer = try await run.open()
            try await peer.send(run.get(1))
            let exchange = try await peer.answer(to: 1)
            return exchange.words
        }
        Check.server(
            "V1-33", "one-terminal", "Twenty requests at the same time", expected: "a terminal frame each, and no more"
        ) { run in
            let peer = try await run.open()
            try await peer.send((1...20).map { run.get($0) })
            for id: UInt32 in 1...20 { try await peer.answer(to: id) }
            try await peer.barrier()
            return "20 answers, and nothing behind them"
        }
        Check.server(
            "V1-33", "any-order", "Answers that need not wait for others",
            expected: "the quick one first", needs: [.slow]
        ) { run in
            let peer = try await run.open()
            try await peer.send(run.get(1, run.slow), run.get(2))
            try await peer.answer(to: 2)
            guard peer.monitor.exchanges[1]?.terminal == nil else { return "both; the slow one was not slow" }
            return "2 before 1"
        }
    }

    // MARK: V1-34

    @ChecksBuilder
    private static var misplaced: [Check] {
        self.refused("V1-34", "data-behind-end", "DATA behind END") { [$0.post(1, $0.echo), .data(1, [1])] }
        self.refused("V1-34", "trailers-behind-end", "TRAILERS behind END") { [$0.post(1, $0.echo), .trailers(1, [])] }
        self.refused("V1-34", "trailers-twice", "TRAILERS twice") {
            [$0.post(1, $0.echo, flags: []), .trailers(1, []), .trailers(1, [])]
        }
        self.refused("V1-34", "data-behind-trailers", "DATA behind TRAILERS") {
            [$0.post(1, $0.echo, flags: []), .trailers(1, []), .data(1, [1])]
        }
        self.refused("V1-34", "data-behind-cancel", "DATA behind CANCEL") {
            [$0.post(1, $0.echo, flags: []), .cancel(1), .data(1, [1])]
        }
        self.refused("V1-34", "response-from-client", "RESPONSE from a client on a live stream") {
            [$0.post(1, $0.echo, flags: []), .response(1, ResponseHead())]
        }
        self.refused("V1-34", "response-never-opened", "RESPONSE from a client on a stream that was never opened") {
            _ in [.response(1, ResponseHead())]
        }
        self.refused("V1-34", "data-never-opened", "DATA on a stream that was never opened") {
            [$0.get(1), .data(9, [1])]
        }
        self.refused("V1-34", "trailers-never-opened", "TRAILERS on a stream that was never opened") {
            [$0.get(1), .trailers(9, [])]
        }
        self.refused("V1-34", "cancel-never-opened", "CANCEL of a stream that was never opened") {
            [$0.get(1), .cancel(9)]
        }
        self.refused("V1-34", "credit-never-opened", "CREDIT for a stream that was never opened") {
            [$0.get(1), .credit(9, 1024)]
        }
        self.refused("V1-34", "secrets-behind-head", "SECRETS behind their REQUEST") {
            [$0.post(1, $0.echo, flags: []), .secrets(1, ["late"])]
        }
        Check.server(
            "V1-34", "data-on-closed", "DATA on a stream that was answered and ended", expected: "GOAWAY STREAM"
        ) { run in
            let peer = try await run.open()
            let id = try await run.closedStream(peer)
            return try await peer.provoke(.stream, with: [.data(id, [1])])
        }
    }

    private static func refused(
        _ rule: String, _ word: String, _ title: String, frames: @escaping @Sendable (ServerProbe) -> [Frame]
    ) -> Check {
        .server(rule, word, title, expected: "GOAWAY STREAM") { run in
            let peer = try await run.open()
            return try await peer.provoke(.stream, with: frames(run))
        }
    }

    @ChecksBuilder
    private static var readOver: [Check] {
        Check.server(
            "V1-34", "crossed", "CREDIT and CANCEL for a stream that is closed", expected: "read over: PONG, an answer"
        ) { run in
            let peer = try await run.open()
            let id = try await run.closedStream(peer)
            try await peer.send(.credit(id, 4096), .cancel(id), .cancel(id, .noError))
            try await peer.barrier()
            try await run.survives(peer)
            return "PONG, an answer"
        }
    }

    // MARK: V1-35

    @ChecksBuilder
    private static var oneWay: [Check] {
        Check.server("V1-35", "acknowledged", "A one-way request", expected: "an empty RESPONSE with END, or CANCEL") {
            run in
            let peer = try await run.open()
            try await peer.send(run.get(1, flags: [.end, .noReply]))
            let exchange = try await peer.answer(to: 1)
            try await run.survives(peer)
            return exchange.words
        }
        Check.server("V1-35", "with-body", "A one-way request with a body", expected: "an empty RESPONSE, or CANCEL") {
            run in
            let peer = try await run.open()
            try await peer.send(run.post(1, run.echo, flags: [.end, .noReply], body: Array("one way".utf8)))
            return try await peer.answer(to: 1).words
        }
        Check.server(
            "V1-35", "cancelled", "A one-way request that is cancelled", expected: "one terminal frame",
            needs: [.slow]
        ) { run in
            let peer = try await run.open()
            try await peer.send(run.get(1, run.slow, flags: [.end, .noReply]))
            try await peer.barrier()
            try await peer.send(.cancel(1))
            let exchange = try await peer.answer(to: 1, within: run.timeout + .seconds(2))
            try await peer.barrier()
            return exchange.words
        }
    }

    // MARK: For others

    /// Bytes that do not repeat themselves.
    static func noise(_ count: Int) -> [UInt8] {
        var state: UInt32 = 0x9E37_79B9
        return (0..<count).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(truncatingIfNeeded: state >> 24)
        }
    }

    static func expect(_ body: [UInt8], in exchange: Exchange) throws -> String {
        guard exchange.terminal == .end, exchange.body.bytes == body else {
            throw Departure("\(exchange.words), which \(exchange.body.bytes == body ? "are" : "are not") those sent")
        }
        return exchange.words
    }
}
