import NIOCore
import Teleport
import Testing

/// Streams as a user writes them, as in the README: public API only.
@Suite("The public API of streams, as a user uses it", .timeLimit(.minutes(10)))
struct StreamingUserCodeTests {
    @Test("bodies in pieces, both ways")
    func streams() async throws {
        let server = TeleportServer(at: .tcp(host: "127.0.0.1", port: 0)) { request, _ in Response(body: request.body) }
        let addresses = try await server.start()
        let client = TeleportClient(to: addresses[0])
        let (pieces, feed) = AsyncThrowingStream.makeStream(of: ByteBuffer.self)
        async let answer = client.execute(
            Request(.post, "/upload", host: "a", body: Body(stream: pieces)), timeout: .seconds(30))
        feed.yield(ByteBuffer(string: "one piece"))
        feed.finish()
        var received = ByteBuffer()
        for try await piece in try await answer.body { received.writeImmutableBuffer(piece) }
        #expect(String(buffer: received) == "one piece")
        await client.shutDown()
        await server.shutDown(limit: .seconds(5))
    }
}
