import Foundation
import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import TeleportProxy
import Testing

@Suite("Which version two proxies speak", .timeLimit(.minutes(10)))
struct LinkVersionTests {
    private static let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    /// A proxy that says which version its clients spoke, in front of `origin`.
    private func withFar<Value>(
        _ wire: WireVersion, to origin: TransportAddress,
        _ body: (TransportAddress, () throws -> [String]) async throws -> Value
    ) async throws -> Value {
        let path = NSTemporaryDirectory() + "teleport-\(UUID().uuidString).log"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let log = try AccessLog(path: path)
        return try await withProxy(
            to: [origin],
            {
                $0.front.kind = .teleport
                $0.front.wire = wire
                $0.accessLog = log
            }
        ) { address, _ in
            try await body(address) {
                log.close()
                let text = try String(contentsOfFile: path, encoding: .utf8)
                return text.split(separator: "\n").compactMap { line in
                    line.firstRange(of: "\"version\":\"").map { String(line[$0.upperBound...].prefix { $0 != "\"" }) }
                }
            }
        }
    }

    @Test(
        "proxies of one kind speak v1, and v0 where one of them is told to",
        arguments: [
            (WireVersion.automatic, WireVersion.automatic, "teleport/1"), (.v1, .automatic, "teleport/1"),
            (.automatic, .v1, "teleport/1"), (.v0, .automatic, "teleport/0"), (.automatic, .v0, "teleport/0"),
        ])
    func agreement(near: WireVersion, far: WireVersion, version: String) async throws {
        let origin = try await Origin(answer: mirror)
        try await self.withFar(far, to: origin.address) { link, versions in
            try await withProxy(
                to: [link],
                {
                    $0.outKind = .teleport
                    $0.outWire = near
                }
            ) { front, _ in
                for _ in 0..<3 {
                    let status = try await DefectTests.status(of: Self.get, at: front)
                    #expect(status == 200)
                }
            }
            #expect(try versions() == [version, version, version])
        }
        await origin.server.kill()
    }

