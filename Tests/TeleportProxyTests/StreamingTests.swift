import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import TeleportProxy
import TeleportTestKit
import Testing

/// Bodies go through without being held, wherever no v0 link is in between.
@Suite("Bodies in pieces", .timeLimit(.minutes(10)))
struct StreamingTests {
    /// Runs `client` against proxies in front of a server that plays `server`.
    private func play(
        _ route: Route,
        server: @escaping @Sendable (RawPeer) async throws -> Void,
        configure: (inout ProxyConfiguration) -> Void = { _ in },
        client: (RawPeer) async throws -> Void
    ) async throws {
        let origin = try await RawServer(script: server)
        try await route.run(to: [origin.address], configure) { front, _ in
            let peer = try await RawPeer.connect(to: front)
            try await client(peer)
            await peer.close()
        }
        await origin.kill()
    }

    @Test("an answer's head and first bytes arrive before the server has sent the rest", arguments: Route.streaming)
    func download(route: Route) async throws {
        let (signal, rest) = AsyncStream.makeStream(of: Void.self)
        try await self.play(route) { peer in
            _ = await peer.readHead()
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
            for await _ in signal { break }
            peer.write("def")
        } client: { peer in
            peer.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let head = await peer.readHead()
            #expect(head == "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
            #expect(await peer.read(3) == ByteBuffer(string: "abc"))
            rest.finish()
            #expect(await peer.read(3) == ByteBuffer(string: "def"))
        }
    }

