/// Rules V1-30 to V1-37, of clients.
extension StreamChecks {
    @ChecksBuilder
    static var client: [Check] {
        Check.client("V1-30", "count", "The ids of five requests", expected: "1, 2, 3, 4, 5") { run in
            let peer = try await run.open()
            for _ in 0..<5 { try await run.survives(peer) }
            return "\(peer.monitor.lastStream) requests, counted from 1"
        }
        Check.client("V1-31", "well-formed", "The frames of requests", expected: "heads and bodies as they should be") {
            run in
            let peer = try await run.open()
            return try await PrefaceChecks.requests(run, peer, count: 5)
        }
        self.answers
        self.misplacedAnswers
        self.oneWayAnswers
        self.cancels
    }

    // MARK: V1-32

    @ChecksBuilder
    private static var answers: [Check] {
        Check.client("V1-32", "in-pieces", "An answer in RESPONSE, DATA and TRAILERS", expected: "accepted") { run in
            let (peer, id) = try await self.ordinary(run)
            try await peer.send(
                .response(id, ResponseHead(), flags: [], body: [1]), .data(id, [2]), .data(id, []),
                .data(id, count: 10000), .trailers(id, [Field("X-Checksum", "3")]))
            return try await self.goesOn(run, peer)
        }
        Check.client("V1-32", "eight-interim", "Eight informational answers", expected: "accepted") { run in
            let (peer, id) = try await self.ordinary(run)
            let interim = Frame.response(id, ResponseHead(status: 103), flags: .interim)
            try await peer.send(.init(repeating: interim, count: 8) + [ClientProbe.ok(id)])
            return try await self.goesOn(run, peer)
        }
        Check.client(
            "V1-32", "nine-interim", "Nine informational answers", expected: "CANCEL PROTOCOL; the connection goes on"
        ) { run in
            let (peer, id) = try await self.ordinary(run)
            let interim = Frame.response(id, ResponseHead(status: 103), flags: .interim)
            try await peer.send(.init(repeating: interim, count: 9))
            let seen = try await run.streamError(peer, on: id, [.protocol])
            try await run.survives(peer)
            return seen
        }
        Check.client("V1-32", "any-order", "Answers in another order", expected: "accepted") { run in
            let peer = try await run.open()
            let wanted: (FramedPeer) -> Bool = { peer in
                peer.monitor.exchanges.values.count { $0.terminal == nil } >= 2
            }
            guard try await peer.advance(within: run.patience, until: wanted) else {
                throw NotObserved("no two requests at the same time came within \(run.patience.words)")
            }
            let open = peer.monitor.exchanges.values.filter { $0.terminal == nil }.sorted { $0.id > $1.id }
            try await peer.send(open.map { ClientProbe.answer($0) })
            return try await self.goesOn(run, peer)
        }
    }

    // MARK: V1-34

    @ChecksBuilder
    private static var misplacedAnswers: [Check] {
        self.refused("second-response", "A second RESPONSE") {
            [.response($0, ResponseHead(), flags: []), .response($0, ResponseHead(), flags: [])]
        }
        self.refused("interim-behind-response", "INTERIM behind the final RESPONSE") {
            [.response($0, ResponseHead(), flags: []), .response($0, ResponseHead(status: 103), flags: .interim)]
        }
        self.refused("data-first", "DATA before RESPONSE") { [.data($0, [1])] }
        self.refused("trailers-first", "TRAILERS before RESPONSE") { [.trailers($0, [])] }
        self.refused("data-behind-end", "DATA behind END") { [ClientProbe.ok($0), .data($0, [1])] }
        self.refused("trailers-behind-end", "TRAILERS behind END") { [ClientProbe.ok($0), .trailers($0, [])] }
        self.refused("response-behind-end", "RESPONSE behind END") { [ClientProbe.ok($0), ClientProbe.ok($0)] }
        self.refused("secrets-behind-head", "SECRETS behind the final RESPONSE") {
            [.response($0, ResponseHead(), flags: []), .secrets($0, ["late"])]
        }
        self.refused("response-never-opened", "RESPONSE on a stream that was never opened") {
            [ClientProbe.ok($0 + 100_000)]
        }
        self.refused("data-never-opened", "DATA on a stream that was never opened") { [.data($0 + 100_000, [1])] }
        self.refused("cancel-never-opened", "CANCEL of a stream that was never opened") { [.cancel($0 + 100_000)] }
        self.refused("credit-never-opened", "CREDIT for a stream that was never opened") {
            [.credit($0 + 100_000, 4096)]
        }
        self.refused("request-from-server", "REQUEST from a server") {
            [.request($0 + 1, RequestHead(target: "/", authority: "conformance"))]
        }
        Check.client(
            "V1-34", "crossed", "CREDIT and CANCEL for a stream that is closed", expected: "read over: PONG"
        ) { run in
            let peer = try await run.open()
            let id = try await run.closedStream(peer)
            try await peer.send(.credit(id, 4096), .cancel(id))
            return try await self.goesOn(run, peer)
        }
    }

