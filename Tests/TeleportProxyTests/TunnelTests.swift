import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import TeleportProxy
import Testing

private let upgradeRequest =
    "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    + "Sec-WebSocket-Key: x\r\n\r\n"
private let upgradeGrant =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nX-Chosen: y\r\n\r\n"
private let connectRequest =
    "CONNECT inner.example:443 HTTP/1.1\r\nHost: other\r\nProxy-Connection: keep-alive\r\n\r\n"

/// Rules P-50 to P-56, V1-70.
@Suite("Tunnels", .timeLimit(.minutes(10)))
struct TunnelTests {
    /// Runs `client` against proxies that open tunnels, in front of a server that plays `server`.
    private func play(
        _ route: Route, configure: (inout ProxyConfiguration) -> Void = { _ in },
        server: @escaping @Sendable (RawPeer) async throws -> Void,
        client: (RawPeer, [Proxy]) async throws -> Void
    ) async throws {
        let origin = try await RawServer(script: server)
        try await route.run(
            to: [origin.address],
            {
                $0.front.allowsTunnels = true
                configure(&$0)
            }
        ) { front, proxies in
            let peer = try await RawPeer.connect(to: front)
            try await client(peer, proxies)
            await peer.close()
        }
        await origin.kill()
    }

    // MARK: Asking and granting

    @Test(
        "an upgrade passes with its fields, nothing of the client's before the grant, and then bytes both ways",
        arguments: Route.streaming)
    func upgrade(route: Route) async throws {
        let (signal, seen) = AsyncStream.makeStream(of: Void.self)
        try await self.play(route) { peer in
            let head = await peer.readHead()
            #expect(head.contains("\r\nUpgrade: websocket\r\n") && head.contains("\r\nConnection: Upgrade\r\n"))
            #expect(head.contains("\r\nSec-WebSocket-Key: x\r\n") && head.contains("1.1 httptp"))
            #expect(!head.contains("keep-alive") && !head.contains("Content-Length") && !head.contains("chunked"))
            // By the time that the client has seen this, what it sent long before would be here.
            peer.write("HTTP/1.1 103 Early Hints\r\n\r\n")
            for await _ in signal { break }
            #expect(peer.unread == 0)
            peer.write(upgradeGrant + "first")
            #expect(await peer.read(5) == ByteBuffer(string: "early"))
            peer.write("second")
            #expect(await peer.readToEnd() == ByteBuffer(string: "last"))
            peer.endOutput()
        } client: { peer, _ in
            peer.write(upgradeRequest + "early")
            #expect(await peer.readHead() == "HTTP/1.1 103 Early Hints\r\n\r\n")
            seen.yield()
            let head = await peer.readHead()
            #expect(head.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
            #expect(head.contains("\r\nUpgrade: WebSocket\r\n") && head.contains("\r\nConnection: Upgrade\r\n"))
            #expect(head.contains("\r\nX-Chosen: y\r\n") && !head.contains("Content-Length"))
            #expect(await peer.read(11) == ByteBuffer(string: "firstsecond"))
            peer.write("last")
            peer.endOutput()
            #expect(await peer.readToEnd().readableBytes == 0)
        }
    }

    @Test("CONNECT passes to the server, its target in Host, and 2xx opens the tunnel", arguments: Route.streaming)
    func connect(route: Route) async throws {
        try await self.play(route) { peer in
            let refused = await peer.readHead()
            #expect(refused.hasPrefix("CONNECT inner.example:443 HTTP/1.1\r\n"))
            #expect(refused.contains("\r\nHost: inner.example:443\r\n") && !refused.contains("other"))
            peer.write("HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno")
            #expect(await peer.readHead().hasPrefix("CONNECT inner.example:443 HTTP/1.1\r\n"))
            // The length of a body that a tunnel does not have (RFC 9110 §9.3.6).
            peer.write("HTTP/1.1 200 Connection established\r\nContent-Length: 7\r\n\r\n")
            #expect(await peer.read(4) == ByteBuffer(string: "ping"))
            peer.write("pong")
            #expect(await peer.readToEnd().readableBytes == 0)
            await peer.close()
        } client: { peer, _ in
            peer.write(connectRequest)
            #expect(await peer.readHead().hasPrefix("HTTP/1.1 407 No\r\n"))
            #expect(await peer.read(2) == ByteBuffer(string: "no"))
            peer.write(connectRequest + "ping")
            #expect(await peer.readHead() == "HTTP/1.1 200 Connection established\r\n\r\n")
            #expect(await peer.read(4) == ByteBuffer(string: "pong"))
            peer.endOutput()
            #expect(await peer.readToEnd().readableBytes == 0)
        }
    }