    @Test("a request's head and first bytes arrive before the client has sent the rest", arguments: Route.streaming)
    func upload(route: Route) async throws {
        let (signal, rest) = AsyncStream.makeStream(of: Void.self)
        try await self.play(route) { peer in
            let head = await peer.readHead()
            #expect(head.hasSuffix("\r\nContent-Length: 6\r\n\r\n"), "\(head)")
            #expect(await peer.read(3) == ByteBuffer(string: "abc"))
            rest.finish()
            #expect(await peer.read(3) == ByteBuffer(string: "def"))
            peer.write("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        } client: { peer in
            peer.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
            for await _ in signal { break }
            peer.write("def")
            #expect(await peer.readHead().hasPrefix("HTTP/1.1 201 Created\r\n"))
        }
    }

    @Test("chunks stay chunks, with their trailers, both ways", arguments: Route.streaming)
    func trailers(route: Route) async throws {
        let (signal, rest) = AsyncStream.makeStream(of: Void.self)
        try await self.play(route) { peer in
            #expect(await peer.readHead().contains("Transfer-Encoding: chunked\r\n"))
            let body = "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Up: 1\r\n\r\n"
            #expect(await peer.read("3\r\nabc\r\n".utf8.count) == ByteBuffer(string: "3\r\nabc\r\n"))
            rest.finish()
            let tail = String(body.dropFirst("3\r\nabc\r\n".count))
            #expect(await peer.read(tail.utf8.count) == ByteBuffer(string: tail))
            peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;ext=1\r\nwxyz\r\n0\r\nX-Down: 2\r\n\r\n")
        } client: { peer in
            peer.write("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            for await _ in signal { break }
            peer.write("2\r\nde\r\n0\r\nX-Up: 1\r\nContent-Length: 9\r\n\r\n")
            #expect(await peer.readHead().contains("Transfer-Encoding: chunked\r\n"))
            let body = "4\r\nwxyz\r\n0\r\nX-Down: 2\r\n\r\n"
            #expect(await peer.read(body.utf8.count) == ByteBuffer(string: body))
        }
    }

    @Test("half of a trailer section, when there are as many requests as may wait, is read on where it was")
    func halfTrailers() async throws {
        let gate = Gate()
        let origin = try await RawServer { peer in
            if await peer.readHead().hasPrefix("GET ") {
                await gate.wait()
                return peer.write("HTTP/1.1 204 No Content\r\n\r\n")
            }
            let body = "3\r\nabc\r\n0\r\nX-First: 1\r\nX-Up: abcd\r\n\r\n"
            let seen = await peer.read(body.utf8.count)
            #expect(seen == ByteBuffer(string: body), "\(seen.map { String(buffer: $0) } ?? "nothing")")
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n.")
        }
        try await Route.http.run(to: [origin.address], { $0.front.maxPipelined = 2 }) { front, _ in
            let peer = try await RawPeer.connect(to: front)
            peer.write(
                "GET / HTTP/1.1\r\nHost: a\r\n\r\nPUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "3\r\nabc\r\n0\r\nX-First: 1\r\nX-Up: ab")
            await gate.arrived(1)
            await gate.open()
            #expect(await peer.readHead().hasPrefix("HTTP/1.1 204 "))
            peer.write("cd\r\n\r\n")
            #expect(await peer.readHead().hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(await peer.read(1) == ByteBuffer(string: "."))
            await peer.close()
        }
        await origin.kill()
    }

    @Test("informational answers are passed on, 100 excepted (D16)", arguments: Route.streaming)
    func informational(route: Route) async throws {
        try await self.play(route) { peer in
            _ = await peer.readHead()
            peer.write("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        } client: { peer in
            peer.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(await peer.readHead() == "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
            #expect(await peer.readHead() == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        }
    }

    @Test(
        "an answer that breaks off never gets its end",
        arguments: [
            "Content-Length: 10\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        ], Route.streaming)
    func brokenOff(rest: String, route: Route) async throws {
        let (signal, seen) = AsyncStream.makeStream(of: Void.self)
        try await self.play(route) { peer in
            _ = await peer.readHead()
            peer.write("HTTP/1.1 200 OK\r\n" + rest)
            for await _ in signal { break }
            await peer.close()
        } client: { peer in
            peer.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = await peer.readHead()
            let body = rest.split(separator: "\r\n\r\n", maxSplits: 1)[1]
            #expect(await peer.read(body.utf8.count) == ByteBuffer(string: String(body)))
            seen.finish()
            #expect(await peer.readToEnd().readableBytes == 0)
        }
    }

    @Test("HTTP/1.0 clients get a chunked answer up to the end of the connection", arguments: Route.streaming)
    func http10(route: Route) async throws {
        try await self.play(route) { peer in
            _ = await peer.readHead()
            peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwxyz\r\n")
            peer.write("2\r\n..\r\n0\r\n\r\n")
        } client: { peer in
            peer.write("GET / HTTP/1.0\r\n\r\n")
            let all = String(buffer: await peer.readToEnd())
            #expect(!all.contains("chunked"))
            #expect(all.hasSuffix("\r\n\r\nwxyz.."))
        }
    }

    @Test(
        "an answer that comes before the request is complete is passed on, and the connection goes on",
        arguments: Route.streaming)
    func earlyAnswer(route: Route) async throws {
        let (signal, rest) = AsyncStream.makeStream(of: Void.self)
        try await self.play(route) { peer in
            if await peer.readHead().hasPrefix("POST") {
                peer.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
                _ = await peer.readToEnd()
            } else {
                peer.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            }
        } client: { peer in
            peer.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
            #expect(await peer.readHead().hasPrefix("HTTP/1.1 403 Forbidden\r\n"))
            #expect(await peer.read(2) == ByteBuffer(string: "no"))
            rest.finish()
            for await _ in signal { break }
            peer.write("defGET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(await peer.readHead().hasPrefix("HTTP/1.1 200 OK\r\n"))
        }
    }

    @Test("a client that leaves during its answer ends the server's work", arguments: Route.streaming)
    func clientLeavesDownload(route: Route) async throws {
        let (signal, left) = AsyncStream.makeStream(of: Void.self)
        try await self.play(route) { peer in
            _ = await peer.readHead()
            peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
            _ = await peer.readToEnd()
            left.finish()
        } client: { peer in
            peer.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = await peer.readHead()
            _ = await peer.read(6)
            try await peer.reset()
            for await _ in signal { break }
        }
    }

    @Test("a client that leaves during its request: the server never takes it for complete", arguments: Route.streaming)
    func clientLeavesUpload(route: Route) async throws {
        let (signal, left) = AsyncStream.makeStream(of: String.self)
        let (begun, began) = AsyncStream.makeStream(of: Void.self)
        try await self.play(route) { peer in
            _ = await peer.readHead()
            began.finish()
            left.yield(String(buffer: await peer.readToEnd()))
            left.finish()
        } client: { peer in
            peer.write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            for await _ in begun { break }
            try await peer.reset()
            for await body in signal { #expect(body == "3\r\nabc\r\n") }
        }
    }

    @Test(
        "a chunked request that grows over the limit is told 413, and the server never takes it for complete",
        arguments: Route.streaming)
    func overLimit(route: Route) async throws {
        let bodies = Mutex<[String]>([])
        try await self.play(
            route,
            server: { peer in
                _ = await peer.readHead()
                let body = String(buffer: await peer.readToEnd())
                bodies.withLock { $0.append(body) }
            }, configure: { $0.front.limits = HTTPLimits(maxBodySize: 10, maxDiscardedBody: 100) }
        ) { peer in
            peer.write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n")
            peer.write("8\r\n12345678\r\n0\r\n\r\n")
            #expect(await peer.readHead().hasPrefix("HTTP/1.1 413 Content Too Large\r\n"))
        }
        #expect(bodies.withLock { $0.allSatisfy { !$0.hasSuffix("0\r\n\r\n") } })
    }

    @Test("nothing of an announced body over the limit reaches the server", arguments: Route.streaming)
    func announcedOverLimit(route: Route) async throws {
        let seen = Atomic<Int>(0)
        try await self.play(
            route,
            server: { _ in seen.wrappingAdd(1, ordering: .relaxed) },
            configure: { $0.front.limits = HTTPLimits(maxBodySize: 10, maxDiscardedBody: 10) }
        ) { peer in
            peer.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n")
            #expect(await peer.readHead().hasPrefix("HTTP/1.1 413 Content Too Large\r\n"))
            #expect(String(buffer: await peer.readToEnd()).hasSuffix("limit.\n"))
        }
        #expect(seen.load(ordering: .relaxed) == 0)
    }

    @Test(
        "a megabyte each way, in pieces, arrives as it was, chunked or not", arguments: [true, false], Route.allCases)
    func megabyte(isChunked: Bool, route: Route) async throws {
        var generator = SeededRandom(seed: 1)
        let content = ByteBuffer(bytes: (0..<1_000_000).map { _ in UInt8.random(in: 0...255, using: &generator) })
        let origin = try await Origin { Response(body: $0.body) }
        try await route.run(to: [origin.address]) { front, _ in
            var client = try await RawClient(to: front)
            var request = ByteBuffer()
            let head = RequestHead(method: .post, target: "/", fields: ["Host": "a"])
            try RequestEncoder.encode(head, framing: isChunked ? .chunked : .length(1_000_000), into: &request)
            var rest = content
            while let piece = rest.readSlice(length: min(rest.readableBytes, 70_001)), piece.readableBytes > 0 {
                if isChunked {
                    ChunkEncoder.encode(piece, into: &request)
                } else {
                    request.writeImmutableBuffer(piece)
                }
                client.peer.write(request)
                request = ByteBuffer()
            }
            if isChunked { client.send("0\r\n\r\n") }
            let answer = try await client.answer(to: .post)
            #expect(answer?.body.buffer == content)
            await client.peer.close()
        }
        await origin.server.kill()
    }
}
