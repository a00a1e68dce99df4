import NIOCore
import NIOEmbedded
import Synchronization
import TeleportCompress
import TeleportRPC
import TeleportTestKit
import TeleportTransport
import TeleportWire
import TestTraits
import Testing

@testable import TeleportEndpoint

/// Rules of one connection that need neither a socket nor real time.
@Suite("One connection, in memory", .computing)
struct ConnectionTests {
    static let echo: @Sendable (TLVRequest, Responder<TLVResponse>) -> Void = { request, responder in
        responder.respond(TLVResponse(value: request.value))
    }

    static func client(_ configure: (inout ClientConfiguration) -> Void = { _ in }) throws -> MemoryClient<TLVCodec> {
        var configuration = ClientConfiguration(address: .unix(path: "/nowhere"), identity: TLVBytes.identity)
        configure(&configuration)
        return try MemoryClient(TLVCodec(), configuration: configuration)
    }

    @Test("calls made while connecting wait, and go out with the end of the handshake in one write")
    func handshakeThenCalls() throws {
        let client = try Self.client()
        try client.call("a", TLVRequest(name: "", value: "1"))
        try client.open()
        try client.call("b", TLVRequest(name: "", value: "2"))
        #expect(Array(client.sent().readableBytesView) == TLVBytes.preface())
        client.receive(ByteBuffer(bytes: TLVBytes.preface()))
        let both = ByteBuffer(joining: [TLVBytes.request(1, value: "1"), TLVBytes.request(2, value: "2")])
        #expect(client.sent() == both)
        #expect(client.established.count == 1)
    }

    @Test("hostile answers reach nobody: unknown ids, id 0, a second answer to the same call")
    func hostileAnswers() throws {
        let client = try Self.client()
        try client.open()
        client.receive(ByteBuffer(bytes: TLVBytes.preface()))
        try client.call("a", TLVRequest(name: "", value: ""))
        try client.call("b", TLVRequest(name: "", value: ""))
        client.receive(
            ByteBuffer(joining: [
                TLVBytes.answer(0, "zero"), TLVBytes.answer(77, "unknown"), TLVBytes.answer(.max, "unknown"),
                TLVBytes.answer(2, "mine"), TLVBytes.answer(2, "again"), TLVBytes.answer(0, "zero"),
            ]))
        #expect(try client.outcomes.only("b")?.get() == TLVResponse("mine"))
        #expect(client.outcomes["a"].isEmpty)
        client.receive(TLVBytes.answer(1, "mine too"))
        #expect(try client.outcomes.only("a")?.get() == TLVResponse("mine too"))
        #expect(client.channel.isActive)
    }

    @Test("a late answer is dropped, and its connection goes on", arguments: [UInt32(1), .max - 1, .max])
    func lateAnswer(firstID: UInt32) throws {
        let held = Mutex<[Responder<TLVResponse>]>([])
        let pair = try MemoryPair { request, responder in
            if request.name.readableBytes > 0 { return held.withLock { $0.append(responder) } }
            responder.respond(TLVResponse(value: request.value))
        }
        pair.client.connection.state.withLock {
            $0.machine = ClientStateMachine(limits: .init(), firstID: CallID(rawValue: firstID))
        }
        try pair.client.call("late", TLVRequest(name: "hold", value: "old"), timeout: .milliseconds(50))
        pair.run()
        pair.loop.advanceTime(by: .milliseconds(60))
        #expect(pair.client.outcomes.error("late")?.code == .timedOut)
        #expect(pair.client.outcomes.error("late")?.possiblyExecuted == true)
        for index in 0..<5000 {
            try pair.client.call("\(index)", TLVRequest(name: "", value: "\(index)"))
            if index == 2500 {
                for responder in held.withLock({ $0 }) { responder.respond(TLVResponse("old")) }
            }
            if index % 100 == 99 { pair.run() }
        }
        pair.run()
        for index in 0..<5000 {
            #expect(try pair.client.outcomes.only("\(index)")?.get() == TLVResponse("\(index)"))
        }
        #expect(pair.client.outcomes["late"].count == 1)
    }

