import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import TeleportProxy
import Testing

@Suite("Servers behind the proxy that fail", .timeLimit(.minutes(10)))
struct UpstreamFailureTests {
    private let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    private func body(_ response: Response?) -> String {
        String(buffer: response?.body.buffer ?? ByteBuffer())
    }

    @Test("nobody listens: 502, with a body that names no address (D14)")
    func absent() async throws {
        let port = try unusedPort()
        try await withChain(to: [.tcp(host: "127.0.0.1", port: port)]) { front in
            var client = try await RawClient(to: front)
            client.send(self.request)
            let answer = try await client.answer()
            #expect(answer?.status == .badGateway)
            #expect(!self.body(answer).contains("127.0.0.1"))
            #expect(!self.body(answer).contains("\(port)"))
            await client.peer.close()
        }
    }

    @Test("the link is down: 502")
    func linkDown() async throws {
        let port = try unusedPort()
        let proxy = Proxy(
            ProxyConfiguration(
                in: .http, at: [.tcp(host: "127.0.0.1", port: 0)], out: .teleport,
                to: [.tcp(host: "127.0.0.1", port: port)]))
        let front = try #require(try await proxy.start().first)
        var client = try await RawClient(to: front)
        client.send(self.request)
        let answer = try await client.answer()
        #expect(answer?.status == .badGateway)
        await client.peer.close()
        await proxy.shutDown(limit: .zero)
    }

    @Test("a server that never answers: 504, and its late answer reaches nobody")
    func silent() async throws {
        let origin = try await RawServer { peer in _ = await peer.readToEnd() }
        try await withChain(
            to: [origin.address], near: { $0.outTimeout = .seconds(10) }, far: { $0.outTimeout = .milliseconds(100) }
        ) { front in
            var client = try await RawClient(to: front)
            client.send(self.request)
            let answer = try await client.answer()
            #expect(answer?.status == .gatewayTimeout)
            await client.peer.close()
        }
        await origin.kill()
    }

    @Test("garbage for an answer: 502, asked once (D18)")
    func garbage() async throws {
        let origin = try await RawServer { peer in
            _ = await peer.read(1)
            peer.write("garbage\r\n\r\n")
            _ = await peer.readToEnd()
        }
        try await withChain(to: [origin.address]) { front in
            var client = try await RawClient(to: front)
            client.send(self.request)
            let answer = try await client.answer()
            #expect(answer?.status == .badGateway)
            await client.peer.close()
        }
        #expect(origin.connectionCount == 1)
        await origin.kill()
    }

    @Test("an answer that breaks off is never passed on as if it were whole")
    func truncated() async throws {
        let origin = try await RawServer { peer in
            _ = await peer.read(1)
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            await peer.close()
        }
        for front in [Front.http, .chain, .chainV0] {
            try await front.run(to: [origin.address]) { address in
                let peer = try await RawPeer.connect(to: address)
                peer.write(self.request)
                peer.endOutput()
                let answer = String(buffer: await peer.readToEnd()).withoutProbes
                let isTold = answer.hasPrefix("HTTP/1.1 502 Bad Gateway\r\n")
                // Where its beginning was passed on, the end is missing.
                let isCutOff = answer.hasPrefix("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n") && answer.hasSuffix("half")
                #expect(isTold || (front.streams && isCutOff), "\(front) \(answer)")
                await peer.close()
            }
        }
        await origin.kill()
    }

    @Test(
        "a connection lost before any answer: GET is tried once more, POST never",
        arguments: [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 2), ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 1),
        ])
    func retries(request: String, attempts: Int) async throws {
        let origin = try await RawServer { peer in
            _ = await peer.read(10)
            await peer.close()
        }
        try await withChain(to: [origin.address]) { front in
            var client = try await RawClient(to: front)
            client.send(request)
            let answer = try await client.answer(to: request.hasPrefix("GET") ? .get : .post)
            #expect(answer?.status == .badGateway)
            await client.peer.close()
        }
        #expect(origin.connectionCount == attempts)
        await origin.kill()
    }

    @Test("answers without a length, chunked, with extensions and trailers, and after 103 are read (D16, D19)")
    func framings() async throws {
        let answers = [
            "HTTP/1.1 200 OK\r\n\r\nuntil close",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nuntil\r\n6\r\n close\r\n0\r\nX-T: 1\r\n\r\n",
            "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nuntil close",
        ]
        for text in answers {
            let origin = try await RawServer { peer in
                _ = await peer.read(10)
                peer.write(text)
                await peer.close()
            }
            try await withChain(to: [origin.address]) { front in
                var client = try await RawClient(to: front)
                client.send(self.request)
                let answer = try await client.answer()
                #expect(self.body(answer) == "until close")
                #expect(answer?.head.keepsAlive == true)
                await client.peer.close()
            }
            await origin.kill()
        }
    }

    @Test("an idle connection to a server is closed, and the next request has a new one")
    func idle() async throws {
        let (closed, isClosed) = AsyncStream.makeStream(of: Void.self)
        let origin = try await RawServer { peer in
            _ = await peer.readHead()
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            if await peer.readToEnd().readableBytes == 0 { isClosed.yield() }
        }
        try await withProxy(to: [origin.address], { $0.outIdleTimeout = .milliseconds(20) }) { front, _ in
            var client = try await RawClient(to: front)
            var ends = closed.makeAsyncIterator()
            for _ in 0..<2 {
                client.send(self.request)
                #expect(try await client.answer()?.status == .ok)
                await ends.next()
            }
            await client.peer.close()
        }
        #expect(origin.connectionCount == 2)
        await origin.kill()
    }

    @Test("a server that comes back is used again")
    func restart() async throws {
        let port = try unusedPort()
        let first = try await Origin(port: port, answer: mirror)
        try await withChain(to: [first.address]) { front in
            var client = try await RawClient(to: front)
            client.send(self.request)
            let before = try await client.answer()
            #expect(before?.status == .ok)
            await first.server.kill()
            client.send(self.request)
            let during = try await client.answer()
            #expect(during?.status == .badGateway)
            let again = try await RawServer(port: port) { peer in
                _ = await peer.read(10)
                peer.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nback")
                _ = await peer.readToEnd()
            }
            client.send(self.request)
            let after = try await client.answer()
            #expect(self.body(after) == "back")
            await client.peer.close()
            await again.kill()
        }
    }
}
