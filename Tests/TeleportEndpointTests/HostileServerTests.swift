import NIOCore
import NIOEmbedded
import TeleportCompress
import TeleportEndpoint
import TeleportRPC
import TeleportTransport
import TeleportWire
import TestTraits
import Testing

/// What a server can do to a client.
@Suite("A hostile server")
struct HostileServerTests {
    /// Megabytes of answers that nobody asked for, and then the one for `id`, in few bytes.
    static func bomb(_ codec: CompressionCodec, megabytes: Int = 64, then id: UInt32) throws -> ByteBuffer {
        var compressor = Compressor(codec)
        let unasked = TLVBytes.answer(0xFFFF_FFF0, String(repeating: "x", count: 1016))
        let piece = ByteBuffer(joining: Array(repeating: unasked, count: 1024))
        var bomb = ByteBuffer()
        for _ in 0..<megabytes { try compressor.compress(piece, into: &bomb) }
        try compressor.compress(TLVBytes.answer(id, "at last"), into: &bomb)
        return bomb
    }

    @Test(
        "a little that expands to a great many answers is worked on in turns with others", .computing,
        arguments: HostileClientTests.compressed)
    func bomb(codec: CompressionCodec) throws {
        let client = try MemoryClient(
            TLVCodec(),
            configuration: ClientConfiguration(address: .unix(path: "/nowhere"), identity: TLVBytes.identity))
        try client.open()
        client.receive(ByteBuffer(bytes: TLVBytes.preface(codec == .flate ? 0 : codec == .snappy ? 2 : 3)))
        let id = try #require(try client.call("call", TLVRequest(name: "", value: "")))
        var turns = 0
        func work() {
            guard client.outcomes["call"].isEmpty, client.closed == 0 else { return }
            turns += 1
            client.loop.assumeIsolated().execute { work() }
        }
        client.channel.pipeline.fireChannelRead(try Self.bomb(codec, then: id.rawValue))
        client.channel.pipeline.fireChannelReadComplete()
        #expect(client.outcomes["call"].isEmpty)
        work()
        client.loop.run()
        #expect(try client.only("call") == TLVResponse("at last"))
        // A megabyte a turn.
        #expect(turns >= 63)
        #expect(client.closed == 0)
    }

    @Test("a server that ends behind such answers has them all read first", arguments: HostileClientTests.compressed)
    func bombAndEnd(codec: CompressionCodec) throws {
        let client = try MemoryClient(
            TLVCodec(),
            configuration: ClientConfiguration(address: .unix(path: "/nowhere"), identity: TLVBytes.identity))
        try client.open()
        client.receive(ByteBuffer(bytes: TLVBytes.preface(codec == .flate ? 0 : codec == .snappy ? 2 : 3)))
        let id = try #require(try client.call("call", TLVRequest(name: "", value: "")))
        client.channel.pipeline.fireChannelRead(try Self.bomb(codec, megabytes: 4, then: id.rawValue))
        client.channel.pipeline.fireChannelReadComplete()
        client.receiveEnd()
        #expect(try client.only("call") == TLVResponse("at last"))
        #expect(client.closed == 1)
    }
}

extension MemoryClient {
    /// The answer of a call that has one.
    func only(_ name: String) throws -> Codec.Response? { try self.outcomes.only(name)?.get() }
}