    @Test("deadlines fire within their slack and never early, with the call's own time")
    func deadlines() throws {
        let pair = try MemoryPair { _, _ in }
        try pair.client.call("20", TLVRequest(name: "", value: ""), timeout: .milliseconds(20))
        try pair.client.call("10", TLVRequest(name: "", value: ""), timeout: .milliseconds(10))
        try pair.client.call("500", TLVRequest(name: "", value: ""), timeout: .milliseconds(500))
        pair.run()
        pair.loop.advanceTime(by: .nanoseconds(9_999_999))
        #expect(pair.client.outcomes.count == 0)
        pair.loop.advanceTime(by: .milliseconds(5))
        #expect(pair.client.outcomes.error("10")?.code == .timedOut)
        #expect(pair.client.outcomes["20"].isEmpty)
        pair.loop.advanceTime(by: .milliseconds(10))
        #expect(pair.client.outcomes.error("20")?.code == .timedOut)
        pair.loop.advanceTime(by: .milliseconds(470))
        #expect(pair.client.outcomes["500"].isEmpty)
        pair.loop.advanceTime(by: .milliseconds(15))
        #expect(pair.client.outcomes.error("500")?.code == .timedOut)
    }

    @Test("a call without a limit to speak of, or with none left, crashes nobody")
    func oddTimeouts() throws {
        let pair = try MemoryPair(answer: Self.echo)
        try pair.client.call("forever", TLVRequest(name: "", value: "x"), timeout: .nanoseconds(.max))
        pair.run()
        #expect(try pair.client.outcomes.only("forever")?.get() == TLVResponse("x"))
        try pair.client.call("past", TLVRequest(name: "", value: "x"), timeout: .nanoseconds(-1))
        pair.loop.advanceTime(by: .milliseconds(5))
        #expect(pair.client.outcomes.error("past")?.code == .timedOut)
    }

    @Test("a server that is silent after accepting fails the calls as such when the handshake's time is over")
    func silentServer() throws {
        let client = try Self.client { $0.handshakeTimeout = .seconds(3) }
        try client.open()
        try client.call("a", TLVRequest(name: "", value: ""), timeout: .seconds(10))
        client.loop.advanceTime(by: .milliseconds(2999))
        #expect(client.outcomes.count == 0)
        client.loop.advanceTime(by: .milliseconds(1))
        #expect(client.outcomes.error("a")?.code == .handshakeFailed)
        #expect(client.outcomes.error("a")?.possiblyExecuted == false)
        #expect(client.closed == 1)
    }

    @Test("a deadline shorter than the handshake's wins, and names what it waited for (D8)")
    func deadlineDuringHandshake() throws {
        let client = try Self.client { $0.handshakeTimeout = .seconds(3) }
        try client.open()
        try client.call("a", TLVRequest(name: "", value: ""), timeout: .seconds(1))
        client.loop.advanceTime(by: .milliseconds(1005))
        let error = client.outcomes.error("a")
        #expect(error?.code == .timedOut)
        #expect(error?.possiblyExecuted == false)
        #expect((error?.cause as? RPCError)?.code == .handshakeFailed)
    }

    @Test("unsent messages have a limit in bytes; the call over it fails alone and nothing of it is sent")
    func outboundBufferFull() throws {
        let client = try Self.client { $0.maxOutboundBytes = 100 }
        try client.open()
        try client.call("a", TLVRequest(name: "", value: String(repeating: "x", count: 100)))
        let error = #expect(throws: RPCError.self) { try client.call("b", TLVRequest(name: "", value: "y")) }
        #expect(error?.code == .outboundBufferFull)
        #expect(error?.possiblyExecuted == false)
        #expect(throws: RPCError.self) { try client.connection.sendOneWay(TLVRequest(name: "", value: "z")) }
        client.receive(ByteBuffer(bytes: TLVBytes.preface()))
        _ = client.sent()
        try client.call("c", TLVRequest(name: "", value: "y"))
        #expect(client.sent() == TLVBytes.request(2, value: "y"))
    }

    @Test("a message that cannot be encoded leaves no byte and no id behind")
    func unsendable() throws {
        let client = try Self.client()
        try client.open()
        client.receive(ByteBuffer(bytes: TLVBytes.preface()))
        _ = client.sent()
        let tooLong = TLVRequest(name: ByteBuffer(string: "n"), value: ByteBuffer(repeating: 0, count: (1 << 20) + 1))
        #expect(throws: RPCError.self) { try client.call("a", tooLong) }
        try client.call("b", TLVRequest(name: "", value: "y"))
        #expect(client.sent() == TLVBytes.request(1, value: "y"))
    }

