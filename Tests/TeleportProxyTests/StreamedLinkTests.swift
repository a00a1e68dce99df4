import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import TeleportProxy
import Testing

/// What streams over Teleport links, and what ends them.
@Suite("Streams over links", .timeLimit(.minutes(10)))
struct StreamedLinkTests {
    static let links = [Route.v1, .v1v1]
    private static let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    // MARK: Back pressure

    @Test(
        "a client that reads slowly holds the server back, and nobody else; what is held in between stays small",
        arguments: Route.streaming)
    func slowReader(route: Route) async throws {
        let (size, step) = (48 << 20, 64 << 10)
        let written = Atomic<Int>(0)
        let read = Atomic<Int>(0)
        let most = Atomic<Int>(0)
        let origin = try await RawServer { peer in
            while case let head = await peer.readHead(), head.hasSuffix("\r\n\r\n") {
                guard head.hasPrefix("GET /large ") else {
                    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")
                    continue
                }
                peer.write("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
                for start in stride(from: 0, to: size, by: step) {
                    guard await peer.push(Noise.slice(step, at: start)) else { return }
                    let ahead = written.wrappingAdd(step, ordering: .relaxed).newValue - read.load(ordering: .relaxed)
                    most.max(ahead, ordering: .relaxed)
                }
            }
        }
        try await route.run(to: [origin.address]) { front, _ in
            let slow = try await RawPeer.connect(to: front, reads: false)
            slow.write("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            var other = try await RawClient(to: front)
            var head = ByteBuffer()
            var position = 0
            while position < size {
                // Others have their answers; whoever could run ahead has all the time to.
                for _ in 0..<8 {
                    other.send(Self.get)
                    #expect(try await other.answer()?.body.buffer == ByteBuffer(string: "fine"))
                }
                slow.channel?.read()
                guard var bytes = await slow.readSome() else { break }
                while !head.readableBytesView.reversed().starts(with: "\n\r\n\r".utf8),
                    let byte = bytes.readInteger(as: UInt8.self)
                {
                    head.writeInteger(byte)
                }
                #expect(bytes == Noise.slice(bytes.readableBytes, at: position), "at \(position)")
                position += bytes.readableBytes
                read.wrappingAdd(bytes.readableBytes, ordering: .relaxed)
            }
            #expect(position == size)
            await slow.close()
            await other.peer.close()
        }
        // Mostly what the kernel holds for each of up to four connections.
        #expect(most.load(ordering: .relaxed) < 40 << 20)
        await origin.kill()
    }

    @Test("megabytes both ways at once, in pieces of any size, arrive as they were", arguments: links)
    func bothWays(route: Route) async throws {
        let size = 5 << 20
        let origin = try await RawServer { peer in
            _ = await peer.readHead()
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
            var position = 0
            // Each byte goes back as soon as it is here.
            while position < size, let bytes = await peer.readSome() {
                position += bytes.readableBytes
                guard await peer.push(bytes) else { return }
            }
        }
        try await route.run(to: [origin.address], { $0.front.limits.maxBodySize = size }) { front, _ in
            let peer = try await RawPeer.connect(to: front)
            peer.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
            async let sent: Void = {
                var position = 0
                while position < size {
                    let count = min([7, 16_001, 70_000, 160_000][position % 4], size - position)
                    guard await peer.push(Noise.slice(count, at: position)) else { return }
                    position += count
                }
            }()
            #expect(await peer.readHead().hasPrefix("HTTP/1.1 200 OK\r\n"))
            for start in stride(from: 0, to: size, by: 1 << 20) {
                #expect(await peer.read(1 << 20) == Noise.slice(1 << 20, at: start))
            }
            await sent
            await peer.close()
        }
        await origin.kill()
    }

    // MARK: Giving up

    @Test(
        "a client that goes away while it waits for its answer ends the server's work, however it goes",
        arguments: Route.streaming, [true, false])
    func leavesWaiting(route: Route, resets: Bool) async throws {
        let (asked, left) = (Flag(), Flag())
        let origin = try await RawServer { peer in
            _ = await peer.readHead()
            asked.raise()
            _ = await peer.readToEnd()
            left.raise()
        }
        try await route.run(to: [origin.address]) { front, proxies in
            let peer = try await RawPeer.connect(to: front)
            peer.write(Self.get)
            await asked.wait()
            if resets { try await peer.reset() } else { await peer.close() }
            await left.wait()
            try await poll { proxies.allSatisfy { $0.statistics.requestsFailed == 1 } }
        }
        await origin.kill()
    }

    @Test("a client that has closed its half and waits is answered, and costs one 100 (Continue) at most")
    func halfClosed() async throws {
        let gate = Gate()
        let origin = try await Origin { request in
            await gate.wait()
            return try await mirror(request)
        }
        try await Route.http.run(to: [origin.address]) { front, _ in
            let peer = try await RawPeer.connect(to: front)
            peer.write(Self.get)
            peer.endOutput()
            let asked = "HTTP/1.1 100 Continue\r\n\r\n"
            #expect(await peer.read(asked.utf8.count) == ByteBuffer(string: asked))
            await gate.open()
            let answer = String(buffer: await peer.readToEnd())
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n") && answer.hasSuffix("GET /"))
            await peer.close()
        }
        await origin.server.kill()
    }

    @Test("requests that are given up one after the other leave nothing behind", arguments: links)
    func manyLeave(route: Route) async throws {
        let arrived = Atomic<Int>(0)
        let origin = try await RawServer { peer in
            _ = await peer.readHead()
            arrived.wrappingAdd(1, ordering: .relaxed)
            _ = await peer.readToEnd()
            arrived.wrappingSubtract(1, ordering: .relaxed)
        }
        try await route.run(to: [origin.address]) { front, proxies in
            for _ in 0..<5 {
                var peers: [RawPeer] = []
                for _ in 0..<20 {
                    let peer = try await RawPeer.connect(to: front)
                    peer.write(Self.get)
                    peers.append(peer)
                }
                try await poll { arrived.load(ordering: .relaxed) == 20 }
                for peer in peers { try await peer.reset() }
                try await poll { arrived.load(ordering: .relaxed) == 0 }
            }
            try await poll { proxies.allSatisfy { $0.statistics.requestsFailed == 100 } }
            // One of them, lost before the first answer, would have taken the connection with it.
            #expect(proxies[1].statistics.clients.connectionsOpened == 1)
        }
        await origin.kill()
    }

    @Test("a Teleport client that gives its call up ends the server's work, before and during the answer")
    func callGivenUp() async throws {
        for answers in [false, true] {
            let (asked, left) = (Flag(), Flag())
            let origin = try await RawServer { peer in
                _ = await peer.readHead()
                if answers { peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n") }
                asked.raise()
                _ = await peer.readToEnd()
                left.raise()
            }
            try await withProxy(to: [origin.address], { $0.front.kind = .teleport }) { link, _ in
                let client = TeleportClient.patient(to: link)
                let call = Task {
                    let response = try await client.execute(Request(.get, "/", host: "a"), timeout: .seconds(60))
                    for try await _ in response.body {}
                }
                await asked.wait()
                call.cancel()
                await left.wait()
                await #expect(throws: (any Error).self) { try await call.value }
                await client.shutDown(limit: .seconds(5))
            }
            await origin.kill()
        }
    }

    @Test("the time that a Teleport client gives its request ends the server's work")
    func deadline() async throws {
        let left = Flag()
        let origin = try await RawServer { peer in
            _ = await peer.readToEnd()
            left.raise()
        }
        try await withProxy(to: [origin.address], { $0.front.kind = .teleport }) { far, _ in
            try await withProxy(
                to: [far],
                {
                    $0.front.kind = .teleport
                    $0.outKind = .teleport
                }
            ) { link, proxy in
                let client = TeleportClient.patient(to: link)
                // As long as it takes to get to the server, which is the machine's business.
                var timeout = TimeAmount.milliseconds(50)
                var count = 0
                while origin.connectionCount == 0 {
                    await #expect(throws: RPCError.self) {
                        try await client.execute(Request(.get, "/", host: "a"), timeout: timeout)
                    }
                    count += 1
                    timeout = timeout * 2
                }
                await left.wait()
                try await poll { [count] in
                    proxy.statistics.requestsTimedOut + proxy.statistics.requestsFailed == count
                }
                await client.shutDown(limit: .seconds(5))
            }
        }
        await origin.kill()
    }

    // MARK: Links that break

    @Test("a link that is lost during an answer: the client never takes it for complete", arguments: links)
    func linkLost(route: Route) async throws {
        let origin = try await RawServer { peer in
            _ = await peer.readHead()
            peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
            _ = await peer.readToEnd()
        }
        try await route.run(to: [origin.address]) { front, proxies in
            let peer = try await RawPeer.connect(to: front)
            peer.write(Self.get)
            _ = await peer.readHead()
            #expect(await peer.read(9) == ByteBuffer(string: "4\r\nhalf\r\n"))
            await proxies.last?.shutDown(limit: .zero)
            #expect(await peer.readToEnd().readableBytes == 0)
            await peer.close()
        }
        await origin.kill()
    }

    @Test("a server that stops in the middle of its answer is given up after its time", arguments: links)
    func stalledServer(route: Route) async throws {
        let left = Flag()
        let origin = try await RawServer { peer in
            _ = await peer.readHead()
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            _ = await peer.readToEnd()
            left.raise()
        }
        // As long as it takes for the beginning of the answer to come, which is the machine's business.
        var timeout = TimeAmount.milliseconds(200)
        var answer = ""
        while !answer.hasSuffix("\r\n\r\nhalf") {
            answer = try await route.run(to: [origin.address], { $0.outTimeout = timeout }) { front, proxies in
                let peer = try await RawPeer.connect(to: front)
                peer.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                let answer = String(buffer: await peer.readToEnd())
                if answer.hasSuffix("half") {
                    try await poll {
                        proxies.allSatisfy { $0.statistics.requestsTimedOut + $0.statistics.requestsFailed == 1 }
                    }
                }
                await peer.close()
                return answer
            }
            #expect(answer.hasSuffix("\r\n\r\nhalf") || answer.hasPrefix("HTTP/1.1 504 "), "\(answer)")
            timeout = timeout * 2
        }
        await left.wait()
        await origin.kill()
    }

    @Test("a server that does not take a request's body is given up after its time; a slow client is not")
    func stalledUpload() async throws {
        let left = Flag()
        let origin = try await RawServer { peer in
            guard await peer.readHead().hasPrefix("POST /stalled ") else {
                // The client was slower than a server may be.
                _ = await peer.read(6)
                peer.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                return
            }
            // All of it, and then silence.
            _ = await peer.read(3)
            _ = await peer.readToEnd()
            left.raise()
        }
        let hourglass = try await RawServer { peer in _ = await peer.readToEnd() }
        try await Route.v1.run(to: [origin.address], { $0.outTimeout = .seconds(1) }) { front, _ in
            var client = try await RawClient(to: front)
            client.send("POST /stalled HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            client.send("0\r\n\r\n")
            #expect(try await client.answer(to: .post)?.status == 504)
            await left.wait()
            client.send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
            // Three times the server's time passes here.
            try await withProxy(to: [hourglass.address], { $0.outTimeout = .seconds(3) }) { glass, _ in
                let status = try await DefectTests.status(of: Self.get, at: glass)
                #expect(status == 504)
            }
            client.send("def")
            #expect(try await client.answer(to: .post)?.status == 200)
            await client.peer.close()
        }
        await hourglass.kill()
        await origin.kill()
    }

    @Test("a Teleport client that gives or takes nothing for too long is ended")
    func stalledClient() async throws {
        let (asked, left) = (Flag(), Flag())
        let origin = try await RawServer { peer in
            _ = await peer.readHead()
            asked.raise()
            _ = await peer.readToEnd()
            left.raise()
        }
        let (pieces, more) = AsyncStream.makeStream(of: ByteBuffer.self)
        try await withProxy(
            to: [origin.address],
            {
                $0.front.kind = .teleport
                $0.outTimeout = .seconds(60)
                $0.inUploadStall = .milliseconds(100)
            }
        ) { link, _ in
            let client = TeleportClient.patient(to: link)
            more.yield(ByteBuffer(string: "abc"))
            let answer = try await client.execute(
                Request(.post, "/", host: "a", body: Body(stream: pieces)), timeout: .seconds(60))
            #expect(answer.status == .requestTimeout)
            await asked.wait()
            await left.wait()
            await client.shutDown(limit: .seconds(5))
        }
        more.finish()
        await origin.kill()
    }

    // MARK: HTTP

    @Test("HEAD goes on as such, and 304 says how long the content would be", arguments: links)
    func noContent(route: Route) async throws {
        let methods = Mutex<[String]>([])
        let origin = try await RawServer { peer in
            while case let head = await peer.readHead(), head.hasSuffix("\r\n\r\n") {
                methods.withLock { $0.append(String(head.prefix { $0 != " " })) }
                let status = head.hasPrefix("HEAD") ? "200 OK" : "304 Not Modified"
                peer.write("HTTP/1.1 \(status)\r\nETag: \"x\"\r\nContent-Length: 12345\r\n\r\n")
            }
        }
        try await route.run(to: [origin.address]) { front, _ in
            let peer = try await RawPeer.connect(to: front)
            for (method, status) in [("HEAD", "200 OK"), ("GET", "304 Not Modified"), ("HEAD", "200 OK")] {
                peer.write("\(method) / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(
                    await peer.readHead() == "HTTP/1.1 \(status)\r\nETag: \"x\"\r\nContent-Length: 12345\r\n\r\n")
            }
            await peer.close()
        }
        #expect(methods.withLock { $0 } == ["HEAD", "GET", "HEAD"])
        await origin.kill()
    }

    @Test(
        "Expect: 100-continue is met by the first proxy, and the body goes on as it comes", arguments: Route.streaming)
    func expectation(route: Route) async throws {
        let seen = Flag()
        let origin = try await RawServer { peer in
            let head = await peer.readHead()
            #expect(!head.contains("Expect"))
            #expect(await peer.read(3) == ByteBuffer(string: "abc"))
            seen.raise()
            #expect(await peer.read(3) == ByteBuffer(string: "def"))
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        }
        try await route.run(to: [origin.address]) { front, _ in
            let peer = try await RawPeer.connect(to: front)
            peer.write("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n")
            #expect(await peer.readHead() == "HTTP/1.1 100 Continue\r\n\r\n")
            peer.write("abc")
            await seen.wait()
            peer.write("def")
            #expect(await peer.readHead().hasPrefix("HTTP/1.1 200 OK\r\n"))
            await peer.close()
        }
        await origin.kill()
    }

    @Test("more informational answers than a v1 client takes are left out", arguments: links)
    func manyInformational(route: Route) async throws {
        let origin = try await RawServer { peer in
            _ = await peer.readHead()
            for index in 0..<10 { peer.write("HTTP/1.1 103 Early Hints\r\nX: \(index)\r\n\r\n") }
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        }
        try await route.run(
            to: [origin.address], { $0.outLimits = HTTPLimits(maxInformationalResponses: 20) }
        ) { front, _ in
            let peer = try await RawPeer.connect(to: front)
            peer.write(Self.get)
            for index in 0..<8 {
                #expect(await peer.readHead() == "HTTP/1.1 103 Early Hints\r\nX: \(index)\r\n\r\n")
            }
            #expect(await peer.readHead() == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await peer.close()
        }
        await origin.kill()
    }

    @Test("a body that is not as long as was said is never complete to the server, whoever said so")
    func wrongLength() async throws {
        let bodies = Mutex<[String]>([])
        let origin = try await RawServer { peer in
            _ = await peer.readHead()
            let body = String(buffer: await peer.readToEnd())
            bodies.withLock { $0.append(body) }
        }
        try await withProxy(to: [origin.address], { $0.front.kind = .teleport }) { link, _ in
            let client = TeleportClient.patient(to: link)
            let (pieces, more) = AsyncStream.makeStream(of: ByteBuffer.self)
            more.yield(ByteBuffer(string: "abc"))
            more.finish()
            await #expect(throws: (any Error).self) {
                try await client.execute(
                    Request(.post, "/", host: "a", body: Body(stream: pieces, length: 10)), timeout: .seconds(60))
            }
            await client.shutDown(limit: .seconds(5))
        }
        #expect(bodies.withLock { $0.allSatisfy { $0.utf8.count < 10 } })
        await origin.kill()
    }

    @Test("a body over the limit of a proxy further on: 413, and never complete to the server")
    func tooLarge() async throws {
        let bodies = Mutex<[String]>([])
        let origin = try await RawServer { peer in
            _ = await peer.readHead()
            let body = String(buffer: await peer.readToEnd())
            bodies.withLock { $0.append(body) }
        }
        for head in ["Content-Length: 300000", "Transfer-Encoding: chunked"] {
            try await Route.v1.run(
                to: [origin.address], { if $0.front.kind == .teleport { $0.front.limits.maxBodySize = 100_000 } }
            ) { front, _ in
                var client = try await RawClient(to: front)
                client.send("POST / HTTP/1.1\r\nHost: a\r\n\(head)\r\n\r\n")
                let isChunked = head.hasPrefix("T")
                for _ in 0..<3 {
                    if isChunked { client.send("186A0\r\n") }
                    client.peer.write(ByteBuffer(repeating: 0x78, count: 100_000))
                    if isChunked { client.send("\r\n") }
                }
                if isChunked { client.send("0\r\n\r\n") }
                #expect(try await client.answer(to: .post)?.status == .contentTooLarge, "\(head)")
                await client.peer.close()
            }
        }
        #expect(bodies.withLock { $0.allSatisfy { !$0.hasSuffix("0\r\n\r\n") } })
        await origin.kill()
    }
}
