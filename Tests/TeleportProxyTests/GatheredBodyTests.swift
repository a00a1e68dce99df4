import NIOCore
import NetworkTestSupport
import Teleport
import Testing

@testable import TeleportProxy

@Suite("Bodies that have to be whole", .timeLimit(.minutes(10)))
struct GatheredBodyTests {
    @Test("one piece is not copied; several are one, in order")
    func pieces() {
        var body = GatheredBody()
        #expect(body.bytes.readableBytes == 0)
        body.append(ByteBuffer(string: "ab"))
        #expect(!body.isDetached)
        body.append(ByteBuffer(string: "cd"))
        #expect(body.isDetached)
        body.append(ByteBuffer(string: "ef"))
        #expect(body.bytes == ByteBuffer(string: "abcdef"))
        #expect(body.count == 6)
    }

    @Test("what was detached before anything came is gathered all the same")
    func detachedEmpty() {
        var body = GatheredBody()
        body.detach()
        body.append(ByteBuffer(string: "ab"))
        body.append(ByteBuffer(string: "cd"))
        #expect(body.bytes == ByteBuffer(string: "abcd"))
    }

    @Test("a process keeps so many bytes of incomplete bodies and no more: 503, and others go on")
    func limit() async throws {
        let origin = try await Origin(answer: mirror)
        try await withChain(
            to: [origin.address],
            near: {
                $0.outWire = .v0
                $0.maxGatheredBytes = 1000
            }
        ) { front in
            for _ in 0..<3 {
                var greedy = try await RawClient(to: front)
                greedy.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1200\r\n\r\n")
                greedy.send(String(repeating: "x", count: 1100))
                #expect(try await greedy.answer(to: .post)?.status == .serviceUnavailable)
                #expect(await greedy.endsQuietly())
                // What it held was given back.
                var modest = try await RawClient(to: front)
                modest.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 800\r\n\r\n")
                modest.send(String(repeating: "x", count: 700))
                modest.send(String(repeating: "y", count: 100))
                #expect(try await modest.answer(to: .post)?.body.count == 800)
                await modest.peer.close()
            }
        }
        await origin.server.kill()
    }
}
