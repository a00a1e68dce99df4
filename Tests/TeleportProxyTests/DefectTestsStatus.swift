import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import TeleportProxy
import Testing

@Suite("Each status where it belongs", .serialized, .timeLimit(.minutes(10)))
struct StatusTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let request: String
        let status: Status
        var change: @Sendable (inout ProxyConfiguration) -> Void = { _ in }
    }

    private static let get = "GET / HTTP/1.1\r\nHost: a\r\n"
    static let rows = [
        Row(testDescription: "400", request: "GET / HTTP/1.1\r\n\r\n", status: 400),
        Row(testDescription: "405", request: "POST / HTTP/1.1\r\nHost: a\r\n\r\n", status: 405) {
            $0.front.getOnly = true
        },
        Row(testDescription: "408 in the line", request: "GET /", status: 408) {
            $0.front.headTimeout = .milliseconds(20)
        },
        Row(testDescription: "408 in the fields", request: get + "X: ", status: 408) {
            $0.front.headTimeout = .milliseconds(20)
        },
        Row(
            testDescription: "408 in the body", request: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc",
            status: 408
        ) {
            $0.front.rateGrace = .milliseconds(20)
            $0.front.minimumRate = 1_000_000
        },
        Row(
            testDescription: "413", request: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4194305\r\n\r\n",
            status: 413
        ) {
            $0.front.limits = HTTPLimits(maxDiscardedBody: 0)
        },
        Row(
            testDescription: "414", request: "GET /\(String(repeating: "x", count: 16 << 10)) HTTP/1.1\r\n", status: 414
        ),
        Row(testDescription: "417", request: get + "Expect: the-unexpected\r\n\r\n", status: 417),
        Row(testDescription: "429", request: get + "\r\n", status: 429) { $0.concurrency = 0 },
        Row(
            testDescription: "431", request: get + "X: \(String(repeating: "x", count: 64 << 10))\r\n\r\n", status: 431),
        Row(testDescription: "501 for CONNECT", request: "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", status: 501),
        Row(
            testDescription: "501 for a websocket", request: get + "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            status: 501),
        Row(
            testDescription: "501 for a transfer coding", request: get + "Transfer-Encoding: gzip\r\n\r\n", status: 501),
        Row(testDescription: "505", request: "GET / HTTP/3.0\r\nHost: a\r\n\r\n", status: 505),
    ]

    @Test("to HTTP clients; and it says what is wrong", arguments: rows, [Front.http, .chain])
    func http(row: Row, front: Front) async throws {
        let origin = try await RawServer { peer in _ = await peer.readToEnd() }
        try await front.run(to: [origin.address], row.change) { address in
            var client = try await RawClient(to: address)
            client.send(row.request)
            let answer = try await client.answer()
            #expect(answer?.status == row.status)
            #expect(answer?.text.isEmpty == false)
            await client.peer.close()
        }
        await origin.kill()
    }

    @Test(
        "502 for nobody there, for garbage, and for an answer that breaks off; 504 for silence",
        arguments: Front.allCases,
        [DefectTests.FailureKind.close, .garbage, .partialHead, .silence])
    func upstream(front: Front, kind: DefectTests.FailureKind) async throws {
        let origin = try await RawServer { try await kind.play($0) }
        try await front.run(
            to: [origin.address], { if kind == .silence { $0.outTimeout = .milliseconds(100) } }
        ) { address in
            let status =
                front.speaksHTTP
                ? try await DefectTests.status(of: VerdictTests.next, at: address)
                : try await DefectTests.linkStatus(of: VerdictTests.next, at: address)
            #expect(status == (kind == .silence ? 504 : 502))
        }
        await origin.kill()
    }

    @Test("503 when all connections to the server stay busy until the deadline")
    func busy() async throws {
        let (begun, began) = AsyncStream.makeStream(of: Void.self)
        let origin = try await RawServer { peer in
            _ = await peer.readHead()
            began.finish()
            _ = await peer.read(4)
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            _ = await peer.readToEnd()
        }
        try await withProxy(
            to: [origin.address],
            {
                $0.outConnectionsPerAddress = 1
                $0.outTimeout = .seconds(1)
            }
        ) { address, _ in
            // It is this client that is waited for, so its own deadline stands still.
            var busy = try await RawClient(to: address)
            busy.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
            for await _ in begun { break }
            #expect(try await DefectTests.status(of: VerdictTests.next, at: address) == 503)
            #expect(try await DefectTests.status(of: "POST / HTTP/1.1\r\nHost: a\r\n\r\n", at: address) == 503)
            busy.send("cd")
            #expect(try await busy.answer(to: .put)?.status == 200)
            await busy.peer.close()
        }
        #expect(origin.connectionCount == 1)
        await origin.kill()
    }

    @Test("503 when more bytes wait for a link than it holds; those that wait are answered")
    func linkFull() async throws {
        let gate = Gate()
        let server = try await RawServer { peer in
            guard await peer.read(15) != nil else { return }
            await gate.wait()
            peer.write(LinkClient.preface + [1, 0])
            var decoder = RequestDecoder(profile: .teleport, limits: HTTPLimits(maxBodySize: 1 << 30))
            var received = ByteBuffer()
            for id in 1...2 as ClosedRange<UInt32> {
                while received.readableBytes < 34_000_000, let bytes = await peer.readSome() {
                    received.writeImmutableBuffer(bytes)
                }
                received.moveReaderIndex(forwardBy: 4)
                guard case .request(let request)? = try decoder.nextMessage(from: &received) else { return }
                let message = "HTTP/1.1 200 OK\r\nX-Got: \(request.body.count ?? 0)\r\nContent-Length: 0\r\n\r\n"
                peer.write(LinkClient.framed(id, ByteBuffer(string: message)))
            }
            _ = await peer.readToEnd()
        }
        try await withProxy(
            to: [server.address],
            {
                $0.outKind = .teleport
                $0.outWire = .v0
                $0.outTimeout = .seconds(60)
                $0.front.limits = HTTPLimits(maxBodySize: 1 << 30)
            }
        ) { address, proxy in
            var client = try await RawClient(to: address)
            for _ in 0..<2 {
                client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 34000000\r\n\r\n")
                client.peer.write(ByteBuffer(repeating: 0x61, count: 34_000_000))
            }
            client.send(VerdictTests.next)
            try await poll { proxy.statistics.requestsFailed > 0 }
            await gate.open()
            for _ in 0..<2 {
                #expect(try await client.answer(to: .post)?.fields.first("X-Got") == "34000000")
            }
            #expect(try await client.answer()?.status == 503)
            await client.peer.close()
        }
        await server.kill()
    }
}

