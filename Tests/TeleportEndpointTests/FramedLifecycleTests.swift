import NIOCore
import NIOEmbedded
import Synchronization
import TeleportCompress
import TeleportRPC
import TeleportTransport
import TeleportWire
import Testing

@testable import TeleportEndpoint

/// What time does to a v1 connection, and how it ends; on a clock that stands still.
@Suite("The life of a v1 connection")
struct FramedLifecycleTests {
    static let codecs: [CompressionCodec] = [.flate, .snappy, .lz4, .zstd]

    @Test("a drain in two steps takes what was on its way, answers everything, and then the connection ends")
    func drain() throws {
        let kept = Kept()
        let pair = try FramedPair(server: { $0.streamLimits.maxAge = .seconds(10) }, answer: kept.handle)
        try pair.run()
        try pair.client.call("before", PieceMessage("before"))
        try pair.run()
        pair.loop.advanceTime(by: .seconds(10))
        let goAway = pair.server.sent()
        #expect(try pair.serverLog.read(goAway).map(\.short) == ["goAway all NO_ERROR", "ping"])
        // Made before the client knew.
        try pair.client.call("crossing", PieceMessage("crossing"))
        let crossing = pair.client.sent()
        try pair.client.log.read(crossing)
        pair.client.receive(goAway)
        #expect(try pair.client.call("after", PieceMessage("after")) == nil)
        pair.server.receive(crossing)
        try pair.run()
        #expect(kept.names == ["before", "crossing"])
        #expect(pair.serverLog.frames.last?.short == "goAway 2 NO_ERROR")
        #expect(pair.client.channel.isActive)
        kept.respond(1, PieceMessage("1"))
        try pair.run()
        #expect(pair.client.channel.isActive)
        kept.respond(0, PieceMessage("0"))
        try pair.run()
        #expect(try pair.client.outcomes.only("before")?.get().text == "0")
        #expect(try pair.client.outcomes.only("crossing")?.get().text == "1")
        pair.server.receiveEnd()
        pair.client.receiveEnd()
        #expect(!pair.client.channel.isActive)
        #expect(!pair.server.channel.isActive)
        #expect(pair.client.closed == 1)
        #expect(pair.server.server.connectionCount == 0)
    }

