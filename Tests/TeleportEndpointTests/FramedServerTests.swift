import NIOCore
import NIOEmbedded
import Synchronization
import TeleportCompress
import TeleportRPC
import TeleportTransport
import TeleportWire
import Testing

@testable import TeleportEndpoint

/// One v1 connection of a server against a client that the test plays.
@Suite("A v1 connection of a server")
struct FramedServerTests {
    /// A server, and what it sent.
    final class Served {
        let kept = Kept()
        let server: MemoryServer<PieceCodec>
        let watch = PipeWatch()
        private(set) var log = FrameLog()

        init(_ configure: (inout ServerConfiguration) -> Void = { _ in }) throws {
            var configuration = ServerConfiguration(addresses: [], identity: PieceCodec.identity)
            configuration.wire = .v1
            configure(&configuration)
            self.server = try MemoryServer(
                PieceCodec(watch: self.watch), configuration: configuration,
                handler: InlineHandler(answer: self.kept.handle))
        }

        /// One that was greeted.
        convenience init(settings: SettingsV1, _ configure: (inout ServerConfiguration) -> Void = { _ in }) throws {
            try self.init(configure)
            self.server.receive(FrameBytes.opening(settings).all)
            #expect(try self.frames() == ["settings"])
        }

        static func greeted(_ configure: (inout ServerConfiguration) -> Void = { _ in }) throws -> Served {
            try Served(settings: SettingsV1(), configure)
        }

        @discardableResult
        func frames() throws -> [String] { try self.log.read(self.server.sent()).map(\.short) }

        /// What the server says to some frames.
        @discardableResult
        func receive(_ bytes: FrameBytes) throws -> [String] {
            self.server.receive(bytes.all)
            return try self.frames()
        }

        /// The handler is done with the body of a request, and all requests are forgotten.
        func drop(_ index: Int) throws {
            self.kept.request(index)?.pipe?.cancel()
            self.kept.forget()
            try self.frames()
        }

        func advance(_ time: TimeAmount) { self.server.loop.advanceTime(by: time) }
        var isOpen: Bool { self.server.channel.isActive }
    }

    @Test("a call is one frame each way; answers come in the order they are given")
    func calls() throws {
        let served = try Served.greeted()
        #expect(try served.receive(FrameBytes().request(1, "a").request(2, "b").request(3, "c")) == [])
        #expect(served.kept.names == ["a", "b", "c"])
        served.kept.respond(1, PieceMessage("B"))
        served.kept.respond(0, PieceMessage("A"))
        #expect(try served.frames() == ["response 2 END B", "response 1 END A"])
        served.kept.respond(1, PieceMessage("again"))
        served.kept.respond(2, PieceMessage("C"))
        #expect(try served.frames() == ["response 3 END C"])
    }

