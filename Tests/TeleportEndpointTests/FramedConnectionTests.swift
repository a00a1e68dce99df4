import NIOCore
import NIOEmbedded
import Synchronization
import TeleportCompress
import TeleportRPC
import TeleportTransport
import TeleportWire
import Testing

@testable import TeleportEndpoint

/// Keeps responders until the test answers.
final class Kept: Sendable {
    private let all = Mutex<[(request: PieceMessage, responder: Responder<PieceMessage>)]>([])

    var count: Int { self.all.withLock { $0.count } }
    var names: [String] { self.all.withLock { $0.map(\.request.text) } }

    @Sendable func handle(_ request: PieceMessage, _ responder: Responder<PieceMessage>) {
        self.all.withLock { $0.append((request, responder)) }
    }

    func request(_ index: Int) -> PieceMessage? {
        self.all.withLock { $0.indices.contains(index) ? $0[index].request : nil }
    }

    func responder(_ index: Int) -> Responder<PieceMessage> { self.all.withLock { $0[index].responder } }

    func respond(_ index: Int, _ response: PieceMessage) { self.responder(index).respond(response) }

    /// Answers those that were not answered, and forgets all.
    func respondToAll() {
        for (request, responder) in self.takeAll() { responder.respond(PieceMessage(request.text)) }
    }

    func forget() { _ = self.takeAll() }

    func takeAll() -> [(request: PieceMessage, responder: Responder<PieceMessage>)] {
        self.all.withLock { all in
            defer { all = [] }
            return all
        }
    }
}

/// One v1 connection of a client against a server that the test plays.
@Suite("A v1 connection of a client")
struct FramedClientTests {
    static func client(
        open: Bool = true, mayFallBack: Bool = false, _ configure: (inout ClientConfiguration) -> Void = { _ in }
    ) throws -> MemoryFramedClient<PieceCodec> {
        var configuration = ClientConfiguration(address: .unix(path: "/nowhere"), identity: PieceCodec.identity)
        configuration.wire = .v1
        configuration.memory = WireMemory()
        configure(&configuration)
        let client = try MemoryFramedClient(PieceCodec(), mayFallBack: mayFallBack, configuration: configuration)
        if open { try client.open() }
        return client
    }

    /// One whose server has said what it allows.
    static func settled(
        _ settings: SettingsV1 = SettingsV1(), _ configure: (inout ClientConfiguration) -> Void = { _ in }
    ) throws -> MemoryFramedClient<PieceCodec> {
        let client = try Self.client(configure)
        client.receive(.opening(settings))
        #expect(try client.frames() == ["settings"])
        return client
    }

    static func settings(_ change: (inout SettingsV1) -> Void) -> SettingsV1 {
        var settings = SettingsV1()
        change(&settings)
        return settings
    }

