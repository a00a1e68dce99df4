import NIOCore
import NIOEmbedded
import Synchronization
import TeleportCompress
import TeleportRPC
import TeleportTestKit
import TeleportTransport
import TeleportWire
import Testing

@testable import TeleportEndpoint

/// Both ends of a v1 connection in memory, driven by random operations from a seed: calls with and without bodies,
/// answers, cancellations, readers that take a little, and a network that carries bytes when and as it likes.
final class FramedModel {
    /// A body as its producer knows it.
    final class Source {
        let pipe = BodyPipe()
        let seed: Int
        var given = 0
        var isFinished = false
        var isFailed = false

        init(seed: Int) { self.seed = seed }

        var isOver: Bool { self.isFinished || self.isFailed || self.pipe.isCancelled }

        func give(_ count: Int) {
            guard !self.isOver, !self.pipe.flow.isFull else { return }
            _ = self.pipe.append(FramedModel.bytes(self.seed, at: self.given, count: count))
            self.given += count
        }

        func finish() {
            guard !self.isOver else { return }
            self.isFinished = true
            self.pipe.finish(trailers: self.seed % 3 == 0 ? "trailers \(self.seed)" : nil)
        }

        func fail() {
            guard !self.isOver else { return }
            self.isFailed = true
            self.pipe.fail()
        }

        /// Whether what a reader got can be right.
        func check(_ taker: Taker, _ comment: Comment) {
            #expect(taker.bytes == FramedModel.bytes(self.seed, at: 0, count: taker.count), comment)
            guard taker.isComplete else { return }
            #expect(self.isFinished, comment)
            #expect(taker.count == self.given, comment)
            #expect(taker.trailers == (self.seed % 3 == 0 ? "trailers \(self.seed)" : nil), comment)
        }
    }

    final class Call {
        let name: String
        let source: Source?
        var ticket: FramedClientConnection<PieceCodec, NotedCompletion<PieceMessage>>.Ticket?
        var taker: Taker?

        init(name: String, source: Source?) {
            self.name = name
            self.source = source
        }
    }

    final class Served {
        let name: String
        let responder: Responder<PieceMessage>
        /// `nil` if there is nothing to take, or it is handed on.
        var taker: Taker?
        var source: Source?
        var isAnswered = false
        var isEcho = false

        init(_ request: PieceMessage, _ responder: Responder<PieceMessage>) {
            self.name = request.text
            self.responder = responder
            self.taker = request.pipe.map { Taker($0, takes: false) }
        }
    }

    var random: SeededRandom
    let pair: FramedPair
    private let kept = Kept()
    var calls: [Call] = []
    var served: [Served] = []
    /// What is on its way.
    private var up = ByteBuffer()
    private var down = ByteBuffer()
    /// The requests that have left the client.
    private(set) var sent: Set<String> = []
    var comment: Comment { "\(self.random)" }

    static func bytes(_ seed: Int, at offset: Int, count: Int) -> ByteBuffer {
        let start = (offset + seed * 13) % 251
        return Self.table.getSlice(at: start, length: count) ?? ByteBuffer()
    }

    private static let table: ByteBuffer = {
        var table = ByteBuffer()
        let row = (0..<251).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        while table.readableBytes < 8 << 20 { table.writeBytes(row) }
        return table
    }()

    init(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let codecs: [CompressionCodec] = [.none, .flate, .snappy, .lz4, .zstd]
        func limits(_ random: inout SeededRandom) -> StreamLimits {
            StreamLimits(
                streamCredit: [4096, 20_000, 262_144].randomElement(using: &random) ?? 0,
                connectionCredit: [65536, 200_000, 4 << 20].randomElement(using: &random) ?? 0,
                unreadTimeout: .never, pingAfter: .never, abuseTokens: 1_000_000)
        }
        let (clientCodec, serverCodec) = (codecs.randomElement(using: &random), codecs.randomElement(using: &random))
        let (clientLimits, serverLimits) = (limits(&random), limits(&random))
        let places = [1, 3, 1000].randomElement(using: &random) ?? 1
        self.pair = try FramedPair(
            client: {
                $0.compression = clientCodec ?? .none
                $0.streamLimits = clientLimits
                $0.limits.maxTombstones = 100_000
            },
            server: {
                $0.compression = serverCodec ?? .none
                $0.streamLimits = serverLimits
                $0.limits.maxConcurrent = places
            }, answer: self.kept.handle)
        self.random = random
    }