    @Test("a request behind the last stream of a drain is not executed, and the client is told so")
    func behindTheLast() throws {
        let served = try FramedServerTests.Served.greeted { $0.streamLimits.maxAge = .seconds(10) }
        try served.receive(FrameBytes().request(1))
        served.advance(.seconds(10))
        #expect(try served.frames() == ["goAway all NO_ERROR", "ping"])
        let ping = try #require(served.log.frames.last?.payload)
        #expect(try served.receive(FrameBytes().request(2).frame(.pong, [], 0, ping)) == ["goAway 2 NO_ERROR"])
        // A client that has not read it yet.
        #expect(
            try served.receive(
                FrameBytes().frame(.secrets, [], 3, ByteBuffer(string: "s")).request(3, "x", []).data(3, 10).request(4)
                    .cancel(3).credit(3, 10_000)) == [])
        #expect(served.kept.count == 2)
        #expect(served.isOpen)
        served.kept.respondToAll()
        #expect(try served.frames() == ["response 1 END request", "response 2 END request"])
    }

    @Test("calls behind the last stream of a drain, and those that wait, are given back as not executed")
    func refusedByDrain() throws {
        let client = try FramedClientTests.settled(FramedClientTests.settings { $0.maxStreams = 3 })
        let pipe = BodyPipe()
        try client.call("1", PieceMessage("x"))
        try client.call("2", PieceMessage("x", pipe: pipe))
        try client.call("3", PieceMessage("x"))
        try client.call("4", PieceMessage("x"))
        try client.frames()
        client.receive(FrameBytes().goAway(.max).ping(3))
        #expect(try client.frames() == ["pong"])
        #expect(client.outcomes.error("4")?.code == .refused)
        client.receive(FrameBytes().goAway(1))
        for name in ["2", "3"] {
            let error = client.outcomes.error(name)
            #expect(error?.code == .refused)
            #expect(error?.possiblyExecuted == false)
        }
        #expect(pipe.isCancelled)
        #expect(client.channel.isActive)
        client.receive(FrameBytes().response(1))
        #expect(try client.outcomes.only("1")?.get().text == "response")
        client.receiveEnd()
        #expect(client.closed == 1)
        #expect(client.leftovers == [])
    }

    @Test("a drain waits for bodies that are under way, both ways")
    func drainWithBodies() throws {
        let kept = Kept()
        let pair = try FramedPair(server: { $0.streamLimits.maxAge = .seconds(10) }, answer: kept.handle)
        let (up, down) = (BodyPipe(), BodyPipe())
        try pair.client.call("call", PieceMessage("x", pipe: up))
        try pair.run()
        kept.respond(0, PieceMessage("x", pipe: down))
        try pair.run()
        let received = Taker(try #require(kept.request(0)?.pipe))
        let answer = Taker(try #require(try pair.client.outcomes.only("call")?.get().pipe))
        try pair.pass(11)
        for _ in 0..<10 {
            _ = up.append(ByteBuffer(repeating: 1, count: 100_000))
            _ = down.append(ByteBuffer(repeating: 2, count: 100_000))
            try pair.run()
        }
        #expect(received.count == 1_000_000)
        #expect(answer.count == 1_000_000)
        #expect(pair.client.channel.isActive)
        up.finish()
        try pair.run()
        #expect(received.isComplete)
        #expect(pair.client.channel.isActive)
        down.finish(trailers: "sum")
        try pair.run()
        #expect(answer.trailers == "sum")
        pair.server.receiveEnd()
        pair.client.receiveEnd()
        #expect(pair.client.closed == 1)
        #expect(pair.server.server.connectionCount == 0)
    }

    @Test("a drain whose PING is not answered ends the connection when the answer's time is over")
    func drainWithoutPong() throws {
        let served = try FramedServerTests.Served.greeted { $0.streamLimits.maxAge = .seconds(10) }
        let told = Mutex(0)
        try served.receive(FrameBytes().request(1))
        served.kept.responder(0).onCancel { told.withLock { $0 += 1 } }
        served.advance(.seconds(10))
        #expect(try served.frames() == ["goAway all NO_ERROR", "ping"])
        served.advance(.milliseconds(9900))
        #expect(try served.frames() == [])
        served.advance(.milliseconds(200))
        #expect(try served.frames() == ["goAway 1 TIMEOUT"])
        #expect(told.withLock { $0 } == 1)
        served.server.receiveEnd()
        #expect(!served.isOpen)
    }

    @Test("a server closes a connection that was idle for as long as it may, and none with a stream on it")
    func serverIdle() throws {
        let kept = Kept()
        let pair = try FramedPair(server: { $0.streamLimits.maxIdle = .seconds(10) }, answer: kept.handle)
        try pair.client.call("long", PieceMessage("x"), timeout: .hours(1))
        try pair.pass(60)
        #expect(pair.client.channel.isActive)
        kept.respondToAll()
        try pair.run()
        for index in 0..<10 {
            try pair.pass(9)
            #expect(try pair.client.call("\(index)", PieceMessage("x")) != nil)
            try pair.run()
            kept.respondToAll()
            try pair.run()
        }
        try pair.pass(12)
        #expect(try pair.client.call("late", PieceMessage("x")) == nil)
        pair.server.receiveEnd()
        pair.client.receiveEnd()
        #expect(pair.client.closed == 1)
        for name in ["long"] + (0..<10).map({ "\($0)" }) {
            #expect(try pair.client.outcomes.only(name)?.get().text == "x")
        }
    }

    @Test("PING and PONG keep no connection from being idle, whoever asks", arguments: [true, false])
    func pingsAreIdle(serverAsks: Bool) throws {
        let kept = Kept()
        let pings = { (limits: inout StreamLimits) in limits.pingAfter = .seconds(3) }
        let idles = { (limits: inout StreamLimits) in limits.maxIdle = .seconds(10) }
        let pair = try FramedPair(
            client: { serverAsks ? idles(&$0.streamLimits) : pings(&$0.streamLimits) },
            server: { serverAsks ? pings(&$0.streamLimits) : idles(&$0.streamLimits) }, answer: kept.handle)
        try pair.run()
        try pair.client.call("call", PieceMessage("x"))
        try pair.run()
        kept.respondToAll()
        try pair.pass(9)
        #expect(pair.client.channel.isActive)
        let frames = (serverAsks ? pair.serverLog : pair.client.log).frames.map(\.short)
        #expect(frames.count { $0.hasPrefix("ping") } >= 2)
        try pair.pass(3)
        #expect(try pair.client.call("late", PieceMessage("x")) == nil)
        pair.server.receiveEnd()
        pair.client.receiveEnd()
        #expect(pair.client.closed == 1)
        #expect(pair.server.server.connectionCount == 0)
        #expect(try pair.client.outcomes.only("call")?.get().text == "x")
    }

    @Test("a client closes a connection that was idle for as long as it may, and none with a stream on it")
    func clientIdle() throws {
        let kept = Kept()
        let pair = try FramedPair(client: { $0.streamLimits.maxIdle = .seconds(10) }, answer: kept.handle)
        try pair.client.call("long", PieceMessage("x"))
        try pair.pass(30)
        #expect(pair.client.channel.isActive)
        kept.respondToAll()
        for index in 0..<10 {
            try pair.pass(9)
            #expect(try pair.client.call("\(index)", PieceMessage("x")) != nil)
            try pair.run()
            kept.respondToAll()
            try pair.run()
        }
        try pair.pass(9)
        #expect(pair.client.channel.isActive)
        try pair.pass(3)
        #expect(try pair.client.call("late", PieceMessage("x")) == nil)
        pair.server.receiveEnd()
        pair.client.receiveEnd()
        #expect(pair.client.closed == 1)
        #expect(try pair.client.outcomes.only("long")?.get().text == "x")
    }

    @Test(
        "a connection of the client's that is old enough takes no more calls, gives places to those that wait, and ends"
    )
    func clientAge() throws {
        let kept = Kept()
        let pair = try FramedPair(
            client: { $0.streamLimits.maxAge = .seconds(10) }, server: { $0.limits.maxConcurrent = 1 },
            answer: kept.handle)
        try pair.run()
        try pair.client.call("1", PieceMessage("1"))
        try pair.client.call("2", PieceMessage("2"))
        try pair.pass(11)
        #expect(try pair.client.call("3", PieceMessage("3")) == nil)
        kept.respondToAll()
        try pair.run()
        kept.respondToAll()
        try pair.run()
        #expect(try pair.client.outcomes.only("1")?.get().text == "1")
        #expect(try pair.client.outcomes.only("2")?.get().text == "2")
        pair.server.receiveEnd()
        pair.client.receiveEnd()
        #expect(pair.client.closed == 1)
    }

    @Test("silence is broken by a PING; a PONG in time keeps the connection, for ever")
    func pings() throws {
        let pair = try FramedPair { request, responder in responder.respond(request) }
        try pair.client.call("call", PieceMessage("x"))
        try pair.run()
        func count(_ log: FrameLog, _ type: FrameType) -> Int { log.frames.count { $0.header.type == type } }
        try pair.pass(29)
        #expect(count(pair.client.log, .ping) + count(pair.serverLog, .ping) == 0)
        try pair.pass(2)
        #expect(count(pair.client.log, .ping) + count(pair.serverLog, .ping) > 0)
        #expect(
            count(pair.client.log, .ping) == count(pair.serverLog, .pong)
                && count(pair.serverLog, .ping) == count(pair.client.log, .pong))
        try pair.pass(600)
        #expect(pair.client.channel.isActive)
        // Not more often than there is silence.
        #expect(count(pair.client.log, .ping) + count(pair.serverLog, .ping) <= 2 * 21)
    }

    @Test("traffic needs no PING")
    func trafficInsteadOfPings() throws {
        let pair = try FramedPair { request, responder in responder.respond(request) }
        for index in 0..<100 {
            try pair.client.call("\(index)", PieceMessage("x"))
            try pair.pass(1)
        }
        #expect(!pair.client.log.frames.contains { $0.header.type == .ping })
        #expect(!pair.serverLog.frames.contains { $0.header.type == .ping })
    }

    @Test("a server that does not answer a PING is given up: its calls fail, possibly executed")
    func clientGivesUp() throws {
        let client = try FramedClientTests.settled()
        try client.call("call", PieceMessage("x"), timeout: .hours(1))
        try client.frames()
        client.loop.advanceTime(by: .seconds(31))
        #expect(try client.frames() == ["ping"])
        client.loop.advanceTime(by: .seconds(8))
        #expect(client.outcomes.count == 0)
        client.loop.advanceTime(by: .seconds(3))
        let error = client.outcomes.error("call")
        #expect(error?.code == .connectionClosed)
        #expect(error?.message.contains("PING") == true)
        #expect(error?.possiblyExecuted == true)
        #expect(client.closed == 1)
    }

    @Test("a client that does not answer a PING is told so and given up, with its handlers")
    func serverGivesUp() throws {
        let served = try FramedServerTests.Served.greeted()
        let told = Mutex(0)
        try served.receive(FrameBytes().request(1))
        served.kept.responder(0).onCancel { told.withLock { $0 += 1 } }
        served.advance(.seconds(31))
        #expect(try served.frames() == ["ping"])
        served.advance(.seconds(11))
        #expect(try served.frames() == ["goAway 1 TIMEOUT"])
        #expect(told.withLock { $0 } == 1)
        served.server.receiveEnd()
        #expect(served.server.server.connectionCount == 0)
    }

    @Test(
        "histories are released after 5 s without traffic, on both sides, and traffic afterwards works",
        arguments: codecs)
    func release(codec: CompressionCodec) throws {
        let pair = try FramedPair(
            client: { $0.compression = codec }, server: { $0.compression = codec }
        ) { request, responder in responder.respond(request) }
        let text = String(repeating: "compressible ", count: 200)
        for round in 0..<5 {
            for index in 0..<10 { try pair.client.call("\(round) \(index)", PieceMessage("\(index) \(text)")) }
            try pair.run()
            let coded = (pair.client.log.blocks.count, pair.serverLog.blocks.count)
            try pair.pass(4)
            #expect(pair.client.log.blocks.count == coded.0)
            try pair.pass(2)
            let releases = pair.client.log.blocks.dropFirst(coded.0).count { $0.header.releases }
            // Snappy has none.
            #expect(releases == (codec == .snappy ? 0 : 1))
            #expect(pair.serverLog.blocks.dropFirst(coded.1).count { $0.header.releases } == releases)
            #expect(pair.client.connection.stream.value?.output.hasHistory == false)
            for index in 0..<10 {
                #expect(try pair.client.outcomes.only("\(round) \(index)")?.get().text == "\(index) \(text)")
            }
            // Nothing more is to be said.
            let quiet = try pair.pass(10)
            #expect(quiet == 0)
        }
    }

    @Test("a connection that compresses nothing has nothing to release")
    func nothingToRelease() throws {
        let pair = try FramedPair { request, responder in responder.respond(request) }
        try pair.client.call("call", PieceMessage("x"))
        try pair.run()
        let quiet = try pair.pass(20)
        #expect(quiet == 0)
    }

    @Test("an answer that its caller leaves unread for too long is cancelled with SLOW; others notice nothing")
    func slowCaller() throws {
        let kept = Kept()
        let pair = try FramedPair(answer: kept.handle)
        let (slow, quick) = (BodyPipe(), BodyPipe())
        for name in ["slow", "quick"] { try pair.client.call(name, PieceMessage(name)) }
        try pair.run()
        kept.respond(0, PieceMessage("slow", pipe: slow))
        kept.respond(1, PieceMessage("quick", pipe: quick))
        _ = slow.append(ByteBuffer(repeating: 1, count: 1 << 20))
        try pair.run()
        let unread = Taker(try #require(try pair.client.outcomes.only("slow")?.get().pipe), takes: false)
        let read = Taker(try #require(try pair.client.outcomes.only("quick")?.get().pipe))
        for _ in 0..<58 {
            _ = quick.append(ByteBuffer(repeating: 2, count: 10_000))
            try pair.pass(1)
        }
        #expect(!slow.isCancelled)
        try pair.pass(4)
        #expect(slow.isCancelled)
        unread.take()
        #expect(unread.count == 262_144)
        #expect(unread.error?.code == .timedOut)
        #expect(pair.client.log.frames.contains { $0.short == "cancel 1 SLOW" })
        quick.finish()
        try pair.run()
        #expect(read.isComplete)
        #expect(read.count == 580_000)
        #expect(pair.client.leftovers == [])
    }

    @Test("a caller that takes a little now and then is not slow")
    func leisurelyCaller() throws {
        let kept = Kept()
        let pair = try FramedPair(answer: kept.handle)
        try pair.client.call("call", PieceMessage("x"))
        try pair.run()
        let pipe = BodyPipe()
        kept.respond(0, PieceMessage("x", pipe: pipe))
        _ = pipe.append(ByteBuffer(repeating: 1, count: 2 << 20))
        pipe.finish()
        try pair.run()
        let taker = Taker(try #require(try pair.client.outcomes.only("call")?.get().pipe), takes: false)
        while !taker.isComplete, taker.error == nil {
            taker.take(atMost: 70_000)
            try pair.pass(50)
        }
        #expect(taker.count == 2 << 20)
        #expect(taker.isComplete)
    }

    @Test(
        "a request that its handler leaves unread for too long is answered with SLOW when it returns; others notice nothing"
    )
    func slowHandler() throws {
        let kept = Kept()
        let pair = try FramedPair(answer: kept.handle)
        let told = Mutex(0)
        let pipe = BodyPipe()
        try pair.client.call("slow", PieceMessage("slow", pipe: pipe), timeout: .hours(1))
        try pair.client.call("patient", PieceMessage("patient"), timeout: .hours(1))
        _ = pipe.append(ByteBuffer(repeating: 1, count: 1 << 20))
        try pair.run()
        kept.responder(0).onCancel { told.withLock { $0 += 1 } }
        let taker = Taker(try #require(kept.request(0)?.pipe), takes: false)
        try pair.pass(63)
        #expect(told.withLock { $0 } == 1)
        taker.take()
        #expect(taker.error != nil)
        // Its terminal frame is owed until it has returned.
        #expect(!pair.serverLog.frames.contains { $0.short == "cancel 1 SLOW" })
        kept.respond(0, PieceMessage("too late"))
        try pair.run()
        #expect(pair.serverLog.frames.contains { $0.short == "cancel 1 SLOW" })
        #expect(pipe.isCancelled)
        #expect(pair.client.outcomes.error("slow")?.possiblyExecuted == true)
        kept.respond(1, PieceMessage("in time"))
        try pair.run()
        #expect(try pair.client.outcomes.only("patient")?.get().text == "in time")
        #expect(pair.client.leftovers == [])
    }

    @Test(
        "a client that says nothing, or stops within its preface, is closed when the handshake's time is over",
        arguments: 0...15)
    func handshake(count: Int) throws {
        let served = try FramedServerTests.Served()
        let preface = FrameBytes().preface().all
        if count > 0, let part = preface.getSlice(at: 0, length: count) { served.server.receive(part) }
        served.advance(.milliseconds(2990))
        #expect(served.isOpen)
        served.advance(.milliseconds(20))
        #expect(!served.isOpen)
        #expect(served.server.server.connectionCount == 0)
        #expect(served.server.sent().readableBytes == 0)
    }

    @Test("behind its preface a client may be silent for as long as it answers PINGs")
    func silentClient() throws {
        let served = try FramedServerTests.Served.greeted()
        for _ in 0..<100 {
            served.advance(.seconds(31))
            #expect(try served.frames() == ["ping"])
            let ping = try #require(served.log.frames.last?.payload)
            #expect(try served.receive(FrameBytes().frame(.pong, [], 0, ping)) == [])
        }
        #expect(served.isOpen)
    }
}
