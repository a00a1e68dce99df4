import NIOCore
import NIOEmbedded
import Synchronization
import Teleport
import TeleportTransport
import Testing

@testable import TeleportEndpoint
@testable import TeleportProxy

/// One HTTP connection of a client, in memory.
@Suite("An HTTP connection of a client")
struct HTTPFrontTests {
    /// Keeps what it is given.
    private final class Service: RequestService {
        let kept = Mutex<[InboundRequest]>([])

        func takesStream(after bytes: Int) -> Bool { true }

        func accept(_ request: consuming InboundRequest) -> Exchange? {
            let request = request
            self.kept.withLock { $0.append(request) }
            return nil
        }
    }

    @Test("the end of a body whose last piece filled its pipe is noticed when there is room, though no more bytes come")
    func endBehindFullPipe() throws {
        let loop = EmbeddedEventLoop()
        let service = Service()
        let front = HTTPFront(eventLoop: loop)
        let stream = HTTPFrontStream(
            front: front, service: service,
            settings: FrontSettings(FrontConfiguration(.http, at: []), gathered: GatheredBytes(limit: 1 << 20)),
            onClosed: {})
        front.stream.value = stream
        let channel = EmbeddedChannel(handler: ConnectionDriver(stream: stream), loop: loop)
        try channel.connect(to: .init(unixDomainSocketPath: "/nowhere")).wait()
        func receive(_ bytes: ByteBuffer) {
            channel.pipeline.fireChannelRead(bytes)
            channel.pipeline.fireChannelReadComplete()
            loop.run()
        }
        receive(ByteBuffer(string: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\na"))
        receive(ByteBuffer(repeating: 0x61, count: 199_999))
        let pipe = try #require(service.kept.withLock { $0.first?.upload })
        #expect(pipe.flow.isFull)
        var count = 0
        var hasEnded = false
        func take() {
            while let event = pipe.next() {
                guard case .piece(let piece) = event else {
                    if case .end = event { hasEnded = true }
                    return
                }
                count += piece.readableBytes
            }
        }
        take()
        loop.run()
        take()
        #expect(count == 200_000)
        #expect(hasEnded)
        _ = try? channel.finish()
    }
}