    private func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self.random) < percent }
    private func size(_ most: Int) -> Int {
        self.chance(30) ? Int.random(in: 0...most, using: &self.random) : Int.random(in: 0...100, using: &self.random)
    }

    // MARK: The network

    func collect() throws {
        let requests = self.pair.client.sent()
        for frame in try self.pair.client.log.read(requests) where frame.header.type == .request {
            self.sent.insert(
                String(buffer: try MessagePayload(frame.payload, flags: frame.header.flags, headLimit: 1 << 20).head))
        }
        self.up.writeImmutableBuffer(requests)
        let answers = self.pair.server.sent()
        try self.pair.serverLog.read(answers)
        self.down.writeImmutableBuffer(answers)
    }

    /// Carries some of what is on its way.
    func carry(_ most: Int = .max) throws {
        try self.collect()
        self.up.discardReadBytes()
        self.down.discardReadBytes()
        if let piece = self.up.readSlice(length: Swift.min(most, self.up.readableBytes)), piece.readableBytes > 0 {
            self.pair.server.receive(ByteBuffer(bytes: piece.readableBytesView))
        }
        try self.collect()
        if let piece = self.down.readSlice(length: Swift.min(most, self.down.readableBytes)), piece.readableBytes > 0 {
            self.pair.client.receive(ByteBuffer(bytes: piece.readableBytesView))
        }
        try self.collect()
        self.notice()
    }

    var isQuiet: Bool { self.up.readableBytes == 0 && self.down.readableBytes == 0 }

    /// Requests that reached the handler, and answers that reached their callers.
    private func notice() {
        for (request, responder) in self.kept.takeAll() { self.served.append(Served(request, responder)) }
        for call in self.calls where call.taker == nil {
            if case .success(let response)? = self.pair.client.outcomes[call.name].first, let pipe = response.pipe {
                call.taker = Taker(pipe, takes: false)
            }
        }
    }

    // MARK: Operations

    func step() throws {
        switch Int.random(in: 0..<100, using: &self.random) {
        case ..<12: try self.call()
        case ..<24: self.sources.randomElement(using: &self.random)?.give(self.size(70_000))
        case ..<30: self.sources.randomElement(using: &self.random)?.finish()
        case ..<32: self.sources.randomElement(using: &self.random)?.fail()
        case ..<36:
            if let ticket = self.calls.randomElement(using: &self.random)?.ticket {
                self.pair.client.connection.cancel(ticket)
            }
        case ..<48: if let served = self.unanswered.randomElement(using: &self.random) { self.answer(served) }
        case ..<62: self.takers.randomElement(using: &self.random)?.take(atMost: self.size(100_000))
        case ..<65: self.takers.randomElement(using: &self.random)?.pipe.cancel()
        case ..<66: self.pair.loop.advanceTime(by: .milliseconds(30))
        default:
            try self.carry(self.chance(30) ? self.size(2000) : Int.random(in: 0...400_000, using: &self.random))
        }
    }

    private var sources: [Source] { (self.calls.map(\.source) + self.served.map(\.source)).compactMap { $0 } }
    private var takers: [Taker] { (self.calls.map(\.taker) + self.served.map(\.taker)).compactMap { $0 } }
    private var unanswered: [Served] { self.served.filter { !$0.isAnswered } }

    private func call() throws {
        let index = self.calls.count
        let name = "\(self.chance(5) ? "!" : "")\(index)"
        let source = self.chance(50) ? Source(seed: index) : nil
        var request = PieceMessage(name)
        if let pipe = source?.pipe {
            request.body = .stream { pipe }
        } else {
            request.body = .whole(Self.bytes(index, at: 0, count: self.size(150_000)))
        }
        request.isSensitive = self.chance(10)
        if self.chance(20) { request.secrets = ByteBuffer(string: "secret of \(index)") }
        let call = Call(name: name, source: source)
        self.calls.append(call)
        call.ticket = try self.pair.client.call(
            name, request, timeout: self.chance(10) ? .milliseconds(20) : .hours(1))
    }

    private func answer(_ served: Served) {
        served.isAnswered = true
        var response = PieceMessage("\(self.chance(5) ? "!" : "")\(served.name)")
        switch Int.random(in: 0..<10, using: &self.random) {
        case 0: response.head = ByteBuffer(string: "unsendable!")
        case ..<5:
            let source = Source(seed: self.served.count)
            served.source = source
            let pipe = source.pipe
            response.body = .stream { pipe }
        case ..<7 where served.taker != nil:
            // An echo: the request's own pipe.
            if let taker = served.taker, taker.count == 0, taker.error == nil, !taker.isComplete,
                !taker.pipe.isCancelled
            {
                let pipe = taker.pipe
                response.body = .stream { pipe }
                served.isEcho = true
                served.taker = nil
            }
        default: response.body = .whole(Self.bytes(7, at: 0, count: self.size(150_000)))
        }
        served.responder.respond(response)
    }

    // MARK: The end

    /// Everything is answered, given, and read.
    func settle() throws {
        for _ in 0..<10_000 {
            for served in self.unanswered {
                served.isAnswered = true
                served.responder.respond(PieceMessage(served.name))
            }
            for source in self.sources { source.finish() }
            for taker in self.takers { taker.take() }
            try self.carry()
            if self.isQuiet, self.unanswered.isEmpty,
                self.takers.allSatisfy({ $0.isComplete || $0.error != nil || $0.pipe.isCancelled }),
                self.calls.allSatisfy({ !self.pair.client.outcomes[$0.name].isEmpty })
            {
                return
            }
        }
        Issue.record("it does not come to rest: \(self.random), \(self.pair.client.leftovers)")
    }

    /// What is to be true whatever happened.
    func check() {
        for call in self.calls {
            #expect(self.pair.client.outcomes[call.name].count == 1, self.comment)
        }
        for served in self.served {
            guard let call = self.calls.first(where: { $0.name == served.name }) else {
                Issue.record("nobody asked for \(served.name), \(self.random)")
                continue
            }
            if let taker = served.taker { call.source?.check(taker, "request \(call.name), \(self.random)") }
            if let taker = call.taker {
                (served.isEcho ? call.source : served.source)?
                    .check(taker, "answer to \(call.name), echo: \(served.isEcho), \(self.random)")
            }
        }
    }

    /// Forgets all messages, so that only a connection can still hold a pipe.
    func forget() throws {
        for taker in self.takers { taker.pipe.cancel() }
        self.calls = []
        self.served = []
        self.pair.client.outcomes.clear()
        try self.carry()
        try self.carry()
    }
}