    @Test("serial mode with handlers that answer at once: one after the other, in order, without a crash")
    func serialAndImmediate() throws {
        for codec in [CompressionCodec.none, .flate] {
            let order = Mutex<[String]>([])
            let pair = try MemoryPair(
                client: { $0.compression = codec }, server: { $0.limits.serial = true }
            ) { request, responder in
                order.withLock { $0.append(String(buffer: request.value)) }
                responder.respond(TLVResponse(value: request.value))
            }
            for index in 0..<50 { try pair.client.call("\(index)", TLVRequest(name: "", value: "\(index)")) }
            pair.run()
            #expect(order.withLock { $0 } == (0..<50).map { "\($0)" })
            for index in 0..<50 {
                #expect(try pair.client.outcomes.only("\(index)")?.get() == TLVResponse("\(index)"))
            }
        }
    }

    @Test("serial mode with handlers that answer later: the next request waits for the answer before it")
    func serialAndLater() throws {
        for codec in [CompressionCodec.none, .flate] {
            let held = Mutex<[Responder<TLVResponse>]>([])
            let pair = try MemoryPair(
                client: { $0.compression = codec }, server: { $0.limits.serial = true }
            ) { request, responder in
                held.withLock { $0.append(responder) }
            }
            for index in 0..<5 { try pair.client.call("\(index)", TLVRequest(name: "", value: "")) }
            pair.run()
            for index in 0..<5 {
                let responders = held.withLock { $0 }
                #expect(responders.count == index + 1)
                responders.last?.respond(TLVResponse("\(index)"))
                pair.run()
                #expect(try pair.client.outcomes.only("\(index)")?.get() == TLVResponse("\(index)"))
            }
        }
    }

    @Test("answers over the high mark pause reading only until they are written, also if the socket never filled up")
    func backPressureEnds() throws {
        // Compressed, a megabyte of answers is a few kilobytes: the socket takes it at once and has nothing to say.
        let pair = try MemoryPair(
            server: {
                $0.compression = .flate
                $0.outboundHighMark = 65536
            }
        ) { _, responder in
            responder.respond(TLVResponse(String(repeating: "x", count: 100_000)))
        }
        for round in 0..<5 {
            for index in 0..<10 { try pair.client.call("\(round).\(index)", TLVRequest(name: "", value: "")) }
            pair.run()
        }
        #expect(pair.client.outcomes.count == 50)
    }

    @Test("a peer that does not read its answers is not read from")
    func backPressureBegins() throws {
        let handled = Mutex(0)
        let pair = try MemoryPair { request, responder in
            handled.withLock { $0 += 1 }
            responder.respond(TLVResponse(value: request.value))
        }
        try pair.client.call("a", TLVRequest(name: "", value: ""))
        pair.run()
        pair.server.channel.isWritable = false
        pair.server.channel.pipeline.fireChannelWritabilityChanged()
        try pair.client.call("b", TLVRequest(name: "", value: ""))
        pair.run()
        #expect(handled.withLock { $0 } == 1)
        pair.server.channel.isWritable = true
        pair.server.channel.pipeline.fireChannelWritabilityChanged()
        pair.run()
        #expect(handled.withLock { $0 } == 2)
        #expect(pair.client.outcomes.count == 2)
    }

    @Test("one-way messages are sent before a client that shuts down closes, also if it has to connect first")
    func oneWayThenDrain() throws {
        let handled = Mutex(0)
        let pair = try MemoryPair { _, _ in handled.withLock { $0 += 1 } }
        #expect(try pair.client.connection.sendOneWay(TLVRequest(name: "", value: "event")))
        pair.client.connection.drain()
        pair.run()
        #expect(handled.withLock { $0 } == 1)
    }

    @Test("answers are matched in all mixes of codecs, however the bytes are cut", arguments: CallTests.codecs)
    func cuts(codec: CompressionCodec) throws {
        var random = SeededRandom()
        let pair = try MemoryPair(
            client: { $0.compression = codec }, server: { $0.compression = codec }, answer: Self.echo)
        for index in 0..<200 {
            let text = String(repeating: "\(index) ", count: Int.random(in: 0...200, using: &random))
            try pair.client.call(text + "#\(index)", TLVRequest(name: "n", value: text))
        }
        for _ in 0..<4 {
            var requests = pair.client.sent()
            while requests.readableBytes > 0 {
                let length = Swift.min(requests.readableBytes, Int.random(in: 1...50, using: &random))
                if let piece = requests.readSlice(length: length) { pair.server.receive(piece) }
            }
            var answers = pair.server.sent()
            while answers.readableBytes > 0 {
                let length = Swift.min(answers.readableBytes, Int.random(in: 1...50, using: &random))
                if let piece = answers.readSlice(length: length) { pair.client.receive(piece) }
            }
        }
        #expect(pair.client.outcomes.count == 200, "\(random)")
    }
}
