import NIOCore
import TeleportEndpoint
import TeleportRPC
import TeleportTransport
import TeleportWire
import Testing

/// Bytes for bytes: the least that a codec can be, with one type for both directions.
private struct BytesCodec: SelfDelimitingCodec {
    typealias Request = ByteBuffer
    typealias Response = ByteBuffer

    func response(to refusal: Refusal) -> ByteBuffer { ByteBuffer(string: "refused") }

    func encode(_ message: ByteBuffer, into buffer: inout ByteBuffer) throws(RPCError) {
        buffer.writeInteger(UInt32(message.readableBytes))
        buffer.writeImmutableBuffer(message)
    }

    struct Decoder<Message>: SelfDelimitingDecoder {
        let make: (ByteBuffer) -> Message

        mutating func decode(from buffer: inout ByteBuffer) throws(RPCError) -> Message? {
            guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self),
                buffer.readableBytes >= 4 + Int(length)
            else { return nil }
            buffer.moveReaderIndex(forwardBy: 4)
            return buffer.readSlice(length: Int(length)).map(self.make)
        }
    }

    func makeRequestDecoder() -> Decoder<ReceivedRequest<ByteBuffer, ByteBuffer>> { .init { .request($0) } }
    func makeResponseDecoder() -> Decoder<ReceivedResponse<ByteBuffer>> { .init { .response($0) } }
}

@Suite("A codec with one type for requests and responses", .timeLimit(.minutes(10)))
struct OneTypeCodecTests {
    @Test("needs no more than its v0 face, and speaks both versions", arguments: [WireVersion.v0, .v1])
    func echo(wire: WireVersion) async throws {
        var serverConfiguration = ServerConfiguration(
            addresses: [.tcp(host: "127.0.0.1", port: 0)], identity: TLVBytes.identity)
        serverConfiguration.wire = wire
        let server = RPCServer(
            codec: BytesCodec(), configuration: serverConfiguration,
            handler: AsyncHandler(codec: BytesCodec()) { request, _ in request })
        let address = try #require(try await server.start().first)
        var configuration = ClientConfiguration(address: address, identity: TLVBytes.identity)
        configuration.wire = wire
        configuration.timeout = .seconds(30)
        let client = RPCClient(codec: BytesCodec(), configuration: configuration)
        let answer = try await client.call(ByteBuffer(string: "hello"))
        #expect(answer == ByteBuffer(string: "hello"))
        await client.shutDown()
        await server.shutDown()
    }
}
