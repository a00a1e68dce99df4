import NIOCore
import NIOEmbedded
import NetworkTestSupport
import Synchronization
import TeleportCompress
import TeleportEndpoint
import TeleportRPC
import TeleportTestKit
import TeleportTransport
import TestTraits
import Testing

@Suite("Clients that mean no good", .timeLimit(.minutes(10)))
struct HostileClientTests {
    struct Opening: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: [UInt8]
        /// What the server says before it closes.
        var reply: [UInt8] = []
        var testDescription: String { self.name }
    }

    @Test(
        "a handshake that is not acceptable is refused, without a byte or with the server's own handshake, and closed",
        arguments: [
            Opening(name: "HTTP", bytes: Array("GET / HTTP/1.1\r\n\r\n".utf8)),
            Opening(name: "TLS", bytes: [0x16, 3, 1, 2, 0, 1]),
            Opening(name: "one wrong byte", bytes: [0]),
            Opening(name: "wrong version", bytes: TLVBytes.preface(version: 6)),
            Opening(name: "unknown codec", bytes: TLVBytes.preface(77), reply: TLVBytes.preface()),
            Opening(name: "TLS that is not configured", bytes: TLVBytes.preface(tls: 1), reply: TLVBytes.preface()),
            Opening(name: "TLS by another number", bytes: TLVBytes.preface(tls: 2), reply: TLVBytes.preface()),
        ])
    func handshake(_ opening: Opening) async throws {
        try await withTLVPair { client, server in
            let peer = try await RawPeer.connect(to: try #require(server.addresses.first))
            peer.write(opening.bytes)
            let reply = await peer.readToEnd()
            #expect(Array(reply.readableBytesView) == opening.reply)
            await peer.close()
            let innocent = try await client.call(TLVRequest(name: "", value: "x"))
            #expect(innocent == TLVResponse("x"))
        }
    }

    @Test("a client that says nothing, or stops in the middle, is closed when the handshake's time is over")
    func silent() throws {
        for bytes in [[], Array(TLVBytes.preface().prefix(5))] {
            let server = try Self.memoryServer()
            if !bytes.isEmpty { server.receive(ByteBuffer(bytes: bytes)) }
            server.loop.advanceTime(by: .milliseconds(2999))
            #expect(server.channel.isActive)
            server.loop.advanceTime(by: .milliseconds(1))
            #expect(!server.channel.isActive)
            #expect(server.server.connectionCount == 0)
        }
    }

    @Test("once the handshake is done a connection may be idle for ever")
    func idle() throws {
        let server = try Self.memoryServer()
        server.receive(ByteBuffer(bytes: TLVBytes.preface()))
        server.loop.advanceTime(by: .hours(24))
        #expect(server.channel.isActive)
    }

    static func memoryServer() throws -> MemoryServer<TLVCodec> {
        try MemoryServer(
            TLVCodec(), configuration: ServerConfiguration(addresses: [], identity: TLVBytes.identity),
            handler: InlineHandler(answer: ConnectionTests.echo))
    }

    static let compressed: [CompressionCodec] = [.flate, .snappy, .lz4]

    /// A compressed stream that expands to 1 GiB of 0xFF.
    static func bomb(_ codec: CompressionCodec) throws -> ByteBuffer {
        var compressor = Compressor(codec)
        let piece = ByteBuffer(repeating: 0xFF, count: 1 << 20)
        var bomb = ByteBuffer()
        try compressor.compress(piece, into: &bomb)
        // From here on each piece is the same as the one before, in all codecs.
        var again = ByteBuffer()
        try compressor.compress(piece, into: &again)
        for _ in 0..<1023 { bomb.writeImmutableBuffer(again) }
        return bomb
    }

    @Test("a field that claims gigabytes ends the connection before any memory is taken")
    func claims() throws {
        let server = try Self.memoryServer()
        server.receive(ByteBuffer(bytes: TLVBytes.preface() + [1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]))
        #expect(!server.channel.isActive)
    }

    @Test(
        "a bomb ends its own connection after one piece was expanded; an innocent client notices nothing",
        arguments: compressed)
    func bomb(codec: CompressionCodec) async throws {
        let bomb = try Self.bomb(codec)
        try await withTLVPair { client, server in
            let before = try await client.call(TLVRequest(name: "", value: "before"))
            #expect(before == TLVResponse("before"))
            let peer = try await RawPeer.connect(to: try #require(server.addresses.first))
            let tag: UInt8 = codec == .flate ? 0 : codec == .snappy ? 2 : 3
            peer.write(TLVBytes.preface(tag))
            peer.write(bomb)
            let reply = await peer.readToEnd()
            #expect(reply.readableBytes <= TLVBytes.prefaceLength)
            await peer.close()
            let after = try await client.call(TLVRequest(name: "", value: "after"))
            #expect(after == TLVResponse("after"))
            // What it costs in memory is measured where nothing else runs: BombTests, on a process of its own.
        }
    }

    @Test(
        "a little that expands to a great many requests is worked on in turns with others", .computing,
        arguments: compressed)
    func manyRequests(codec: CompressionCodec) throws {
        // Zeros are one-way requests of 12 bytes each.
        let handled = Mutex(0)
        let server = try MemoryServer(
            TLVCodec(), configuration: ServerConfiguration(addresses: [], identity: TLVBytes.identity),
            handler: InlineHandler { (_: TLVRequest, responder: Responder<TLVResponse>) in
                handled.withLock { $0 += 1 }
                responder.respond(TLVResponse(""))
            })
        server.receive(ByteBuffer(bytes: TLVBytes.preface(codec == .flate ? 0 : codec == .snappy ? 2 : 3)))
        var compressor = Compressor(codec)
        var bytes = ByteBuffer()
        try compressor.compress(ByteBuffer(repeating: 0, count: 2 << 20), into: &bytes)
        server.channel.pipeline.fireChannelRead(bytes)
        server.channel.pipeline.fireChannelReadComplete()
        let inFirstTurn = handled.withLock { $0 }
        #expect(inFirstTurn > 0 && inFirstTurn <= (1 << 20) / 12)
        server.receiveEnd()
        #expect(handled.withLock { $0 } == (2 << 20) / 12)
        #expect(!server.channel.isActive)
    }

    @Test("garbage in every codec ends its own connection only", arguments: [0, 1, 2, 3] as [UInt8])
    func garbage(tag: UInt8) async throws {
        var random = SeededRandom()
        print("garbage in codec \(tag): \(random)")
        try await withTLVPair { client, server in
            for _ in 0..<20 {
                let peer = try await RawPeer.connect(to: try #require(server.addresses.first))
                peer.write(TLVBytes.preface(tag))
                peer.write((0..<500).map { _ in UInt8.random(in: .min ... .max, using: &random) })
                peer.endOutput()
                _ = await peer.readToEnd()
                await peer.close()
            }
            let after = try await client.call(TLVRequest(name: "", value: "after"))
            #expect(after == TLVResponse("after"))
        }
    }

    @Test("one that half-closes after its last request still gets every answer")
    func halfClose() async throws {
        try await withTLVPair { _, server in
            let peer = try await RawPeer.connect(to: try #require(server.addresses.first))
            peer.write(TLVBytes.preface())
            let value = String(repeating: "x", count: 1 << 20)
            for id in 1...8 as ClosedRange<UInt32> { peer.write(TLVBytes.request(id, value: value)) }
            peer.endOutput()
            var answers = await peer.readToEnd()
            #expect(answers.readBytes(length: TLVBytes.prefaceLength) == TLVBytes.preface())
            let values = try TLVBytes.answers(in: answers)
            #expect(values.count == 8)
            #expect(values.allSatisfy { $0.value.readableBytes == 1 << 20 })
        }
    }

    @Test("the same id twice is two requests, each answered; id 0 is answered never")
    func ids() throws {
        let server = try Self.memoryServer()
        server.receive(
            ByteBuffer(joining: [
                ByteBuffer(bytes: TLVBytes.preface()), TLVBytes.request(5, value: "a"), TLVBytes.request(0, value: "b"),
                TLVBytes.request(5, value: "c"), TLVBytes.request(.max, value: "d"),
            ]))
        var sent = server.sent()
        sent.moveReaderIndex(forwardBy: TLVBytes.prefaceLength)
        let answers = try TLVBytes.answers(in: sent).map { "\($0.id) \(String(buffer: $0.value))" }
        #expect(answers == ["5 a", "5 c", "\(UInt32.max) d"])
    }

    @Test("one that vanishes has its handlers cancelled and its places given back")
    func vanishes() async throws {
        let gate = Gate()
        let cancelled = Gate()
        try await withTLVPair(
            handler: { request, _ in
                guard String(buffer: request.name) == "wait" else { return TLVResponse(value: request.value) }
                await withTaskCancellationHandler {
                    await gate.wait()
                } onCancel: {
                    Task { await cancelled.wait() }
                }
                return TLVResponse("nobody hears this")
            },
            server: { $0.maxConcurrent = 2 }
        ) { client, server in
            let peer = try await RawPeer.connect(to: try #require(server.addresses.first))
            peer.write(TLVBytes.preface())
            peer.write(TLVBytes.request(1, name: "wait"))
            peer.write(TLVBytes.request(2, name: "wait"))
            await gate.arrived(2)
            try await peer.reset()
            await cancelled.arrived(2)
            let answer = try await client.call(TLVRequest(name: "", value: "x"))
            #expect(answer == TLVResponse("x"))
            await gate.open()
            await cancelled.open()
            let again = try await client.call(TLVRequest(name: "", value: "y"))
            #expect(again == TLVResponse("y"))
        }
    }
}