    @Test(
        "an answer that is no grant is an ordinary one, and what the client sent behind is its next request",
        arguments: Route.streaming)
    func declined(route: Route) async throws {
        try await self.play(route) { peer in
            #expect(await peer.readHead().hasPrefix("GET /chat "))
            peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n")
            #expect(await peer.readHead().hasPrefix("GET /next "))
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext")
        } client: { peer, _ in
            peer.write(upgradeRequest + "GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let text = String(buffer: await peer.readToEnd())
            #expect(text.contains("fine") && text.hasSuffix("next"))
        }
    }

    @Test(
        "what a server may not answer: 502, and no tunnel", arguments: Route.streaming,
        [
            (upgradeRequest, "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n"),
            (upgradeRequest, "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket, other\r\n\r\n"),
            (upgradeRequest, "HTTP/1.1 101 S\r\n\r\n"), (connectRequest, upgradeGrant),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", upgradeGrant),
        ])
    func badGrants(route: Route, texts: (request: String, answer: String)) async throws {
        try await self.play(route) { peer in
            _ = await peer.readHead()
            peer.write(texts.answer)
            #expect(await peer.readToEnd().readableBytes == 0)
        } client: { peer, _ in
            peer.write(texts.request)
            #expect(await peer.readHead().hasPrefix("HTTP/1.1 502 "))
        }
    }

    @Test(
        "requests that are refused here, byte by byte too",
        arguments: [
            ("CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", "400"), ("CONNECT a:0 HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
            ("CONNECT a:65536 HTTP/1.1\r\nHost: a\r\n\r\n", "400"), ("CONNECT /a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
            ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", "400"),
            ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\nx", "400"),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c, h2c\r\n\r\n", "501"),
            ("GET nowhere HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", "400"),
        ], [false, true])
    func refusals(texts: (request: String, status: String), inPieces: Bool) async throws {
        try await self.play(.http) { _ in
            Issue.record("It reached the server.")
        } client: { peer, _ in
            if inPieces {
                for byte in texts.request.utf8 { _ = await peer.push(ByteBuffer(bytes: [byte])) }
            } else {
                peer.write(texts.request)
            }
            #expect(await peer.readHead().hasPrefix("HTTP/1.1 \(texts.status) "))
        }
    }

    @Test("h2c is taken out of what is offered; an offer of it alone, and one of HTTP/1.0, is passed over")
    func passedOver() async throws {
        let heads = Mutex<[String]>([])
        try await self.play(.http) { peer in
            while case let head = await peer.readHead(), head.hasSuffix("\r\n\r\n") {
                heads.withLock { $0.append(head) }
                peer.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            }
        } client: { peer, _ in
            for (line, offer) in [("HTTP/1.1", "h2c, a/1 ,\tb"), ("HTTP/1.1", "h2c"), ("HTTP/1.0", "a")] {
                peer.write(
                    "GET / \(line)\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, keep-alive\r\n"
                        + "Upgrade: \(offer)\r\nHTTP2-Settings: s\r\n\r\n")
                #expect(await peer.readHead().hasPrefix("HTTP/1.1 200 "))
            }
        }
        let all = heads.withLock { $0 }
        #expect(all.count == 3 && all.allSatisfy { !$0.contains("h2c") && !$0.contains("HTTP2") })
        #expect(all.first?.contains("\r\nUpgrade: a/1, b\r\n") == true)
        #expect(all.dropFirst().allSatisfy { !$0.lowercased().contains("upgrade") })
    }

    @Test(
        "501 where no tunnel is opened: by this proxy, by the next, or over v0",
        arguments: [upgradeRequest, connectRequest])
    func notHere(request: String) async throws {
        func status(_ route: Route, _ configure: (inout ProxyConfiguration) -> Void) async throws -> String {
            let origin = try await RawServer { _ in Issue.record("It reached the server.") }
            let head = try await route.run(to: [origin.address], configure) { front, _ in
                let peer = try await RawPeer.connect(to: front)
                peer.write(request)
                let head = await peer.readHead()
                await peer.close()
                return head
            }
            await origin.kill()
            return String(head.prefix(12))
        }
        #expect(try await status(.http) { _ in } == "HTTP/1.1 501")
        #expect(try await status(.v1) { _ in } == "HTTP/1.1 501")
        #expect(try await status(.v1) { $0.front.allowsTunnels = $0.front.kind == .http } == "HTTP/1.1 501")
        #expect(try await status(.v0) { $0.front.allowsTunnels = true } == "HTTP/1.1 501")
    }

    // MARK: Bytes

    @Test("10 MB each way, at once, arrive as they were", arguments: Route.streaming)
    func megabytes(route: Route) async throws {
        try await self.play(route) { peer in
            _ = await peer.readHead()
            peer.write(upgradeGrant)
            try await Self.exchange(peer, sending: 0, receiving: 3)
        } client: { peer, proxies in
            peer.write(upgradeRequest)
            #expect(await peer.readHead().hasPrefix("HTTP/1.1 101 "))
            try await Self.exchange(peer, sending: 3, receiving: 0)
            for proxy in proxies {
                let tunnels = try await proxy.tunnels { $0.open == 0 }
                #expect(tunnels.total == 1 && tunnels.bytesFromClients == Self.size)
                #expect(tunnels.bytesFromServers == Self.size)
                #expect(proxy.statistics.requestsActive == 0 && proxy.statistics.requestsSucceeded == 1)
            }
        }
    }

    private static let size = 10 << 20

    private static func exchange(_ peer: RawPeer, sending: Int, receiving: Int) async throws {
        async let sent: Void = Self.send(peer, from: sending)
        await Self.receive(peer, from: receiving)
        await sent
    }

    private static func send(_ peer: RawPeer, from start: Int) async {
        for position in stride(from: 0, to: self.size, by: 64 << 10) {
            #expect(await peer.push(Noise.slice(64 << 10, at: start + position)))
        }
        peer.endOutput()
    }

    private static func receive(_ peer: RawPeer, from start: Int) async {
        var position = 0
        while let bytes = await peer.readSome() {
            for offset in stride(from: 0, to: bytes.readableBytes, by: 1 << 20) {
                let piece = bytes.getSlice(
                    at: bytes.readerIndex + offset, length: Swift.min(1 << 20, bytes.readableBytes - offset))
                #expect(piece == Noise.slice(piece?.readableBytes ?? 0, at: start + position), "at \(position)")
                position += piece?.readableBytes ?? 0
            }
        }
        #expect(position == self.size)
    }

    @Test(
        "a half that is closed leaves the other open, whoever closes first", arguments: Route.streaming, [false, true])
    func halves(route: Route, serverFirst: Bool) async throws {
        try await self.play(route) { peer in
            _ = await peer.readHead()
            peer.write(upgradeGrant)
            if !serverFirst { await Self.receive(peer, from: 0) }
            await Self.send(peer, from: 0)
            if serverFirst { await Self.receive(peer, from: 0) }
        } client: { peer, proxies in
            peer.write(upgradeRequest)
            #expect(await peer.readHead().hasPrefix("HTTP/1.1 101 "))
            if serverFirst { await Self.receive(peer, from: 0) }
            await Self.send(peer, from: 0)
            if !serverFirst { await Self.receive(peer, from: 0) }
            for proxy in proxies {
                let tunnels = try await proxy.tunnels { $0.open == 0 }
                #expect(tunnels.bytesFromClients == Self.size && tunnels.bytesFromServers == Self.size)
            }
        }
    }

    @Test(
        "whoever does not read holds the other back; what is held in between stays small",
        arguments: Route.streaming, [false, true])
    func slowReader(route: Route, isServer: Bool) async throws {
        let (size, step) = (48 << 20, 64 << 10)
        let read = Atomic(0)
        let most = Atomic(0)
        @Sendable func fast(_ peer: RawPeer) async {
            for start in stride(from: 0, to: size, by: step) {
                guard await peer.push(Noise.slice(step, at: start)) else { return }
                most.max(start + step - read.load(ordering: .relaxed), ordering: .relaxed)
            }
            peer.endOutput()
        }
        @Sendable func slow(_ peer: RawPeer) async throws {
            try await peer.channel?.setOption(.autoRead, value: false).get()
            var position = 0
            while position < size {
                // Whoever could run ahead has all the time to.
                try await Task.sleep(for: .milliseconds(2))
                peer.channel?.read()
                guard let bytes = await peer.readSome() else { break }
                position += bytes.readableBytes
                read.wrappingAdd(bytes.readableBytes, ordering: .relaxed)
            }
            #expect(position == size)
        }
        try await self.play(route) { peer in
            _ = await peer.readHead()
            peer.write(upgradeGrant)
            if isServer { try await slow(peer) } else { await fast(peer) }
        } client: { peer, _ in
            peer.write(upgradeRequest)
            #expect(await peer.readHead().hasPrefix("HTTP/1.1 101 "))
            if isServer { await fast(peer) } else { try await slow(peer) }
        }
        // Mostly what the kernel holds for each of up to four connections.
        #expect(most.load(ordering: .relaxed) < 40 << 20)
    }

    // MARK: Ends

    @Test("a peer that is reset resets the other", arguments: Route.streaming, [false, true])
    func resets(route: Route, isServer: Bool) async throws {
        let (ends, told) = AsyncStream.makeStream(of: Bool.self)
        try await self.play(route) { peer in
            _ = await peer.readHead()
            peer.write(upgradeGrant + "x")
            _ = await peer.read(1)
            if isServer { return try await peer.reset() }
            _ = await peer.readToEnd()
            told.yield(peer.hasFailed)
        } client: { peer, proxies in
            peer.write(upgradeRequest)
            _ = await peer.readHead()
            _ = await peer.read(1)
            peer.write("y")
            if isServer {
                _ = await peer.readToEnd()
                #expect(peer.hasFailed)
            } else {
                try await peer.reset()
                for await isReset in ends {
                    #expect(isReset)
                    break
                }
            }
            for proxy in proxies {
                _ = try await proxy.tunnels { $0.open == 0 && $0.total == 1 }
                // A tunnel that broke off says nothing about the server.
                #expect(proxy.statistics.upstreams.allSatisfy { $0.failed == 0 && $0.pending == 0 })
            }
        }
    }

    @Test("a tunnel that is silent for too long is closed, at both ends", arguments: Route.streaming)
    func idle(route: Route) async throws {
        let (ends, told) = AsyncStream.makeStream(of: Void.self)
        try await self.play(route) {
            $0.tunnelIdleTimeout = .milliseconds(80)
        } server: { peer in
            _ = await peer.readHead()
            peer.write(upgradeGrant + "x")
            _ = await peer.readToEnd()
            told.yield()
        } client: { peer, proxies in
            peer.write(upgradeRequest)
            #expect(await peer.readHead().hasPrefix("HTTP/1.1 101 "))
            #expect(await peer.readToEnd() == ByteBuffer(string: "x"))
            for await _ in ends { break }
            for proxy in proxies { _ = try await proxy.tunnels { $0.open == 0 && $0.total == 1 } }
        }
    }

    @Test("a drain gives tunnels its time, and then closes them", arguments: Route.streaming)
    func drain(route: Route) async throws {
        try await self.play(route) { peer in
            _ = await peer.readHead()
            peer.write(upgradeGrant)
            while let bytes = await peer.readSome() { peer.write(bytes) }
        } client: { peer, proxies in
            peer.write(upgradeRequest)
            #expect(await peer.readHead().hasPrefix("HTTP/1.1 101 "))
            peer.write("a")
            #expect(await peer.read(1) == ByteBuffer(string: "a"))
            async let isDrained = proxies[0].shutDown(limit: .milliseconds(300))
            #expect(await peer.readToEnd().readableBytes == 0)
            #expect(await !isDrained)
        }
    }

    @Test("a tunnel counts against the limit of requests, and its connection carries no request afterwards")
    func places() async throws {
        let connections = Atomic(0)
        try await self.play(.http) {
            $0.concurrency = 1
            $0.outConnectionsPerAddress = 1
        } server: { peer in
            connections.wrappingAdd(1, ordering: .relaxed)
            let head = await peer.readHead()
            guard head.hasPrefix("GET /chat ") else {
                return peer.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")
            }
            peer.write(upgradeGrant)
            _ = await peer.readToEnd()
            await peer.close()
        } client: { peer, proxies in
            peer.write(upgradeRequest)
            #expect(await peer.readHead().hasPrefix("HTTP/1.1 101 "))
            #expect(proxies[0].statistics.tunnels.open == 1 && proxies[0].statistics.requestsActive == 1)
            let front = try #require(peer.channel?.remoteAddress?.port)
            func ask() async throws -> String {
                let other = try await RawPeer.connect(to: .tcp(host: "127.0.0.1", port: front))
                other.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                return await other.readHead()
            }
            #expect(try await ask().hasPrefix("HTTP/1.1 429 "))
            peer.endOutput()
            #expect(await peer.readToEnd().readableBytes == 0)
            _ = try await proxies[0].tunnels { $0.open == 0 }
            #expect(try await ask().hasPrefix("HTTP/1.1 200 "))
        }
        #expect(connections.load(ordering: .relaxed) == 2)
    }
}

extension Proxy {
    /// What is counted of tunnels, once it is as it should be.
    fileprivate func tunnels(_ isRight: (TunnelStatistics) -> Bool) async throws -> TunnelStatistics {
        while true {
            let tunnels = self.statistics.tunnels
            if isRight(tunnels) { return tunnels }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}