    @Test("a deadline counts from when its request came: the handler is told, and the answer is CANCEL(DEADLINE)")
    func deadline() throws {
        let served = try Served.greeted()
        let told = Mutex<[String]>([])
        try served.receive(
            FrameBytes()
                .message(.request, .end, 1, "late", deadline: 1000)
                .message(.request, .end, 2, "later", deadline: 5000)
                .message(.request, [], 3, "streamed", deadline: 1000)
                .message(.request, .end, 4, "patient", deadline: .max)
                .message(.request, .end, 5, "none", deadline: 0))
        for (index, name) in served.kept.names.enumerated() {
            served.kept.responder(index).onCancel { told.withLock { $0.append(name) } }
        }
        served.advance(.milliseconds(2))
        #expect(told.withLock { $0 } == ["none"])
        served.advance(.milliseconds(997))
        #expect(told.withLock { $0 } == ["none"])
        served.advance(.milliseconds(3))
        #expect(Set(told.withLock { $0 }) == ["none", "late", "streamed"])
        // Not before the handler has returned.
        #expect(try served.frames() == [])
        served.kept.respondToAll()
        #expect(
            try served.frames() == [
                "cancel 1 DEADLINE", "response 2 END later", "cancel 3 DEADLINE", "response 4 END patient",
                "cancel 5 DEADLINE",
            ])
        #expect(served.isOpen)
    }

    @Test("the deadline is over when the head of the answer was sent, whatever follows")
    func deadlineBehindHead() throws {
        let served = try Served.greeted()
        try served.receive(FrameBytes().message(.request, .end, 1, "x", deadline: 1000))
        let pipe = BodyPipe()
        served.kept.respond(0, PieceMessage("head", pipe: pipe))
        _ = pipe.append(ByteBuffer(repeating: 1, count: 10))
        #expect(try served.frames() == ["response 1 head", "data 1 10"])
        served.advance(.seconds(5))
        _ = pipe.append(ByteBuffer(repeating: 1, count: 20))
        pipe.finish()
        #expect(try served.frames() == ["data 1 END 20"])
    }

    @Test("CANCEL tells the handler at once; the terminal frame waits until it has returned; twice is read over")
    func cancel() throws {
        let served = try Served.greeted()
        let told = Mutex(0)
        try served.receive(FrameBytes().request(1, "x"))
        served.kept.responder(0).onCancel { told.withLock { $0 += 1 } }
        #expect(try served.receive(FrameBytes().cancel(1).cancel(1)) == [])
        #expect(told.withLock { $0 } == 1)
        served.kept.respond(0, PieceMessage("too late"))
        #expect(try served.frames() == ["cancel 1 CANCELLED"])
        #expect(try served.receive(FrameBytes().cancel(1)) == [])
        #expect(served.isOpen)
    }

    @Test("a handler that starts its work behind the CANCEL is told when it says how it can be stopped")
    func cancelBefore() throws {
        let served = try Served.greeted()
        try served.receive(FrameBytes().request(1, "x").cancel(1))
        let told = Mutex(0)
        served.kept.responder(0).onCancel { told.withLock { $0 += 1 } }
        #expect(told.withLock { $0 } == 1)
    }

    @Test("a streamed answer to a call that was given up is let go, whenever that was")
    func cancelStreamed() throws {
        let served = try Served.greeted()
        let pipes = [BodyPipe(), BodyPipe(), BodyPipe()]
        for pipe in pipes { _ = pipe.append(ByteBuffer(repeating: 1, count: 10)) }
        try served.receive(FrameBytes().request(1).request(2).request(3))
        // Before the answer, between its head and its body, and behind the head.
        try served.receive(FrameBytes().cancel(1))
        served.kept.respond(0, PieceMessage("x", pipe: pipes[0]))
        #expect(try served.frames() == ["cancel 1 CANCELLED"])
        served.kept.respond(1, PieceMessage("x", pipe: pipes[1]))
        #expect(try served.receive(FrameBytes().cancel(2)).filter { $0.hasPrefix("cancel") } == ["cancel 2 CANCELLED"])
        served.kept.respond(2, PieceMessage("x", pipe: pipes[2]))
        #expect(try served.frames() == ["response 3 x", "data 3 10"])
        #expect(try served.receive(FrameBytes().cancel(3)) == ["cancel 3 CANCELLED"])
        #expect(pipes.map(\.isCancelled) == [true, true, true])
        #expect(served.isOpen)
    }

    @Test("a one-way request is acknowledged with the empty answer, whatever its handler gives")
    func oneWay() throws {
        let served = try Served.greeted()
        try served.receive(FrameBytes().request(1, "event", [.end, .noReply]).request(2, "event", [.end, .noReply]))
        #expect(served.kept.responder(0).isOneWay)
        served.kept.respond(0, PieceMessage("nobody reads this"))
        served.kept.respond(1, PieceMessage("nor this", pipe: BodyPipe()))
        let acknowledged = try served.frames()
        #expect(acknowledged == ["response 1 END ", "response 2 END "])
        #expect(served.log.frames.suffix(2).allSatisfy { $0.header.length == 3 })
    }

    @Test("requests over the limit of streams are refused before they reach a handler; a place is free with the answer")
    func refused() throws {
        let served = try Served { $0.limits.maxConcurrent = 2 }
        #expect(try served.receive(.opening()) == ["settings"])
        #expect(
            try served.receive(FrameBytes().request(1).request(2).request(3).request(4, "x", []).data(4, 100, .end))
                == ["cancel 3 REFUSED", "cancel 4 REFUSED"])
        #expect(served.kept.count == 2)
        served.kept.respond(0, PieceMessage("done"))
        #expect(try served.frames() == ["response 1 END done"])
        #expect(try served.receive(FrameBytes().request(5).request(6)) == ["cancel 6 REFUSED"])
        #expect(served.kept.count == 3)
    }

    @Test("a cancelled request keeps its place until its handler has returned: rapid reset gains nothing")
    func rapidReset() throws {
        let served = try Served { $0.limits.maxConcurrent = 2 }
        try served.receive(.opening())
        var refused = 0
        for id in 1...500 {
            refused += try served.receive(FrameBytes().request(UInt32(id)).cancel(UInt32(id))).count
        }
        #expect(served.kept.count == 2)
        #expect(refused == 498)
        #expect(served.isOpen)
    }

    @Test("heads and inline bodies are held within a budget; a request over it is told that the server is overloaded")
    func overloaded() throws {
        let served = try Served { $0.streamLimits.maxHeldBytes = 100_000 }
        try served.receive(.opening())
        let body = ByteBuffer(repeating: 1, count: 49_000)
        #expect(
            try served.receive(
                FrameBytes().message(.request, .end, 1, "x", body: body).message(.request, .end, 2, "x", body: body)
                    .message(.request, .end, 3, "x", body: body)) == ["cancel 3 OVERLOADED"])
        served.kept.respond(0, PieceMessage("x"))
        try served.frames()
        #expect(try served.receive(FrameBytes().message(.request, .end, 4, "x", body: body)) == [])
        #expect(served.kept.count == 3)
    }

    @Test("an early answer is followed by CANCEL(NO_ERROR); what still comes of the request is read over")
    func early() throws {
        let served = try Served.greeted()
        try served.receive(FrameBytes().request(1, "x", []).data(1, 100))
        served.kept.respond(0, PieceMessage("early"))
        #expect(try served.frames() == ["response 1 END early", "cancel 1 NO_ERROR"])
        #expect(try served.receive(FrameBytes().data(1, 100).data(1, 100, .end)) == [])
        #expect(served.isOpen)
        try served.drop(0)
        #expect(served.watch.living == 0)
    }

    @Test("an early answer with a body is followed by CANCEL(NO_ERROR) at its end")
    func earlyStreamed() throws {
        let served = try Served.greeted()
        try served.receive(FrameBytes().request(1, "x", []).data(1, 100))
        let pipe = BodyPipe(whole: ByteBuffer(repeating: 1, count: 100))
        served.kept.respond(0, PieceMessage("early", pipe: pipe))
        #expect(try served.frames() == ["response 1 early", "data 1 END 100", "cancel 1 NO_ERROR"])
        #expect(try served.receive(FrameBytes().data(1, 100).cancel(1, .noError)) == [])
        try served.drop(0)
        #expect(served.watch.living == 0)
    }

    @Test("informational answers come before the final one, and none behind it")
    func interim() throws {
        let served = try Served.greeted()
        try served.receive(FrameBytes().request(1))
        served.kept.responder(0).inform(PieceMessage("wait"))
        served.kept.responder(0).inform(PieceMessage("more"))
        served.kept.respond(0, PieceMessage("final"))
        served.kept.responder(0).inform(PieceMessage("too late"))
        #expect(
            try served.frames() == ["response 1 INTERIM wait", "response 1 INTERIM more", "response 1 END final"])
    }

    @Test("an answer that cannot be sent is replaced by one that says so, also if it is streamed")
    func unsendable() throws {
        let served = try Served.greeted()
        try served.receive(FrameBytes().request(1).request(2))
        served.kept.respond(0, PieceMessage("unsendable!"))
        let pipe = BodyPipe()
        served.kept.respond(1, PieceMessage("unsendable!", pipe: pipe))
        #expect(try served.frames() == ["response 1 END unsendable", "response 2 END unsendable"])
        #expect(pipe.isCancelled)
    }

    @Test("an answer whose head the client does not accept is replaced")
    func headTooLarge() throws {
        let served = try Served(settings: FramedClientTests.settings { $0.maxHeadSize = 300 })
        try served.receive(FrameBytes().request(1).request(2).request(3))
        served.kept.respond(0, PieceMessage(String(repeating: "x", count: 301)))
        served.kept.respond(1, PieceMessage(String(repeating: "y", count: 300)))
        var secret = PieceMessage(String(repeating: "x", count: 200))
        secret.secrets = ByteBuffer(repeating: 1, count: 101)
        served.kept.respond(2, secret)
        #expect(
            try served.frames() == [
                "response 1 END unsendable", "response 2 END \(String(repeating: "y", count: 300))",
                "response 3 END unsendable",
            ])
    }

    @Test("PING is answered before everything else that waits")
    func ping() throws {
        let served = try Served.greeted()
        try served.receive(FrameBytes().request(1))
        let pipe = BodyPipe()
        _ = pipe.append(ByteBuffer(repeating: 1, count: 60_000))
        served.server.channel.pipeline.fireChannelRead(FrameBytes().ping(42).all)
        served.kept.respond(0, PieceMessage("x", pipe: pipe))
        served.server.channel.pipeline.fireChannelReadComplete()
        let frames = try served.frames()
        #expect(frames.first == "pong")
        #expect(served.log.frames.first { $0.header.type == .pong }?.payload == ByteBuffer(integer: UInt64(42)))
        #expect(frames.count > 3)
    }

    @Test("bodies of several streams leave in turns of at most 16 KiB")
    func turns() throws {
        let served = try Served.greeted()
        try served.receive(FrameBytes().request(1).request(2).request(3))
        for index in 0..<3 {
            served.kept.respond(
                index, PieceMessage("x", pipe: BodyPipe(whole: ByteBuffer(repeating: 1, count: 50_000))))
        }
        let frames = try served.frames().filter { $0.hasPrefix("data") }
        let turn = (1...3).map { "data \($0) 16384" }
        #expect(Array(frames.prefix(6)) == turn + turn)
        #expect(frames.suffix(3) == ["data 1 END 848", "data 2 END 848", "data 3 END 848"])
    }

    @Test("DATA never exceeds the credit of the stream, nor that of the connection, and goes on with each CREDIT")
    func credit() throws {
        let served = try Served(
            settings: FramedClientTests.settings {
                $0.streamCredit = 70_000
                $0.connectionCredit = 100_000
            })
        try served.receive(FrameBytes().request(1).request(2))
        for index in 0..<2 {
            served.kept.respond(
                index,
                PieceMessage("x", body: .whole(ByteBuffer(repeating: 1, count: OutboundBody.firstPiece + 200_000))))
        }
        func data(_ frames: [Frame]) -> [UInt32: Int] {
            frames.filter { $0.header.type == .data }.reduce(into: [:]) {
                $0[$1.header.stream?.rawValue ?? 0, default: 0] += $1.header.length
            }
        }
        try served.frames()
        var sent = data(served.log.frames)
        #expect(sent == [1: 49_152 + 1696, 2: 49_152] || sent.values.reduce(0, +) == 100_000)
        #expect(try served.receive(FrameBytes().credit(1, 200_000)) == [])
        try served.receive(FrameBytes().credit(0, 10_000))
        sent = data(served.log.frames)
        #expect(sent.values.reduce(0, +) == 110_000)
        try served.receive(FrameBytes().credit(0, 1_000_000))
        sent = data(served.log.frames)
        #expect(sent == [1: 200_000, 2: 70_000])
        try served.receive(FrameBytes().credit(2, 130_000))
        sent = data(served.log.frames)
        #expect(sent == [1: 200_000, 2: 200_000])
        #expect(try served.receive(FrameBytes().credit(2, 5000)) == [])
    }

    @Test("a request's body is given credit as it is taken, and its connection also for what is dropped")
    func creditGiven() throws {
        let served = try Served.greeted {
            $0.streamLimits.streamCredit = 100_000
            $0.streamLimits.connectionCredit = 100_000
        }
        try served.receive(FrameBytes().request(1, "taken", []))
        let taker = Taker(try #require(served.kept.request(0)?.pipe), takes: false)
        #expect(try served.receive(FrameBytes().data(1, 60_000).data(1, 40_000)) == [])
        taker.take()
        #expect(try served.frames() == ["credit 1 100000", "credit 100000"])
        // Nobody reads this one.
        try served.receive(FrameBytes().request(2, "dropped", []).data(2, 60_000))
        served.kept.respond(1, PieceMessage("done"))
        #expect(try served.frames() == ["response 2 END done", "cancel 2 NO_ERROR"])
        served.kept.request(1)?.pipe?.cancel()
        #expect(try served.frames() == ["credit 60000"])
        #expect(try served.receive(FrameBytes().data(2, 60_000)) == ["credit 60000"])
        #expect(served.isOpen)
    }

    @Test("a client that half-closes behind its last request still gets every answer, bodies included")
    func halfClose() throws {
        let served = try Served.greeted()
        try served.receive(FrameBytes().request(1, "whole").request(2, "streamed").request(3, "cut", []))
        let cut = Taker(try #require(served.kept.request(2)?.pipe))
        served.server.receiveEnd()
        #expect(cut.error != nil)
        served.kept.respond(0, PieceMessage("a"))
        let pipe = BodyPipe()
        served.kept.respond(1, PieceMessage("b", pipe: pipe))
        served.kept.respond(2, PieceMessage("c"))
        _ = pipe.append(ByteBuffer(repeating: 1, count: 1000))
        let frames = try served.frames()
        #expect(frames.contains("response 1 END a"))
        #expect(frames.contains("data 2 1000"))
        #expect(served.isOpen)
        pipe.finish()
        #expect(try served.frames() == ["data 2 END 0"])
        #expect(!served.isOpen)
        #expect(served.server.server.connectionCount == 0)
    }

    @Test("a client that vanishes has its handlers told, its bodies broken off and its places given back")
    func vanishes() throws {
        let served = try Served.greeted()
        let told = Mutex(0)
        try served.receive(FrameBytes().request(1).request(2, "x", []).data(2, 10).request(3))
        for index in 0..<2 { served.kept.responder(index).onCancel { told.withLock { $0 += 1 } } }
        let taker = Taker(try #require(served.kept.request(1)?.pipe))
        let pipe = BodyPipe()
        served.kept.respond(2, PieceMessage("x", pipe: pipe))
        try served.frames()
        try served.server.channel.close().wait()
        served.server.loop.run()
        #expect(told.withLock { $0 } == 2)
        #expect(taker.error != nil)
        #expect(pipe.isCancelled)
        #expect(served.server.server.connectionCount == 0)
        served.kept.respond(0, PieceMessage("to nobody"))
        let late = BodyPipe()
        served.kept.respond(1, PieceMessage("to nobody", pipe: late))
        #expect(late.isCancelled)
    }
}
