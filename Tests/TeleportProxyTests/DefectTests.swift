import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import TeleportProxy
import Testing

// The defects of the reference (behaviour.md), and the tests on running proxies that show they were not inherited.
//
// | row | tests                                                                                                        |
// |-----|--------------------------------------------------------------------------------------------------------------|
// | D1  | ChainTests.expectContinue; VerdictTests "expect" (v0 and HTTP); ConnectionTests.expectContinueStreams        |
// | D2  | DefectTests.largeRequests                                                                                    |
// | D3  | DefectTests.headBetweenGets                                                                                  |
// | D4  | DefectTests.drippingAnswer, drippingLink; UpstreamFailureTests.silent; UpstreamChoiceTests.lateRetry         |
// | D5  | ChainTests.badRequests; DefectLimitTests.headGrowsOverLimit, fieldCountGrowsOverLimit, answerGrowsOverLimit  |
// | D6  | DefectLimitTests.limits, exactLimits; StreamingTests.overLimit, announcedOverLimit                           |
// | D7  | DefectBombTests                                                                                              |
// | D8  | DefectHandshakeTests                                                                                         |
// | D9  | on the manual clock: ClientStateMachineTests.deadlines (TeleportRPCTests), DeadlineTimerTests                |
// |     | (TeleportTransportTests), PatienceTests                                                                      |
// | D10 | ChainTests.targets, ChainTests.connect; DefectTests.targets for the other inputs and outputs                 |
// | D11 | DefectTests.multipart                                                                                        |
// | D12 | DefectTests.threeLinks, threeConnections                                                                     |
// | D13 | DefectTests.pendingLimit; ChainTests.concurrency                                                             |
// | D14 | ChainTests.hopByHop (Date, no Content-Type); UpstreamFailureTests.absent; DefectTests.noAddressInErrors      |
// | D15 | DefectTests.ipv6, leakAtPipelinedLimit, drain                                                                |
// | D16 | ChainTests.hopByHop; StreamingTests.informational; DefectTests.unaskedSwitch; StatusTests (upgrade);         |
// |     | ConnectionTests.upstreamCloses, clientCloses                                                                 |
// | D17 | VerdictTests; InnocentTests                                                                                  |
// | D18 | DefectTests.attempts; UpstreamFailureTests.garbage, retries                                                  |
// | D19 | UpstreamFailureTests.framings; StreamingTests.trailers                                                       |
// | D20 | ChainTests.pipelined; DefectTests.pipelined                                                                  |