    @Test(
        "a request whose body is still coming when the server turns out to speak v0 is gathered, and not lost",
        arguments: ["Content-Length: 6", "Transfer-Encoding: chunked"])
    func failedGuess(length: String) async throws {
        let origin = try await RecordingOrigin()
        try await self.withFar(.v0, to: origin.address) { link, _ in
            try await withProxy(to: [link], { $0.outKind = .teleport }) { front, proxy in
                for _ in 0..<2 {
                    var client = try await RawClient(to: front)
                    client.send("POST / HTTP/1.1\r\nHost: a\r\n\(length)\r\n\r\n")
                    let isChunked = length.hasPrefix("T")
                    client.send(isChunked ? "3\r\nabc\r\n" : "abc")
                    // The link is made, and made again, or not needed before all of the body is here.
                    let status = try await DefectTests.status(of: Self.get, at: front)
                    #expect(status == 200)
                    client.send(isChunked ? "3\r\ndef\r\n0\r\n\r\n" : "def")
                    #expect(try await client.answer(to: .post)?.status == 200)
                    await client.peer.close()
                }
                #expect(proxy.statistics.requestsFailed == 0)
            }
        }
        #expect(
            origin.requests == [
                "GET / a \"\"", "POST / a \"abcdef\"", "GET / a \"\"", "POST / a \"abcdef\"",
            ])
        await origin.kill()
    }

    @Test("a client that leaves while its request is gathered leaves nothing behind")
    func leavesGathering() async throws {
        let origin = try await RecordingOrigin()
        try await self.withFar(.v0, to: origin.address) { link, _ in
            try await withProxy(
                to: [link],
                {
                    $0.outKind = .teleport
                    $0.concurrency = 1
                }
            ) { front, proxy in
                let client = try await RawClient(to: front)
                client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
                try await poll { proxy.statistics.requestsStarted == 1 }
                try await client.peer.reset()
                try await poll { proxy.statistics.requestsFailed == 1 }
                // Its place is free again.
                let status = try await DefectTests.status(of: Self.get, at: front)
                #expect(status == 200)
            }
        }
        #expect(origin.requests == ["GET / a \"\""])
        await origin.kill()
    }

    @Test("both kinds of Teleport clients are served at one address, and get large answers whole or in pieces")
    func oneAddress() async throws {
        let content = ByteBuffer(repeating: 0x78, count: 300_000)
        let origin = try await Origin { _ in Response(body: Body(content)) }
        try await self.withFar(.automatic, to: origin.address) { link, versions in
            for wire in [WireVersion.v0, .v1] {
                var configuration = ClientConfiguration(address: link)
                // Servers of other tests may have had its port.
                configuration.memory = WireMemory()
                configuration.handshakeTimeout = .seconds(60)
                configuration.wire = wire
                configuration.timeout = .seconds(60)
                let client = TeleportClient(configuration: configuration)
                let answer = try await client.execute(Request(.get, "/", host: "a"))
                #expect(try await answer.body.collect(upTo: 1 << 20) == content)
                await client.shutDown(limit: .seconds(5))
            }
            #expect(try versions() == ["teleport/0", "teleport/1"])
        }
        await origin.server.kill()
    }

    @Test("an answer over the limit of what is held: 502 to a v0 client, and no matter to a v1 client")
    func largeAnswer() async throws {
        let origin = try await RawServer { peer in
            _ = await peer.readHead()
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n")
            peer.write(ByteBuffer(repeating: 0x78, count: 200_000))
            _ = await peer.readToEnd()
        }
        for (route, status) in [(Route.v0, 502), (.v1, 200), (.v0v1, 502), (.v1v0, 502)] {
            try await route.run(
                to: [origin.address], { if $0.front.kind == .teleport { $0.outLimits.maxBodySize = 100_000 } }
            ) { front, _ in
                let answer = try await DefectTests.status(of: Self.get, at: front)
                #expect(answer?.code == UInt16(status), "\(route)")
            }
        }
        await origin.kill()
    }

    @Test(
        "what is sensitive stays so over v1, and does not go over v0; https is told over v1", arguments: Route.allCases)
    func marks(route: Route) async throws {
        guard route.links.count == 1 else { return }
        let seen = Mutex<[(isSensitive: Bool, isSecure: Bool)]>([])
        let server = TeleportServer(
            configuration: ServerConfiguration(addresses: [.tcp(host: "127.0.0.1", port: 0)])
        ) { request, _ in
            seen.withLock { $0.append((request.isSensitive, request.isSecure)) }
            return Response()
        }
        let behind = try #require(try await server.start().first)
        try await withProxy(
            to: [behind],
            {
                $0.front.kind = .teleport
                $0.outKind = .teleport
                $0.outWire = route.links[0]
            }
        ) { link, _ in
            let client = TeleportClient.patient(to: link)
            var request = Request(.get, "/", host: "a")
            request.isSecure = true
            #expect(try await client.execute(request, timeout: .seconds(60)).status == 200)
            request.isSensitive = true
            let answer = try await client.execute(request, timeout: .seconds(60))
            #expect(answer.status == (route == .v1 ? 200 : 502))
            await client.shutDown(limit: .seconds(5))
        }
        let isV1 = route == .v1
        #expect(seen.withLock { $0.map(\.isSecure) } == (isV1 ? [true, true] : [false]))
        #expect(seen.withLock { $0.map(\.isSensitive) } == (isV1 ? [false, true] : [false]))
        await server.shutDown()
    }

    @Test("one-way requests go on as such, whole; what does not fit a frame goes on as a request")
    func oneWay() async throws {
        let origin = try await RecordingOrigin()
        try await withProxy(to: [origin.address], { $0.front.kind = .teleport }) { far, _ in
            try await withProxy(
                to: [far],
                {
                    $0.front.kind = .teleport
                    $0.outKind = .teleport
                    $0.outWire = .v1
                }
            ) { link, _ in
                var configuration = ClientConfiguration(address: link)
                // Servers of other tests may have had its port.
                configuration.memory = WireMemory()
                configuration.handshakeTimeout = .seconds(60)
                configuration.wire = .v0
                let client = TeleportClient(configuration: configuration)
                try client.sendOneWay(Request(.post, "/small", host: "a", body: Body("x")))
                try await poll { origin.requests.count == 1 }
                try client.sendOneWay(
                    Request(.post, "/large", host: "a", body: Body(ByteBuffer(repeating: 0x78, count: 100_000))))
                try await poll { origin.requests.count == 2 }
                await client.shutDown(limit: .seconds(5))
            }
        }
        #expect(origin.requests.map { String($0.prefix(11)) } == ["POST /small", "POST /large"])
        await origin.kill()
    }

    private final class Progress: Sendable {
        let count = Atomic<Int>(0)
        let isOver = Atomic<Bool>(false)
    }

    @Test("the far proxy is replaced under load: not one request is lost, bodies in pieces included")
    func replaced() async throws {
        let origin = try await Origin(answer: mirror)
        var configuration = ProxyConfiguration(
            in: .teleport, at: [.tcp(host: "127.0.0.1", port: 0)], out: .http, to: [origin.address])
        configuration.takeTime()
        configuration.front.reusesPort = true
        var far = Proxy(configuration)
        configuration.front.addresses = try await far.start()
        try await withProxy(to: configuration.front.addresses, { $0.outKind = .teleport }) { front, proxy in
            let progress = Progress()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<8 {
                    group.addTask {
                        var client = try await RawClient(to: front)
                        while !progress.isOver.load(ordering: .relaxed) {
                            if index % 2 == 0 {
                                client.send(Self.get)
                                #expect(try await client.answer()?.status == 200)
                            } else {
                                client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
                                client.send("def")
                                #expect(try await client.answer(to: .post)?.text == "abcdef")
                            }
                            progress.count.wrappingAdd(1, ordering: .relaxed)
                        }
                        await client.peer.close()
                    }
                }
                for _ in 0..<5 {
                    let before = progress.count.load(ordering: .relaxed)
                    try await poll { progress.count.load(ordering: .relaxed) > before + 50 }
                    let next = Proxy(configuration)
                    try await next.start()
                    #expect(await far.shutDown(limit: .seconds(30)))
                    far = next
                }
                progress.isOver.store(true, ordering: .relaxed)
                try await group.waitForAll()
            }
            #expect(proxy.statistics.requestsFailed + proxy.statistics.requestsTimedOut == 0)
            #expect(proxy.statistics.requestsSucceeded == progress.count.load(ordering: .relaxed))
        }
        await far.shutDown(limit: .seconds(2))
        await origin.server.kill()
    }
}