@Suite("The client's connection and the server's", .serialized, .timeLimit(.minutes(10)))
struct ConnectionTests {
    static let fronts = [Front.http, .chain]

    @Test("a client that closes its half still gets its answers, and then the end", arguments: fronts)
    func halfClosed(front: Front) async throws {
        let origin = try await RecordingOrigin()
        try await front.run(to: [origin.address]) { address in
            var client = try await RawClient(to: address)
            client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
            client.peer.endOutput()
            #expect(try await client.answer()?.text == "GET /1")
            #expect(try await client.answer(to: .post)?.text == "hi")
            #expect(await client.endsQuietly())
        }
        await origin.kill()
    }

    @Test(
        "a request that ends half way is a 400, and never complete to the server", arguments: fronts,
        [
            "POST /half HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc",
            "POST /half HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "POST /half HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
            "GET /half HTTP/1.1\r\nHost: a\r\n",
        ])
    func halfRequest(front: Front, request: String) async throws {
        let origin = try await RecordingOrigin()
        try await front.run(to: [origin.address]) { address in
            var client = try await RawClient(to: address)
            client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n" + request)
            client.peer.endOutput()
            #expect(try await client.answer()?.text == "GET /1")
            #expect(try await client.answer(to: .post)?.status == 400)
            #expect(await client.endsQuietly())
        }
        #expect(origin.requests == ["GET /1 a \"\""])
        await origin.kill()
    }