@Suite("Defects of the reference that are not here", .serialized, .timeLimit(.minutes(10)))
struct DefectTests {
    private static let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test(
        "200 requests of 300 KB at the same time all get their own answer (D2)",
        arguments: [Front.http, .chain])
    func largeRequests(front: Front) async throws {
        let origin = try await Origin { Response(body: $0.body) }
        try await front.run(to: [origin.address]) { address in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<200 {
                    group.addTask {
                        var client = try await RawClient(to: address)
                        let content = ByteBuffer(string: String(repeating: "\(1000 + number),", count: 60_000))
                        client.send("POST /\(number) HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n")
                        client.peer.write(content)
                        let answer = try await client.answer(to: .post)
                        await client.peer.close()
                        return answer?.status == 200 && answer?.body.buffer == content
                    }
                }
                let right = try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
                #expect(right == 200)
            }
        }
        await origin.server.kill()
    }

    @Test(
        "HEAD with a length between GETs takes nothing from their answers (D3)",
        arguments: [Front.http, .chain, .chainV0])
    func headBetweenGets(front: Front) async throws {
        // Not ``Origin``: what it says to HEAD has a length without a body.
        let origin = try await RawServer { peer in
            var decoder = RequestDecoder(profile: .http1)
            var received = ByteBuffer()
            while let bytes = await peer.readSome() {
                received.writeImmutableBuffer(bytes)
                while case .request(let request)? = try decoder.nextMessage(from: &received) {
                    let body = "\(request.target)" + String(repeating: "x", count: 1000)
                    peer.write(
                        "HTTP/1.1 200 OK\r\nX-T: \(request.target)\r\nContent-Length: \(body.utf8.count)\r\n\r\n")
                    if request.method != .head { peer.write(body) }
                }
            }
        }
        try await front.run(to: [origin.address]) { address in
            var client = try await RawClient(to: address)
            let methods: [HTTPMethod] = [.get, .head, .head, .get, .head, .get]
            client.send(
                methods.enumerated().map { "\($1) /\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
            for (index, method) in methods.enumerated() {
                let answer = try await client.answer(to: method)
                #expect(answer?.status == 200)
                #expect(answer?.fields.first("X-T") == "/\(index)")
                #expect(answer?.fields.first(.contentLength) == "1002")
                #expect(answer?.body.count == (method == .head ? 0 : 1002))
            }
            await client.peer.close()
        }
        await origin.kill()
    }

    @Test(
        "an answer that drips past the deadline is a 504 where it has to be whole (D4)",
        arguments: [Front.chainV0, .teleport])
    func drippingAnswer(front: Front) async throws {
        let origin = try await RawServer { peer in
            _ = await peer.readHead()
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            drip(to: peer)
            _ = await peer.readToEnd()
        }
        try await front.run(to: [origin.address], { $0.outTimeout = .milliseconds(150) }) { address in
            let status =
                front.speaksHTTP
                ? try await Self.status(of: Self.get, at: address)
                : try await Self.linkStatus(of: Self.get, at: address)
            #expect(status == 504)
        }
        await origin.kill()
    }

    @Test("a head that drips past the deadline is a 504 between HTTP and HTTP too (D4)")
    func drippingHead() async throws {
        let origin = try await RawServer { peer in
            _ = await peer.readHead()
            peer.write("HTTP/1.1 200 OK\r\nX-Long: ")
            drip(to: peer)
            _ = await peer.readToEnd()
        }
        try await withProxy(to: [origin.address], { $0.outTimeout = .milliseconds(150) }) { address, _ in
            let status = try await Self.status(of: Self.get, at: address)
            #expect(status == 504)
        }
        await origin.kill()
    }

    @Test("a link whose answer drips past the deadline: 504 to all that wait behind it (D4)")
    func drippingLink() async throws {
        let server = try await LinkServer { id, _, reply in
            guard id == 1 else { return }
            try reply.send(id, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            drip(to: reply.peer)
        }
        try await withProxy(
            to: [server.address],
            {
                $0.outKind = .teleport
                $0.outWire = .v0
                $0.outTimeout = .milliseconds(150)
            }
        ) { address, _ in
            async let first = Self.status(of: Self.get, at: address)
            async let second = Self.status(of: Self.get, at: address)
            let statuses = try await [first, second]
            #expect(statuses == [504, 504])
        }
        await server.server.kill()
    }

    @Test(
        "targets pass byte for byte (D10)",
        arguments: ["/a%2Fb/../c", "/%e2%82%ac?x=%20&&y", "http://h/p?q", "/a//b", "*"], [Front.http, .teleport])
    func targets(target: String, front: Front) async throws {
        let origin = try await RecordingOrigin()
        try await front.run(to: [origin.address]) { address in
            let request = "OPTIONS \(target) HTTP/1.1\r\nHost: h\r\n\r\n"
            let status =
                front.speaksHTTP
                ? try await Self.status(of: request, at: address)
                : try await Self.linkStatus(of: request, at: address)
            #expect(status == 200)
        }
        #expect(origin.requests == ["OPTIONS \(target) h \"\""])
        await origin.kill()
    }

    @Test(
        "multipart bodies pass byte for byte (D11)", arguments: Front.allCases,
        [CompressionCodec.none, .flate, .snappy, .lz4])
    func multipart(front: Front, codec: CompressionCodec) async throws {
        let origin = try await Origin { request in
            Response(
                fields: ["Content-Type": request.fields.first(.contentType) ?? "none"], body: request.body)
        }
        let type = "multipart/form-data; boundary=\"--x yz--\""
        var content = ByteBuffer(
            string: "preamble\r\n----x yz--\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n----x yz--\r\n"
                + "Content-Disposition: form-data; name=\"f\"; filename=\"b.bin\"\r\nContent-Length: 3\r\n\r\n")
        content.writeBytes((0..<70_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        content.writeString("\r\n----x yz----\r\nepilogue\r\n\r\nGET /x HTTP/1.1\r\n\r\n")
        var message = ByteBuffer(
            string:
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: \(type)\r\nContent-Length: \(content.readableBytes)\r\n\r\n"
        )
        message.writeImmutableBuffer(content)
        try await front.run(
            to: [origin.address],
            {
                $0.outCompression = codec
                if $0.front.kind == .teleport, $0.outKind == .http, front.isChain { $0.front.compression = codec }
            }
        ) { address in
            let answer: Response?
            if front.speaksHTTP {
                var client = try await RawClient(to: address)
                client.peer.write(message)
                answer = try await client.answer(to: .post)
                await client.peer.close()
            } else {
                var client = try await LinkClient(to: address, codec: codec)
                try client.send(LinkClient.framed(7, message))
                answer = try await client.answer()?.response
                await client.peer.close()
            }
            #expect(answer?.fields.first(.contentType) == type)
            #expect(answer?.body.buffer == content)
        }
        await origin.server.kill()
    }

    @Test("-outConnsPerAddr 3 opens three links, and no more (D12)")
    func threeLinks() async throws {
        let server = try await LinkServer { id, request, reply in try reply.send(id, ByteBuffer(string: request.target))
        }
        try await withProxy(
            to: [server.address],
            {
                $0.outKind = .teleport
                $0.outWire = .v0
                $0.outConnectionsPerAddress = 3
            }
        ) { address, _ in
            // Whichever loops the clients are on: the first requests open the links.
            var clients: [RawClient] = []
            for _ in 0..<12 { clients.append(try await RawClient(to: address)) }
            for index in clients.indices {
                for _ in 0..<6 {
                    clients[index].send(Self.get)
                    #expect(try await clients[index].answer()?.status == 200)
                }
            }
            for client in clients { await client.peer.close() }
        }
        #expect(server.server.connectionCount == 3)
        await server.server.kill()
    }

    @Test("-outConnsPerAddr 3: never more than three connections to an HTTP server, all of them used (D12)")
    func threeConnections() async throws {
        let gate = Gate()
        let origin = try await Origin { request in
            await gate.wait()
            return try await mirror(request)
        }
        try await withProxy(
            to: [origin.address],
            {
                $0.outConnectionsPerAddress = 3
                $0.outTimeout = .seconds(60)
            }
        ) { address, _ in
            try await withThrowingTaskGroup(of: Status?.self) { group in
                for _ in 0..<50 { group.addTask { try await Self.status(of: Self.get, at: address) } }
                await gate.arrived(3)
                await gate.open()
                let statuses = try await group.reduce(into: []) { $0.append($1) }
                #expect(statuses == Array(repeating: 200, count: 50))
            }
        }
        #expect(origin.server.connectionCount == 3)
        await origin.server.kill()
    }

    @Test("a limit of N requests admits N, and one more is told 429 (D13)", arguments: Front.allCases, [1, 5])
    func pendingLimit(front: Front, limit: Int) async throws {
        let gate = Gate()
        let origin = try await Origin { request in
            await gate.wait()
            return try await mirror(request)
        }
        try await front.run(
            to: [origin.address],
            {
                $0.concurrency = limit
                $0.outTimeout = .seconds(60)
            }
        ) { address in
            guard front.speaksHTTP else {
                var client = try await LinkClient(to: address)
                for id in 1...UInt32(limit) { try client.send(id, Self.get) }
                await gate.arrived(limit)
                try client.send(99, Self.get)
                let refused = try await client.answer()
                #expect(refused?.id == 99)
                #expect(refused?.response.status == 429)
                await gate.open()
                let answers = try await client.answers(limit)
                #expect(answers.count == limit)
                #expect(answers.values.allSatisfy { $0.status == 200 })
                try client.send(100, Self.get)
                #expect(try await client.answer()?.response.status == 200)
                return await client.peer.close()
            }
            try await withThrowingTaskGroup(of: Status?.self) { group in
                for _ in 0..<limit { group.addTask { try await Self.status(of: Self.get, at: address) } }
                await gate.arrived(limit)
                #expect(try await Self.status(of: Self.get, at: address) == 429)
                await gate.open()
                for try await status in group { #expect(status == 200) }
            }
            #expect(try await Self.status(of: Self.get, at: address) == 200)
        }
        await origin.server.kill()
    }

    @Test("no body of an error names an address (D14)", arguments: Front.allCases, FailureKind.allCases)
    func noAddressInErrors(front: Front, kind: FailureKind) async throws {
        let origin = try await RawServer { try await kind.play($0) }
        let address = origin.address
        try await front.run(
            to: [address], { $0.outTimeout = kind == .silence ? .milliseconds(100) : .seconds(30) }
        ) { front_ in
            let answer: Response?
            if front.speaksHTTP {
                var client = try await RawClient(to: front_)
                client.send(Self.get)
                answer = try? await client.answer()
                await client.peer.close()
                // Unless it broke off before anything of it was passed on (P-13).
                if front.streams, kind == .partialBody, answer == nil { return }
            } else {
                var client = try await LinkClient(to: front_)
                try client.send(1, Self.get)
                answer = try await client.answer()?.response
                await client.peer.close()
            }
            #expect(answer?.status == (kind == .silence ? 504 : 502))
            #expect(answer?.text.contains("127.0.0.1") == false)
            if case .tcp(_, let port) = address { #expect(answer?.text.contains("\(port)") == false) }
            #expect(answer?.text.isEmpty == false)
        }
        await origin.kill()
    }

    @Test(
        "a server that switches protocols without being asked to: 502, and no tunnel (D16)", arguments: Front.allCases)
    func unaskedSwitch(front: Front) async throws {
        let origin = try await RawServer { peer in
            _ = await peer.readHead()
            peer.write(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
            _ = await peer.readToEnd()
        }
        try await front.run(to: [origin.address]) { address in
            let status =
                front.speaksHTTP
                ? try await Self.status(of: Self.get, at: address)
                : try await Self.linkStatus(of: Self.get, at: address)
            #expect(status == 502)
        }
        #expect(origin.connectionCount == 1)
        await origin.kill()
    }

    @Test("twenty requests in one packet are each answered (D20)", arguments: [Front.http, .teleport])
    func pipelined(front: Front) async throws {
        let origin = try await Origin(answer: mirror)
        try await front.run(to: [origin.address]) { address in
            let requests = (1...20).map { "GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }
            if front.speaksHTTP {
                var client = try await RawClient(to: address)
                client.send(requests.joined())
                for number in 1...20 { #expect(try await client.answer()?.text == "GET /\(number)") }
                await client.peer.close()
            } else {
                var client = try await LinkClient(to: address)
                var packet = ByteBuffer()
                for (index, request) in requests.enumerated() {
                    packet.writeImmutableBuffer(LinkClient.framed(UInt32(index + 1), ByteBuffer(string: request)))
                }
                try client.send(packet)
                let answers = try await client.answers(20)
                for number in 1...20 { #expect(answers[UInt32(number)]?.text == "GET /\(number)") }
                await client.peer.close()
            }
        }
        await origin.server.kill()
    }

    // MARK: Attempts

    /// How a server fails a request that it has read.
    enum FailureKind: CaseIterable, CustomTestStringConvertible {
        case close, reset, partialHead, garbage, partialBody, switching, silence

        var testDescription: String { "\(self)" }
        /// Nothing of an answer was received.
        var isNothing: Bool { self == .close || self == .reset }

        func play(_ peer: RawPeer) async throws {
            guard await peer.readHead().hasSuffix("\r\n\r\n") else { return }
            switch self {
            case .close: await peer.close()
            case .reset: try await peer.reset()
            case .partialHead:
                peer.write("HTTP/1.1 200")
                await peer.close()
            case .garbage: peer.write("garbage\r\n\r\n")
            case .partialBody:
                peer.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
                await peer.close()
            case .switching: peer.write("HTTP/1.1 101 Switching Protocols\r\n\r\n")
            case .silence: break
            }
            _ = await peer.readToEnd()
        }
    }

    static let retried: [HTTPMethod] = [.get, .head, .put, .delete, .options]
    static let methods = retried + [.post, .patch] + [HTTPMethod("BREW")].compactMap(\.self)

    @Test(
        "an idempotent request is sent once more if nothing was received; no other, and never a third time (D18)",
        arguments: Front.allCases, FailureKind.allCases)
    func attempts(front: Front, kind: FailureKind) async throws {
        // What is half a body to another method is all that HEAD wants, where it travels as such.
        let isHEADWhole = kind == .partialBody && front != .chainV0
        for method in Self.methods where !(method == .head && isHEADWhole) {
            let asked = Atomic<Int>(0)
            let origin = try await RawServer { peer in
                // A connection that was opened ahead is no request.
                guard await peer.read(1) != nil else { return }
                asked.wrappingAdd(1, ordering: .relaxed)
                try await kind.play(peer)
            }
            try await front.run(
                to: [origin.address], { $0.outTimeout = kind == .silence ? .milliseconds(60) : .seconds(30) }
            ) { address in
                let request = "\(method) / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
                if front.speaksHTTP {
                    let peer = try await RawPeer.connect(to: address)
                    peer.write(request)
                    peer.endOutput()
                    let answer = String(buffer: await peer.readToEnd()).withoutProbes
                    if !(front.streams && kind == .partialBody) {
                        #expect(answer.hasPrefix("HTTP/1.1 50"), "\(method) \(answer)")
                    }
                    await peer.close()
                } else {
                    #expect(try await Self.linkStatus(of: request, at: address) == (kind == .silence ? 504 : 502))
                }
            }
            let isRetried = kind.isNothing && Self.retried.contains(method)
            let count = asked.load(ordering: .relaxed)
            // Where the deadline ends it, the machine may be too slow for the first.
            #expect(count == (isRetried ? 2 : 1) || kind == .silence && count == 0, "\(method) \(count)")
            await origin.kill()
        }
    }

    // MARK: D15

    @Test("IPv6 on every hop (D15)")
    func ipv6() async throws {
        let origin = try await RecordingOrigin()
        let loopback = TransportAddress.tcp(host: "::1", port: 0)
        // A proxy that listens at ::1 is the HTTP server behind.
        try await withProxy(to: [origin.address], { $0.front.addresses = [loopback] }) { server, _ in
            try await withChain(
                to: [server], near: { $0.front.addresses = [loopback] }, far: { $0.front.addresses = [loopback] }
            ) { front in
                guard case .tcp("::1", let port) = front else {
                    Issue.record("\(front)")
                    return
                }
                let first = try await Self.status(of: "GET /6 HTTP/1.1\r\nHost: [::1]:\(port)\r\n\r\n", at: front)
                #expect(first == 200)
                let second = try await Self.status(of: "GET /0 HTTP/1.0\r\n\r\n", at: front)
                #expect(second == 200)
            }
            #expect(origin.requests.first?.hasPrefix("GET /6 [::1]:") == true)
            // HTTP/1.0 without a Host gets one.
            #expect(origin.requests.last?.hasPrefix("GET /0 [::1]:") == true)
        }
        await origin.kill()
    }

    @Test("a client that leaves at the pipelined limit leaves no connection behind (D15)", arguments: [true, false])
    func leakAtPipelinedLimit(resets: Bool) async throws {
        let gate = Gate()
        let origin = try await Origin { request in
            await gate.wait()
            return try await mirror(request)
        }
        try await withProxy(to: [origin.address], { $0.outTimeout = .seconds(60) }) { address, proxy in
            let peer = try await RawPeer.connect(to: address)
            peer.write(String(repeating: Self.get, count: 500))
            await gate.arrived(16)
            if resets { try await peer.reset() } else { await peer.close() }
            await gate.open()
            try await poll { proxy.statistics.clients.connectionsOpen == 0 }
            #expect(try await Self.status(of: Self.get, at: address) == 200)
        }
        await origin.server.kill()
    }

    @Test(
        "requests beyond the pipelined limit are answered too, also when the client has closed its half (D15)",
        arguments: [Front.http, .chain])
    func beyondPipelinedLimit(front: Front) async throws {
        let origin = try await Origin(answer: mirror)
        try await front.run(to: [origin.address]) { address in
            var client = try await RawClient(to: address)
            client.send((0..<100).map { "GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
            client.peer.endOutput()
            for number in 0..<100 { #expect(try await client.answer()?.text == "GET /\(number)") }
            let ends = await client.endsQuietly()
            #expect(ends)
        }
        await origin.server.kill()
    }

    @Test("a shutdown answers what was read, takes no connection, and says so (D15)", arguments: Front.allCases)
    func drain(front: Front) async throws {
        let gate = Gate()
        let origin = try await Origin { request in
            await gate.wait()
            return try await mirror(request)
        }
        var configuration = ProxyConfiguration(
            in: front == .teleport ? .teleport : .http, at: [.tcp(host: "127.0.0.1", port: 0)], out: .http,
            to: [origin.address])
        configuration.outTimeout = .seconds(60)
        let far = Proxy(
            ProxyConfiguration(
                in: .teleport, at: [.tcp(host: "127.0.0.1", port: 0)], out: .http, to: [origin.address]))
        if front == .chainV0 { configuration.speakV0() }
        if front.isChain {
            configuration.outKind = .teleport
            configuration.upstreams = try await far.start().map { UpstreamConfiguration($0) }
        }
        let proxy = Proxy(configuration)
        let address = try #require(try await proxy.start().first)
        let idle = try await RawPeer.connect(to: address)
        if !front.speaksHTTP {
            idle.write(LinkClient.preface + [1, 0])
            _ = await idle.read(15)
        }
        async let isClean: Bool = {
            await gate.arrived(1)
            return await proxy.shutDown(limit: .seconds(60))
        }()
        if front.speaksHTTP {
            var client = try await RawClient(to: address)
            client.send(Self.get)
            await gate.arrived(1)
            // Idle connections are closed when a shutdown has begun.
            #expect(await idle.readToEnd().readableBytes == 0)
            await idle.close()
            await gate.open()
            let answer = try await client.answer()
            #expect(answer?.status == 200)
            #expect(answer?.head.keepsAlive == false)
            #expect(await client.endsQuietly())
            await client.peer.close()
        } else {
            var client = try await LinkClient(to: address)
            try client.send(1, Self.get)
            await gate.arrived(1)
            // Idle connections are closed when a shutdown has begun.
            #expect(await idle.readToEnd().readableBytes == 0)
            await idle.close()
            await gate.open()
            #expect(try await client.answer()?.response.status == 200)
            #expect(try await client.answer() == nil)
            await client.peer.close()
        }
        #expect(await isClean)
        await #expect(throws: (any Error).self) { try await RawPeer.connect(to: address) }
        await far.shutDown(limit: .zero)
        await origin.server.kill()
    }

    // MARK: One request

    /// The status that a request gets on a connection of its own.
    static func status(of request: String, at address: TransportAddress) async throws -> Status? {
        var client = try await RawClient(to: address)
        client.send(request)
        let method = request.prefix { $0 != " " }
        let answer = try await client.answer(to: method == "HEAD" ? .head : .get)
        await client.peer.close()
        return answer?.status
    }

    static func linkStatus(of request: String, at address: TransportAddress) async throws -> Status? {
        var client = try await LinkClient(to: address)
        try client.send(1, request)
        let answer = try await client.answer()
        await client.peer.close()
        return answer?.response.status
    }
}

/// Returns when a condition holds that nothing tells the change of.
func poll(_ condition: () -> Bool) async throws {
    while !condition() { try await Task.sleep(for: .milliseconds(2)) }
}

/// Sends a byte every few milliseconds for as long as the connection lives.
func drip(to peer: RawPeer) {
    guard let channel = peer.channel else { return }
    channel.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(5)) { task in
        guard channel.isActive else { return task.cancel() }
        peer.write("x")
    }
}