    private static func refused(
        _ word: String, _ title: String, frames: @escaping @Sendable (UInt32) -> [Frame]
    ) -> Check {
        .client("V1-34", word, title, expected: "GOAWAY STREAM") { run in
            let (peer, id) = try await self.ordinary(run)
            return try await peer.provoke(.stream, with: frames(id))
        }
    }

    // MARK: V1-35

    @ChecksBuilder
    private static var oneWayAnswers: [Check] {
        Check.client(
            "V1-35", "empty-response", "An empty RESPONSE to a request that wants an answer", expected: "GOAWAY STREAM"
        ) { run in
            let (peer, id) = try await self.ordinary(run)
            return try await peer.provoke(.stream, with: [self.empty(id)])
        }
        Check.client("V1-35", "acknowledged", "A one-way request, acknowledged", expected: "accepted") { run in
            let peer = try await run.open()
            let exchange = try await run.request(on: peer, "a one-way request") { $0.isOneWay }
            try await peer.send(ClientProbe.answer(exchange))
            return try await self.goesOn(run, peer)
        }
        Check.client("V1-35", "answered", "A one-way request, answered with 200", expected: "GOAWAY STREAM") { run in
            let peer = try await run.open()
            let exchange = try await run.request(on: peer, "a one-way request") { $0.isOneWay }
            return try await peer.provoke(
                .stream, with: [ClientProbe.ok(exchange.id, isSensitive: exchange.isSensitive)])
        }
    }

    private static func empty(_ id: UInt32) -> Frame {
        Frame(.response, flags: .end, stream: id, payload: [0, 0, 0])
    }

    // MARK: V1-36, V1-37

    @ChecksBuilder
    private static var cancels: [Check] {
        Check.client(
            "V1-36", "late-answer", "A whole answer to a stream that the client has cancelled", expected: "read over"
        ) { run in
            let (peer, id) = try await self.ordinary(run)
            guard
                try await peer.advance(
                    within: run.patience, until: { $0.monitor.exchanges[id]?.requestCancelled != nil })
            else { throw NotObserved("the client cancels nothing within \(run.patience.words)") }
            try await peer.send(
                .response(id, ResponseHead(), flags: [], body: [1]), .data(id, count: 1000), .trailers(id, []))
            return try await self.goesOn(run, peer)
        }
        Check.client(
            "V1-36", "cancelled-by-server", "CANCEL INTERNAL instead of an answer", expected: "the connection goes on"
        ) { run in
            let (peer, id) = try await self.ordinary(run)
            try await peer.send(.cancel(id, .internal))
            return try await self.goesOn(run, peer)
        }
        Check.client(
            "V1-37", "early-answer", "An answer to a request that is still coming, and CANCEL NO_ERROR",
            expected: "END or CANCEL NO_ERROR from the client; the connection goes on"
        ) { run in
            let peer = try await run.open(offering: 0, settings: [.streamCredit: 0])
            let exchange = try await run.request(on: peer, Self.upload) {
                !$0.isRequestEnded && !$0.isSensitive && !$0.isOneWay
            }
            try await peer.send(ClientProbe.ok(exchange.id), .cancel(exchange.id, .noError))
            try await peer.require {
                guard let exchange = $0.monitor.exchanges[exchange.id] else { return false }
                return exchange.isRequestEnded || exchange.requestCancelled != nil
            }
            if let code = peer.monitor.exchanges[exchange.id]?.requestCancelled, code != .noError {
                throw Departure("CANCEL \(code.words)")
            }
            return try await self.goesOn(run, peer)
        }
    }

    // MARK: For others

    /// What a client sends whose body does not fit one frame.
    static let upload = "a request with a body that goes on in DATA"

    /// A request that wants an answer and is not sensitive.
    static func ordinary(_ run: ClientProbe, settings: [SettingsKey: UInt32] = [:]) async throws -> (FramedPeer, UInt32)
    {
        let peer = try await run.open(offering: 0, settings: settings)
        let exchange = try await run.request(on: peer) { !$0.isSensitive && !$0.isOneWay && $0.isRequestEnded }
        return (peer, exchange.id)
    }

    /// Has another request answered.
    static func goesOn(_ run: ClientProbe, _ peer: FramedPeer) async throws -> String {
        try await peer.barrier()
        try await run.survives(peer)
        return "PONG, and another exchange"
    }
}