    @Test(
        """
        says its preface, and nothing else before the server's came; then SETTINGS; then, when the server's are here, as many \
        calls as it takes (V1-25)
        """)
    func opening() throws {
        let client = try Self.client()
        var secret = PieceMessage("first")
        secret.secrets = ByteBuffer(string: "password")
        try client.call("first", secret)
        try client.call("second", PieceMessage("second"))
        try client.call("third", PieceMessage("third"))
        #expect(client.sent().readableBytes == 16)
        client.receive(FrameBytes().preface())
        var log = FrameLog()
        var opening = FrameBytes().preface().all
        opening.writeImmutableBuffer(client.sent())
        #expect(try log.read(opening).map(\.short) == ["settings"])
        #expect(client.established.isEmpty)
        client.receive(FrameBytes().settings(Self.settings { $0.maxStreams = 2 }))
        #expect(client.established.count == 1)
        #expect(
            try log.read(client.sent()).map(\.short) == [
                "secrets 1", "request 1 END DEADLINE first", "request 2 END DEADLINE second",
            ])
    }

    @Test("a call that is given up when a flush is on its way already takes its body along")
    func cancelTwo() throws {
        let client = try Self.settled()
        let pipes = [BodyPipe(), BodyPipe(), BodyPipe()]
        let tickets = try pipes.enumerated().map { try #require(try client.call("\($0)", PieceMessage("x", pipe: $1))) }
        _ = client.sent()
        for ticket in tickets { client.connection.cancel(ticket) }
        #expect(try client.frames() == ["cancel 1 CANCELLED", "cancel 2 CANCELLED", "cancel 3 CANCELLED"])
        #expect(pipes.map(\.isCancelled) == [true, true, true])
        #expect(client.leftovers == ["3 streams"])
        for name in ["0", "1", "2"] { #expect(client.outcomes.error(name)?.code == .cancelled) }
    }

    @Test(
        "nothing of a body follows its CANCEL: neither data, nor the end that came with it, nor trailers",
        arguments: 0...2)
    func endBehindCancel(ending: Int) throws {
        let client = try Self.settled()
        let pipe = BodyPipe()
        let ticket = try #require(try client.call("call", PieceMessage("x", pipe: pipe)))
        _ = pipe.append(ByteBuffer(repeating: 1, count: 10))
        #expect(try client.frames() == ["request 1 DEADLINE x", "data 1 10"])
        switch ending {
        case 0: pipe.finish()
        case 1: pipe.finish(trailers: "trailers")
        default: pipe.fail()
        }
        client.connection.cancel(ticket)
        #expect(try client.frames() == ["cancel 1 CANCELLED"])
        #expect(client.outcomes.error("call")?.code == .cancelled)
        client.receive(FrameBytes().cancel(1))
        #expect(client.leftovers == [])
    }

    @Test("an upload that breaks off takes the answer that is being read with it")
    func uploadBreaksOffBehindAnswer() throws {
        let client = try Self.settled()
        let pipe = BodyPipe()
        try client.call("call", PieceMessage("x", pipe: pipe))
        _ = client.sent()
        client.receive(FrameBytes().response(1, "head", []).data(1, 100))
        let taker = Taker(try #require(try client.outcomes.only("call")?.get().pipe))
        #expect(taker.count == 100)
        pipe.fail(RPCError(.unsendable, "broken"))
        #expect(try client.frames() == ["cancel 1 CANCELLED"])
        #expect(taker.error != nil)
        client.receive(FrameBytes().cancel(1))
        #expect(client.leftovers == [])
    }

    @Test("a server whose SETTINGS do not come with its preface has until the end of the handshake to send them")
    func missingSettings() throws {
        let client = try Self.client { $0.handshakeTimeout = .seconds(3) }
        try client.call("call", PieceMessage("x"))
        client.receive(FrameBytes().preface())
        client.loop.advanceTime(by: .milliseconds(2900))
        #expect(client.channel.isActive && client.established.isEmpty)
        client.loop.advanceTime(by: .milliseconds(200))
        #expect(client.outcomes.error("call")?.code == .handshakeFailed)
        #expect(client.outcomes.error("call")?.possiblyExecuted == false)
        #expect(client.established.map { $0?.code } == [.handshakeFailed])
        #expect(client.closed == 1)
    }

    @Test("a client that drains still gives places to the calls that wait for one")
    func drainWithWaiting() throws {
        let client = try Self.settled(Self.settings { $0.maxStreams = 1 })
        try client.call("first", PieceMessage("first"))
        try client.call("second", PieceMessage("second"))
        #expect(try client.connection.call(PieceMessage("event"), deadline: .never, now: 0, completion: nil) != nil)
        client.connection.drain()
        #expect(try client.call("late", PieceMessage("late")) == nil)
        #expect(try client.frames() == ["request 1 END DEADLINE first"])
        client.receive(FrameBytes().response(1))
        #expect(try client.frames() == ["request 2 END DEADLINE second"])
        client.receive(FrameBytes().response(2))
        #expect(try client.frames() == ["request 3 END NO_REPLY event"])
        #expect(client.channel.isActive)
        client.receive(FrameBytes().message(.response, .end, 3, ""))
        #expect(try client.outcomes.only("first")?.get().text == "response")
        #expect(try client.outcomes.only("second")?.get().text == "response")
        client.receiveEnd()
        #expect(client.closed == 1)
    }

    @Test("a client that drains while it connects still makes the calls that wait, also those that nobody waits for")
    func drainWhileConnecting() throws {
        let client = try Self.client(open: false)
        try client.call("call", PieceMessage("call"))
        #expect(try client.connection.call(PieceMessage("event"), deadline: .never, now: 0, completion: nil) != nil)
        client.connection.drain()
        try client.open()
        client.receive(.opening())
        #expect(
            try client.frames() == ["settings", "request 1 END DEADLINE call", "request 2 END NO_REPLY event"])
        client.receive(FrameBytes().response(1).message(.response, .end, 2, ""))
        #expect(try client.outcomes.only("call")?.get().text == "response")
        client.receiveEnd()
        #expect(client.closed == 1)
    }

    @Test("a connection that is retired for the answers owed to nobody gives its waiting calls back")
    func wornWithWaiting() throws {
        let client = try Self.settled(Self.settings { $0.maxStreams = 3 }) { $0.limits.maxTombstones = 2 }
        let tickets = try (1...4).map { try #require(try client.call("\($0)", PieceMessage("x"))) }
        _ = client.sent()
        client.connection.cancel(tickets[0])
        client.connection.cancel(tickets[1])
        _ = client.sent()
        #expect(try client.call("5", PieceMessage("x")) == nil)
        let error = client.outcomes.error("4")
        #expect(error?.code == .refused)
        #expect(error?.possiblyExecuted == false)
        client.receive(FrameBytes().response(3))
        #expect(try client.outcomes.only("3")?.get().text == "response")
        client.receiveEnd()
        #expect(client.closed == 1)
        #expect(client.leftovers == [])
    }

    @Test("so do deadlines that pass for a crowd of calls")
    func wornByDeadlines() throws {
        let client = try Self.settled(Self.settings { $0.maxStreams = 3 }) { $0.limits.maxTombstones = 2 }
        for index in 1...3 { try client.call("\(index)", PieceMessage("x"), timeout: .seconds(1)) }
        try client.call("4", PieceMessage("x"), timeout: .seconds(100))
        _ = client.sent()
        client.loop.advanceTime(by: .seconds(2))
        for index in 1...3 { #expect(client.outcomes.error("\(index)")?.code == .timedOut) }
        #expect(client.outcomes.error("4")?.code == .refused)
    }

    @Test("the place of a stream that was answered early is free when its upload ends")
    func placeAfterUpload() throws {
        let client = try Self.settled(Self.settings { $0.maxStreams = 1 })
        let pipe = BodyPipe()
        try client.call("first", PieceMessage("first", pipe: pipe))
        try client.call("second", PieceMessage("second"))
        _ = client.sent()
        client.receive(FrameBytes().response(1))
        #expect(try client.outcomes.only("first")?.get().text == "response")
        #expect(client.outcomes["second"].isEmpty)
        pipe.finish()
        #expect(try client.frames() == ["data 1 END 0", "request 2 END DEADLINE second"])
    }

    @Test("so is that of an upload that breaks off then")
    func placeAfterBrokenUpload() throws {
        let client = try Self.settled(Self.settings { $0.maxStreams = 1 })
        let pipe = BodyPipe()
        try client.call("first", PieceMessage("first", pipe: pipe))
        try client.call("second", PieceMessage("second"))
        _ = client.sent()
        client.receive(FrameBytes().response(1))
        pipe.fail()
        #expect(try client.frames() == ["cancel 1 CANCELLED", "request 2 END DEADLINE second"])
    }

    @Test(
        "a RESPONSE that breaks a rule ends the connection, and its own call is told, whole or with a body behind it",
        arguments: [FrameFlags.end, []])
    func brokenResponse(flags: FrameFlags) throws {
        let client = try Self.settled()
        for name in ["broken", "other"] { try client.call(name, PieceMessage("x")) }
        _ = client.sent()
        // A head that is longer than its frame.
        client.receive(FrameBytes().frame(.response, flags, 1, ByteBuffer(bytes: [200, 0, 0, 1])))
        for name in ["broken", "other"] { #expect(client.outcomes.error(name)?.code == .protocolViolation) }
    }

    @Test("behind a GOAWAY with a code nothing is handled, in the same read or later, and nobody waits for ever")
    func goAwayWithCode() throws {
        let client = try Self.settled()
        for name in ["1", "2", "3"] { try client.call(name, PieceMessage("x")) }
        _ = client.sent()
        client.receive(
            FrameBytes().response(1).goAway(3, .internal, "sorry").response(2, "head", []).data(2, 10).response(3))
        #expect(try client.outcomes.only("1")?.get().text == "response")
        for name in ["2", "3"] {
            let error = client.outcomes.error(name)
            #expect(error?.code == .connectionClosed)
            #expect(error?.message.contains("sorry") == true)
            #expect(error?.possiblyExecuted == true)
        }
        #expect(client.closed == 1)
        #expect(client.leftovers == [])
    }

    @Test("an answer that is refused with its body under way leaves nothing behind, and gives the credit back")
    func refusedAnswer() throws {
        let client = try Self.settled()
        for index in 1...100 {
            try client.call("\(index)", PieceMessage("x"))
            try client.frames()
            client.receive(
                FrameBytes()
                    .message(.response, [], UInt32(index), "!", body: ByteBuffer(repeating: 1, count: 100))
                    .data(UInt32(index), 50_000))
            #expect(client.outcomes.error("\(index)")?.code == .unacceptableAnswer)
            let cancelled = try client.frames().filter { $0.hasPrefix("cancel") }
            #expect(cancelled == ["cancel \(index) MALFORMED"])
            client.receive(FrameBytes().data(UInt32(index), 10_000).cancel(UInt32(index)))
            #expect(client.leftovers == [])
        }
        #expect(client.connection.codec.watch.living == 0)
        try client.frames()
        // More than there would be without.
        let credit = client.log.frames.filter { $0.header.type == .credit && $0.header.stream == nil }
        #expect(credit.reduce(0) { $0 + $1.credit } > 100 * 60_000 - (4 << 20))
    }

    @Test("secrets and trailers that the server does not accept fail their call alone, before they are sent")
    func headLimits() throws {
        let client = try Self.settled(Self.settings { $0.maxHeadSize = 300 })
        var request = PieceMessage("x")
        request.secrets = ByteBuffer(repeating: 1, count: 400)
        do throws(RPCError) {
            _ = try client.connection.call(
                request, deadline: .never, now: 0,
                completion: NotedCompletion(name: "secrets", outcomes: client.outcomes))
            Issue.record("the secrets were sent")
        } catch {
            #expect(error.code == .unsendable)
        }
        let pipe = BodyPipe()
        try client.call("trailers", PieceMessage("x", pipe: pipe))
        pipe.finish(trailers: String(repeating: "x", count: 301))
        #expect(try client.frames() == ["request 1 DEADLINE x", "cancel 1 CANCELLED"])
        #expect(client.outcomes.error("trailers")?.code == .unsendable)
        let fitting = BodyPipe()
        try client.call("fitting", PieceMessage("x", pipe: fitting))
        fitting.finish(trailers: String(repeating: "x", count: 300))
        #expect(try client.frames() == ["request 2 DEADLINE x", "trailers 2 END"])
    }

    @Test("a call without a limit to speak of, or with none left, crashes nobody")
    func oddTimeouts() throws {
        let client = try Self.settled()
        for (index, timeout) in [
            TimeAmount.nanoseconds(.max), .zero, .nanoseconds(-1), .nanoseconds(.min), .hours(2000),
        ]
        .enumerated() {
            try client.call("\(index)", PieceMessage("x"), timeout: timeout)
        }
        #expect(try client.frames().count { $0.hasPrefix("request") } == 5)
        client.loop.advanceTime(by: .seconds(1))
        for index in [1, 2, 3] { #expect(client.outcomes.error("\(index)")?.code == .timedOut) }
        client.receive(FrameBytes().response(1).response(5))
        #expect(try client.outcomes.only("0")?.get().text == "response")
        #expect(try client.outcomes.only("4")?.get().text == "response")
    }

    @Test("a history that is released does not hold up what waits to be sent at the same moment")
    func releaseBesideFlush() throws {
        let client = try Self.client {
            $0.compression = .zstd
            $0.batching = .init(delay: .milliseconds(10))
        }
        client.receive(.opening())
        client.loop.advanceTime(by: .seconds(1))
        let text = String(repeating: "compressible ", count: 100)
        try client.call("first", PieceMessage(text))
        client.loop.advanceTime(by: .milliseconds(10))
        let sentAt = client.loop.now
        client.receive(FrameBytes().response(1))
        client.loop.advanceTime(to: sentAt + .milliseconds(4995))
        _ = try client.frames()
        try client.call("second", PieceMessage(text))
        // In the middle of the batching delay the five seconds are over.
        client.loop.advanceTime(to: sentAt + .milliseconds(5006))
        let blocks = client.log.blocks.count
        #expect(try client.frames() == ["request 2 END DEADLINE \(text)"])
        #expect(client.log.blocks[blocks].header.releases)
        #expect(client.log.blocks[blocks + 1].header.resets)
    }

    @Test("a GOAWAY with a code gives back the calls that it does not take: they were not executed")
    func goAwayBehind() throws {
        let client = try Self.settled()
        for name in ["1", "2", "3"] { try client.call(name, PieceMessage("x")) }
        _ = client.sent()
        client.receive(FrameBytes().goAway(1, .internal))
        #expect(client.outcomes.error("1")?.code == .connectionClosed)
        for name in ["2", "3"] {
            let error = client.outcomes.error(name)
            #expect(error?.code == .refused)
            #expect(error?.possiblyExecuted == false)
        }
        #expect(client.closed == 1)
        #expect(client.leftovers == [])
    }
}

/// Both ends of a v1 connection in memory.
@Suite("A v1 connection")
struct FramedPairTests {
    @Test("many calls that give up at once do not look like abuse, nor do their answers", arguments: [false, true])
    func cancelStorm(byDeadline: Bool) throws {
        let kept = Kept()
        let pair = try FramedPair(
            client: {
                $0.limits.maxPending = 10_000
                $0.limits.maxTombstones = 10_000
            }, answer: kept.handle)
        try pair.run()
        let tickets = try (0..<5000).map {
            try #require(try pair.client.call("\($0)", PieceMessage("x"), timeout: .seconds(1)))
        }
        try pair.run()
        #expect(kept.count == 5000)
        if byDeadline {
            try pair.pass(2)
        } else {
            for ticket in tickets { pair.client.connection.cancel(ticket) }
            try pair.run()
        }
        for index in 0..<5000 {
            #expect(pair.client.outcomes.error("\(index)")?.code == (byDeadline ? .timedOut : .cancelled))
        }
        kept.respondToAll()
        try pair.run()
        #expect(pair.client.closed == 0)
        #expect(pair.client.leftovers == [])
        try pair.client.call("next", PieceMessage("next"))
        try pair.run()
        kept.respondToAll()
        try pair.run()
        #expect(try pair.client.outcomes.only("next")?.get().text == "next")
    }

    @Test("the server's first frame is SETTINGS, whatever the client asks for at once")
    func firstFrame() throws {
        let pair = try FramedPair { request, responder in responder.respond(request) }
        let server = try MemoryServer(
            PieceCodec(), loop: pair.loop, configuration: pair.serverConfiguration,
            handler: InlineHandler { (request: PieceMessage, responder: Responder<PieceMessage>) in
                var answer = PieceMessage("answer")
                answer.secrets = request.secrets
                responder.respond(answer)
            })
        server.receive(
            FrameBytes.opening().ping(7).frame(.secrets, [], 1, ByteBuffer(string: "secret")).request(1).all)
        var log = FrameLog()
        #expect(try server.frames(&log) == ["settings", "secrets 1", "pong", "response 1 END answer"])
    }

    @Test("a request that is refused with its body under way leaves nothing behind, and gives the credit back")
    func refusedRequest() throws {
        let pair = try FramedPair { request, responder in
            guard let pipe = request.pipe else { return responder.respond(PieceMessage("whole")) }
            let taker = Taker(pipe)
            responder.respond(PieceMessage("took \(taker.count)"))
        }
        for index in 1...200 {
            let pipe = BodyPipe()
            _ = pipe.append(ByteBuffer(repeating: 1, count: 120_000))
            try pair.client.call("\(index)", PieceMessage("!", pipe: pipe))
            try pair.run()
            #expect(try pair.client.outcomes.only("\(index)")?.get().text == "refused")
            #expect(pipe.isCancelled)
            #expect(pair.client.leftovers == [])
        }
        #expect(pair.serverWatch.total == 200)
        #expect(pair.serverWatch.living == 0)
        #expect(pair.client.closed == 0)
    }
}