    @Test("HTTP/1.0 is closed, unless it asks to be kept, each time", arguments: fronts)
    func http10(front: Front) async throws {
        let origin = try await RecordingOrigin()
        try await front.run(to: [origin.address]) { address in
            var client = try await RawClient(to: address)
            for number in 1...3 {
                client.send("GET /\(number) HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
                let answer = try await client.answer()
                #expect(answer?.fields.all("Connection") == ["keep-alive"])
                #expect(answer?.text == "GET /\(number)")
            }
            client.send("GET /last HTTP/1.0\r\n\r\nGET /never HTTP/1.0\r\n\r\n")
            let answer = try await client.answer()
            #expect(answer?.text == "GET /last")
            #expect(answer?.head.keepsAlive == false)
            #expect(await client.endsQuietly())
        }
        #expect(origin.requests.map { $0.split(separator: " ")[1] } == ["/1", "/2", "/3", "/last"])
        await origin.kill()
    }

    @Test("absolute-form decides over Host, and OPTIONS * stays what it is", arguments: Front.allCases)
    func targets(front: Front) async throws {
        let origin = try await RecordingOrigin()
        try await front.run(to: [origin.address]) { address in
            for request in [
                "GET http://real:81/p?q HTTP/1.1\r\nHost: fake\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
            ] {
                let status =
                    front.speaksHTTP
                    ? try await DefectTests.status(of: request, at: address)
                    : try await DefectTests.linkStatus(of: request, at: address)
                #expect(status == 200)
            }
        }
        #expect(origin.requests == ["GET http://real:81/p?q real:81 \"\"", "OPTIONS * h \"\""])
        await origin.kill()
    }

    @Test(
        "Expect: 100-continue is answered here, stays here, and the upload is streamed (D1)", arguments: [true, false])
    func expectContinueStreams(isChunked: Bool) async throws {
        let (signal, rest) = AsyncStream.makeStream(of: Void.self)
        let pieces = isChunked ? ["3\r\nabc\r\n", "3\r\ndef\r\n0\r\n\r\n"] : ["abc", "def"]
        let origin = try await RawServer { peer in
            let head = await peer.readHead()
            #expect(!head.lowercased().contains("expect"))
            #expect(await peer.read(pieces[0].utf8.count) == ByteBuffer(string: pieces[0]))
            rest.finish()
            #expect(await peer.read(pieces[1].utf8.count) == ByteBuffer(string: pieces[1]))
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            _ = await peer.readToEnd()
        }
        try await Front.http.run(to: [origin.address]) { address in
            var client = try await RawClient(to: address)
            client.send(
                "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                    + (isChunked ? "Transfer-Encoding: chunked\r\n\r\n" : "Content-Length: 6\r\n\r\n"))
            #expect(await client.peer.readHead() == "HTTP/1.1 100 Continue\r\n\r\n")
            client.send(pieces[0])
            for await _ in signal { break }
            client.send(pieces[1])
            #expect(try await client.answer(to: .put)?.status == 200)
            await client.peer.close()
        }
        await origin.kill()
    }

    @Test("an expectation that cannot be met: 417; it goes on if there is no body", arguments: fronts)
    func unknownExpectation(front: Front) async throws {
        let origin = try await RecordingOrigin()
        try await front.run(to: [origin.address]) { address in
            var client = try await RawClient(to: address)
            client.send("GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n" + VerdictTests.next)
            #expect(try await client.answer()?.status == 417)
            #expect(try await client.answer()?.text == "GET /headers")
            await client.peer.close()
        }
        #expect(origin.requests == [VerdictTests.nextSeen])
        await origin.kill()
    }

    @Test("a server that closes after each answer does not close the client's connection (D16)", arguments: fronts)
    func upstreamCloses(front: Front) async throws {
        let origin = try await RawServer { peer in
            guard await peer.readHead().hasSuffix("\r\n\r\n") else { return }
            peer.write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi")
            await peer.close()
        }
        try await front.run(to: [origin.address]) { address in
            var client = try await RawClient(to: address)
            for _ in 0..<5 {
                client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
                let answer = try await client.answer(to: .post)
                #expect(answer?.text == "hi")
                #expect(answer?.fields.contains(.connection) == false)
            }
            await client.peer.close()
        }
        #expect(origin.connectionCount == 5)
        await origin.kill()
    }

    @Test("a client that closes does not close the server's connection (D16)", arguments: fronts)
    func clientCloses(front: Front) async throws {
        let origin = try await RecordingOrigin()
        try await front.run(to: [origin.address], { $0.outConnectionsPerAddress = 1 }) { address in
            for number in 0..<5 {
                var client = try await RawClient(to: address)
                client.send("GET /\(number) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                let answer = try await client.answer()
                #expect(answer?.text == "GET /\(number)")
                #expect(answer?.head.keepsAlive == false)
                #expect(await client.endsQuietly())
            }
        }
        #expect(origin.connectionCount == 1)
        await origin.kill()
    }
}

@Suite("Which server gets a request", .serialized, .timeLimit(.minutes(10)))
struct UpstreamChoiceTests {
    @Test(
        "one that refuses connections costs no client anything, POST neither: it has seen none of it",
        arguments: Front.allCases, ["GET", "POST"])
    func refusing(front: Front, method: String) async throws {
        let origin = try await RecordingOrigin()
        let absent = TransportAddress.tcp(host: "127.0.0.1", port: try unusedPort())
        try await front.run(to: [absent, origin.address]) { address in
            for number in 0..<20 {
                let request = "\(method) /\(number) HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
                let status =
                    front.speaksHTTP
                    ? try await DefectTests.status(of: request, at: address)
                    : try await DefectTests.linkStatus(of: request, at: address)
                #expect(status == 200)
            }
        }
        #expect(origin.requests == (0..<20).map { "\(method) /\($0) a \"\"" })
        await origin.kill()
    }

    @Test("a Teleport server that is down costs no client anything either", arguments: ["GET", "POST"])
    func refusingLink(method: String) async throws {
        let server = try await LinkServer { id, request, reply in try reply.send(id, ByteBuffer(string: request.target))
        }
        let absent = TransportAddress.tcp(host: "127.0.0.1", port: try unusedPort())
        try await withProxy(
            to: [absent, server.address],
            {
                $0.outKind = .teleport
                $0.outTimeout = .seconds(60)
            }
        ) { address, _ in
            for number in 0..<20 {
                let status = try await DefectTests.status(
                    of: "\(method) /\(number) HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", at: address)
                #expect(status == 200)
            }
        }
        await server.server.kill()
    }

    @Test(
        "one is killed under load: what is idempotent is answered by the other; nothing hangs",
        arguments: Front.allCases)
    func killed(front: Front) async throws {
        let gate = Gate()
        let doomed = try await Origin { request in
            await gate.wait()
            return try await mirror(request)
        }
        // Neither answers before the other has some: it would get what comes then, as the less loaded one.
        let others = Gate()
        let other = try await RecordingOrigin(behind: others)
        try await front.run(to: [doomed.address, other.address]) { address in
            try await withThrowingTaskGroup(of: Status?.self) { group in
                for number in 0..<60 {
                    let request = "GET /\(number) HTTP/1.1\r\nHost: a\r\n\r\n"
                    group.addTask {
                        front.speaksHTTP
                            ? try await DefectTests.status(of: request, at: address)
                            : try await DefectTests.linkStatus(of: request, at: address)
                    }
                }
                await gate.arrived(10)
                await doomed.server.kill()
                await gate.open()
                await others.open()
                let statuses = try await group.reduce(into: []) { $0.append($1) }
                #expect(statuses == Array(repeating: 200, count: 60))
            }
        }
        #expect(Set(other.requests).count == other.requests.count, "none was asked twice of the same server")
        await other.kill()
    }

    @Test("a POST that the killed server may have seen is a 502, and asked of nobody else", arguments: Front.allCases)
    func killedPOST(front: Front) async throws {
        let gate = Gate()
        let doomed = try await Origin { request in
            await gate.wait()
            return try await mirror(request)
        }
        // Neither answers before the other has some: it would get what comes then, as the less loaded one.
        let others = Gate()
        let other = try await RecordingOrigin(behind: others)
        try await front.run(to: [doomed.address, other.address]) { address in
            try await withThrowingTaskGroup(of: Status?.self) { group in
                for _ in 0..<2 {
                    group.addTask {
                        let request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
                        return front.speaksHTTP
                            ? try await DefectTests.status(of: request, at: address)
                            : try await DefectTests.linkStatus(of: request, at: address)
                    }
                }
                await gate.arrived(1)
                await others.arrived(1)
                await doomed.server.kill()
                await gate.open()
                await others.open()
                let statuses = try await group.reduce(into: []) { $0.append($1) }
                #expect(statuses.map { $0?.code ?? 0 }.sorted() == [200, 502])
            }
        }
        await other.kill()
    }

    @Test("all down: 502; one back up: 200", arguments: [Front.http, .chain])
    func backUp(front: Front) async throws {
        let ports = [try unusedPort(), try unusedPort()]
        try await front.run(to: ports.map { .tcp(host: "127.0.0.1", port: $0) }) { address in
            for _ in 0..<5 { #expect(try await DefectTests.status(of: VerdictTests.next, at: address) == 502) }
            let origin = try await Origin(port: ports[1], answer: mirror)
            // Set aside for a while, but both are: so one is asked all the same, and then the other.
            for _ in 0..<5 { #expect(try await DefectTests.status(of: VerdictTests.next, at: address) == 200) }
            await origin.server.kill()
        }
    }

    @Test("a request that was tried elsewhere first keeps its own deadline while it waits for a connection (D4)")
    func lateRetry() async throws {
        let (close, goOn) = (Gate(), Gate())
        let first = try await RawServer { peer in
            if await peer.readHead().hasPrefix("GET /late ") {
                await close.wait()
                await peer.close()
            }
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        }
        // Its only connection is busy until somebody says so.
        let second = try await RawServer { peer in
            _ = await peer.readHead()
            await goOn.wait()
            _ = await peer.read(4)
            repeat { peer.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") } while await peer.readHead() != ""
        }
        let hourglass = try await RawServer { peer in _ = await peer.readToEnd() }
        try await withProxy(to: [hourglass.address], { $0.outTimeout = .milliseconds(700) }) { glass, _ in
            try await withProxy(
                to: [first.address, second.address],
                {
                    $0.outConnectionsPerAddress = 1
                    $0.outTimeout = .milliseconds(2100)
                }
            ) { address, _ in
                var late = try await RawClient(to: address)
                late.send("GET /late HTTP/1.1\r\nHost: a\r\n\r\n")
                await close.arrived(1)
                let busy = try await RawClient(to: address)
                busy.send("PUT /busy HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
                await goOn.arrived(1)
                _ = try await DefectTests.status(of: VerdictTests.next, at: glass)
                // One waits for the first server and one for the second, with a third of the time more than the late one.
                var others = [try await RawClient(to: address), try await RawClient(to: address)]
                for other in others { other.send("GET /young HTTP/1.1\r\nHost: a\r\n\r\n") }
                _ = try await DefectTests.status(of: VerdictTests.next, at: glass)
                await close.open()
                #expect(try await late.answer()?.status == 503)
                await goOn.open()
                busy.send("cd")
                for index in others.indices {
                    #expect(try await others[index].answer()?.status == 200, "there was time left for it")
                }
                for client in [late, busy] + others { await client.peer.close() }
            }
        }
        for server in [first, second, hourglass] { await server.kill() }
    }
}
