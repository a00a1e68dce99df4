import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import TeleportProxy
import Testing

@Suite("HTTP → Teleport → HTTP", .timeLimit(.minutes(10)))
struct ChainTests {
    static let codecs: [CompressionCodec] = [.none, .flate, .snappy, .lz4]

    @Test("twenty pipelined requests in one packet are answered in order (D20)", arguments: codecs)
    func pipelined(codec: CompressionCodec) async throws {
        let origin = try await Origin(answer: mirror)
        try await withChain(to: [origin.address], codec: codec) { front in
            var client = try await RawClient(to: front)
            client.send((0..<20).map { "GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
            for index in 0..<20 {
                let answer = try await client.answer()
                #expect(answer?.body.buffer == ByteBuffer(string: "GET /\(index)"))
            }
            await client.peer.close()
        }
        await origin.server.kill()
    }

    @Test(
        "targets pass byte for byte (D10)", arguments: ["/a%2Fb/../c", "/%e2%82%ac?x=%20&&y", "http://h/p?q", "/a//b"])
    func targets(target: String) async throws {
        let origin = try await Origin(answer: mirror)
        try await withChain(to: [origin.address]) { front in
            var client = try await RawClient(to: front)
            client.send("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
            let answer = try await client.answer()
            #expect(answer?.fields.first("X-Target") == target)
            client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
            let star = try await client.answer()
            #expect(star?.fields.first("X-Target") == "*")
            await client.peer.close()
        }
        await origin.server.kill()
    }

    @Test("hop-by-hop fields stay on their hop, both ways (D16)")
    func hopByHop() async throws {
        let seen = Mutex<[Request]>([])
        let origin = try await Origin { request in
            seen.withLock { $0.append(request) }
            return Response(fields: [
                "Connection": "X-Private", "X-Private": "1", "Keep-Alive": "timeout=5", "X-Public": "2",
                "Date": "Sun, 06 Nov 1994 08:49:37 GMT",
            ])
        }
        try await withChain(to: [origin.address]) { front in
            var client = try await RawClient(to: front)
            client.send(
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\nTE: trailers\r\n"
                    + "Upgrade: h2c\r\nKeep-Alive: 5\r\nX-Yours: 2\r\n\r\n")
            let answer = try await client.answer()
            #expect(answer?.fields.map(\.name) == ["X-Public", "Date", "Content-Length"])
            #expect(answer?.fields.first("Date") == "Sun, 06 Nov 1994 08:49:37 GMT")
            await client.peer.close()
        }
        #expect(seen.withLock { $0.map { $0.fields.map(\.name) } } == [["Host", "X-Yours", "Via", "Via"]])
        await origin.server.kill()
    }

    @Test("the context of a trace passes as it is, over each kind of hop (P-39)", arguments: Front.allCases)
    func traceContext(front: Front) async throws {
        let fields = [
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            ("tracestate", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"), ("baggage", "user=a%20b,server=7"),
        ]
        let seen = Mutex<[Request]>([])
        let origin = try await Origin { request in
            seen.withLock { $0.append(request) }
            return Response(status: .noContent)
        }
        try await front.run(to: [origin.address]) { address in
            let request =
                "GET / HTTP/1.1\r\nHost: a\r\n" + fields.map { "\($0): \($1)\r\n" }.joined() + "\r\n"
            let status =
                front.speaksHTTP
                ? try await DefectTests.status(of: request, at: address)
                : try await DefectTests.linkStatus(of: request, at: address)
            #expect(status == 204)
        }
        let request = try #require(seen.withLock { $0.first })
        for (name, value) in fields { #expect(request.fields.first(FieldName(name)) == value) }
        await origin.server.kill()
    }

    @Test("Expect: 100-continue is answered here and goes no further (D1)")
    func expectContinue() async throws {
        let seen = Mutex<[Request]>([])
        let origin = try await Origin { request in
            seen.withLock { $0.append(request) }
            return try await mirror(request)
        }
        try await withChain(to: [origin.address]) { front in
            var client = try await RawClient(to: front)
            client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            let interim = await client.peer.read("HTTP/1.1 100 Continue\r\n\r\n".utf8.count)
            #expect(interim == ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n"))
            client.send("hello")
            let answer = try await client.answer(to: .post)
            #expect(answer?.body.buffer == ByteBuffer(string: "hello"))
            await client.peer.close()
        }
        #expect(seen.withLock { $0.map { $0.fields.contains(.expect) } } == [false])
        await origin.server.kill()
    }

    @Test("a bad request is answered, and the innocent before and after it too")
    func badRequests() async throws {
        let origin = try await Origin(answer: mirror)
        try await withChain(to: [origin.address]) { front in
            var client = try await RawClient(to: front)
            client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n")
            let first = try await client.answer()
            let second = try await client.answer()
            let third = try await client.answer()
            #expect(first?.body.buffer == ByteBuffer(string: "GET /1"))
            #expect(second?.status == .badRequest)
            #expect(third?.body.buffer == ByteBuffer(string: "GET /3"))
            client.send(
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
            let fatal = try await client.answer(to: .post)
            #expect(fatal?.status == .badRequest)
            #expect(fatal?.head.keepsAlive == false)
            let ends = await client.endsQuietly()
            #expect(ends)
        }
        await origin.server.kill()
    }

    @Test("CONNECT is refused with a clear status")
    func connect() async throws {
        let origin = try await Origin(answer: mirror)
        try await withChain(to: [origin.address]) { front in
            var client = try await RawClient(to: front)
            client.send("CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n")
            let answer = try await client.answer(to: .connect)
            #expect(answer?.status == .notImplemented)
            await client.peer.close()
        }
        await origin.server.kill()
    }

    @Test("HTTP/1.0 without a Host is served, and closed unless it asks otherwise")
    func http10() async throws {
        let origin = try await Origin(answer: mirror)
        try await withChain(to: [origin.address]) { front in
            var client = try await RawClient(to: front)
            client.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            let first = try await client.answer()
            #expect(first?.fields.first("Connection") == "keep-alive")
            client.send("GET /b HTTP/1.0\r\n\r\n")
            let second = try await client.answer()
            #expect(second?.body.buffer == ByteBuffer(string: "GET /b"))
            let ends = await client.endsQuietly()
            #expect(ends)
        }
        await origin.server.kill()
    }

    @Test("a client that closes its half still gets its answers")
    func halfClosed() async throws {
        let origin = try await Origin(answer: mirror)
        try await withChain(to: [origin.address]) { front in
            var client = try await RawClient(to: front)
            client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
            client.peer.endOutput()
            let first = try await client.answer()
            let second = try await client.answer()
            #expect(first?.body.buffer == ByteBuffer(string: "GET /1"))
            #expect(second?.body.buffer == ByteBuffer(string: "GET /2"))
            let ends = await client.endsQuietly()
            #expect(ends)
        }
        await origin.server.kill()
    }

    @Test("requests go to the server with the fewest pending")
    func leastLoaded() async throws {
        let (stuckArrived, arrived) = AsyncStream.makeStream(of: Void.self)
        let (release, released) = AsyncStream.makeStream(of: Void.self)
        let stuckCount = Atomic<Int>(0)
        let stuck = try await Origin { request in
            stuckCount.wrappingAdd(1, ordering: .relaxed)
            arrived.yield()
            for await _ in release {}
            return try await mirror(request)
        }
        let quick = try await Origin(answer: mirror)
        try await withChain(
            to: [stuck.address, quick.address], near: { $0.outTimeout = .seconds(60) },
            far: { $0.outTimeout = .seconds(60) }
        ) { front in
            var waiting = try await RawClient(to: front)
            // Among equals the first of the list comes first; while its request is stuck, all others go past it.
            waiting.send("GET /w HTTP/1.1\r\nHost: a\r\n\r\n")
            for await _ in stuckArrived { break }
            var third = try await RawClient(to: front)
            for index in 0..<10 {
                third.send("GET /\(index) HTTP/1.1\r\nHost: a\r\n\r\n")
                let answer = try await third.answer()
                #expect(answer?.status == .ok)
            }
            #expect(stuckCount.load(ordering: .relaxed) == 1)
            released.finish()
            let first = try await waiting.answer()
            #expect(first?.status == .ok)
            for client in [waiting, third] { await client.peer.close() }
        }
        await stuck.server.kill()
        await quick.server.kill()
    }

    @Test("at -concurrency one more is told 429")
    func concurrency() async throws {
        let (atOrigin, arrived) = AsyncStream.makeStream(of: Void.self)
        let (release, released) = AsyncStream.makeStream(of: Void.self)
        let origin = try await Origin { request in
            arrived.yield()
            for await _ in release {}
            return try await mirror(request)
        }
        try await withChain(to: [origin.address], near: { $0.concurrency = 1 }) { front in
            var first = try await RawClient(to: front)
            var second = try await RawClient(to: front)
            first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            for await _ in atOrigin { break }
            second.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let refused = try await second.answer()
            #expect(refused?.status == .tooManyRequests)
            released.finish()
            let answer = try await first.answer()
            #expect(answer?.status == .ok)
            await first.peer.close()
            await second.peer.close()
        }
        await origin.server.kill()
    }
}
