import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import TeleportCompress
import TeleportRPC
import Testing

@Suite("Client and server of HTTP", .timeLimit(.minutes(10)))
struct FacadeTests {
    static let codecs: [CompressionCodec] = [.none, .flate, .snappy, .lz4]

    /// Says what it was asked.
    @Sendable static func mirror(_ request: Request, _ context: RequestContext) async throws -> Response {
        .text("\(request.method) \(request.target) \(request.body.count ?? -1)")
    }

    @Test("bodies of all sizes come back in every mix of codecs", arguments: codecs, codecs)
    func bodies(client: CompressionCodec, server: CompressionCodec) async throws {
        try await withHTTPPair(server: { $0.compression = server }, client: { $0.compression = client }) { request, _ in
            Response(body: request.body)
        } _: { client, _ in
            for size in [0, 1, 4095, 65536, 65537, 1 << 20, 4 << 20] {
                let body = ByteBuffer(repeating: UInt8(truncatingIfNeeded: size / 3), count: size)
                let response = try await client.execute(Request(.post, "/", host: "a", body: Body(body)))
                #expect(response.status == .ok)
                #expect(try await response.body.collect(upTo: 4 << 20) == body)
            }
        }
    }

    @Test(
        "targets pass byte for byte (D10)",
        arguments: ["/a%2Fb", "/a/../b", "//x", "*", "/?q=a%20b&c", "http://h/p?q#f"])
    func targets(target: String) async throws {
        try await withHTTPPair(handler: Self.mirror) { client, _ in
            let method: HTTPMethod = target == "*" ? .options : .get
            let response = try await client.execute(Request(method, target, host: "a"))
            #expect(response.text == "\(method) \(target) 0")
        }
    }

    @Test(
        "HEAD comes back without a body (D3), on v0 as a GET; calls behind it are unharmed",
        arguments: [(WireVersion.v0, "8"), (.v1, "9")])
    func head(wire: WireVersion, length: String) async throws {
        try await withHTTPPair(client: { $0.wire = wire }, handler: Self.mirror) { client, _ in
            async let head = client.execute(Request(.head, "/x", host: "a"))
            async let get = client.execute(Request(.get, "/y", host: "a"))
            let response = try await head
            #expect(response.status == .ok)
            #expect(response.body.count == 0)
            #expect(response.fields.first(.contentLength) == length)
            let other = try await get
            #expect(other.text == "GET /y 0")
        }
    }

    @Test("a handler that throws is answered with 500 and a sentence that names no address")
    func throwing() async throws {
        struct Oops: Error {}
        try await withHTTPPair { _, _ in
            throw Oops()
        } _: { client, _ in
            let response = try await client.execute(Request(.get, "/", host: "a"))
            #expect(response.status == .internalServerError)
            #expect(!response.text.contains("Oops"))
            #expect(!response.text.contains("127.0.0.1"))
        }
    }

    @Test("at the limit the answer is 429 with the limit in words; N admits N (D13)")
    func tooMany() async throws {
        let gate = Gate()
        try await withHTTPPair(server: { $0.maxConcurrent = 2 }) { request, _ in
            await gate.wait()
            return .text("admitted")
        } _: { client, _ in
            async let first = client.execute(Request(.get, "/1", host: "a"))
            async let second = client.execute(Request(.get, "/2", host: "a"))
            await gate.arrived(2)
            let refused = try await client.execute(Request(.get, "/3", host: "a"))
            #expect(refused.status == .tooManyRequests)
            #expect(refused.text.contains("2"))
            await gate.open()
            let admitted = try await [first.status, second.status]
            #expect(admitted == [.ok, .ok])
            let later = try await client.execute(Request(.get, "/4", host: "a"))
            #expect(later.status == .ok)
        }
    }

    @Test(
        "the immediate lane answers on the loop; what it leaves falls through",
        arguments: [HandlerPlacement.pool, .eventLoop])
    func immediate(placement: HandlerPlacement) async throws {
        try await withHTTPPair(
            placement: placement,
            immediate: { request, context in
                #expect(context.executor.eventLoop.inEventLoop)
                return request.target == "/fast" ? .text("at once") : nil
            }
        ) { _, context in
            .text(context.executor.eventLoop.inEventLoop ? "loop" : "pool")
        } _: { client, _ in
            let fast = try await client.execute(Request(.get, "/fast", host: "a"))
            #expect(fast.text == "at once")
            let slow = try await client.execute(Request(.get, "/slow", host: "a"))
            #expect(slow.text == (placement == .pool ? "pool" : "loop"))
        }
    }

    @Test("withLoop runs on a connection's loop, and its calls go over that connection")
    func withLoop() async throws {
        try await withHTTPPair(client: { $0.connections = 2 }, handler: Self.mirror) { client, _ in
            for _ in 0..<4 {
                let text = try await client.withLoop {
                    #expect(EventLoops.current != nil)
                    let response = try await client.execute(Request(.get, "/", host: "a"))
                    #expect(EventLoops.current != nil)
                    return response.text
                }
                #expect(text == "GET / 0")
            }
        }
    }

    @Test("a request that breaks a rule fails alone, before a byte of it is queued; others go on (D5)")
    func unsendable() async throws {
        try await withHTTPPair(handler: Self.mirror) { client, server in
            var noHost = Request(.get, "/", host: "a")
            noHost.fields.remove(.host)
            var bigHead = Request(.get, "/", host: "a")
            try bigHead.fields.append("X-Big", String(repeating: "x", count: 70_000))
            let bad: [Request] = [
                noHost, bigHead, Request(.get, "/a b", host: "a"), Request(.get, "", host: "a"),
                Request(.connect, "a:443", host: "a"), Request(.get, "/", host: "a\r\nX: y"),
            ]
            for (index, request) in bad.enumerated() {
                async let good = client.execute(Request(.get, "/good", host: "a"))
                let error = await failure { () throws(RPCError) in try await client.execute(request) }
                #expect(error?.code == .unsendable, "\(index)")
                #expect(error?.possiblyExecuted == false)
                let response = try await good
                #expect(response.text == "GET /good 0")
            }
            #expect(server.connectionCount == 1)
        }
    }

    @Test("a body over the server's limit is answered 413, alone; the connection goes on (D6)")
    func bodyTooLarge() async throws {
        try await withHTTPPair(handler: Self.mirror) { client, server in
            let body = Body(ByteBuffer(repeating: 1, count: (4 << 20) + 1))
            async let tooLarge = client.execute(Request(.post, "/", host: "a", body: body))
            async let fine = client.execute(Request(.get, "/fine", host: "a"))
            let (refused, answered) = try await (tooLarge, fine)
            #expect(refused.status == .contentTooLarge)
            #expect(answered.status == .ok)
            #expect(server.connectionCount == 1)
        }
    }

    @Test(
        "an answer over the client's limit fails its caller alone; the connection goes on",
        arguments: [WireVersion.v0, .v1])
    func answerTooLarge(wire: WireVersion) async throws {
        let limits = HTTPLimits(maxBodySize: 1000, maxDiscardedBody: 1 << 20)
        try await withHTTPPair(clientLimits: limits, client: { $0.wire = wire }) { request, _ in
            .text(String(repeating: "x", count: Int(request.target.dropFirst()) ?? 0))
        } _: { client, server in
            async let large = failure { () throws(RPCError) in
                try await client.execute(Request(.get, "/1001", host: "a"))
            }
            async let larger = failure { () throws(RPCError) in
                try await client.execute(Request(.get, "/900000", host: "a"))
            }
            async let exact = client.execute(Request(.get, "/1000", host: "a"))
            for error in await [large, larger] {
                #expect(error?.code == .unacceptableAnswer)
                #expect(error?.possiblyExecuted == true)
                #expect((error?.cause as? HTTPError)?.code == .bodyTooLarge)
            }
            let response = try await exact
            #expect(response.body.count == 1000)
            #expect(server.connectionCount == 1)
            // On v0, over what is worth reading over, the connection ends, with the reason.
            let error = await failure { () throws(RPCError) in
                try await client.execute(Request(.get, "/1048577", host: "a"))
            }
            #expect(error?.code == (wire == .v0 ? .protocolViolation : .unacceptableAnswer))
            let next = try await client.execute(Request(.get, "/1", host: "a"))
            #expect(next.body.count == 1)
        }
    }

    @Test("Date is added where there is none, once; hop-by-hop fields do not travel (D16)")
    func fields() async throws {
        try await withHTTPPair { request, _ in
            #expect(!request.fields.contains("Keep-Alive"))
            #expect(!request.fields.contains("X-Hop"))
            var response = Response.text("x")
            if request.target == "/dated" { try response.fields.append("Date", "yesterday") }
            try response.fields.append("Connection", "X-Hop, close")
            try response.fields.append("X-Hop", "1")
            return response
        } _: { client, _ in
            var request = Request(.get, "/", host: "a")
            try request.fields.append("Connection", "X-Hop")
            try request.fields.append("X-Hop", "1")
            try request.fields.append("Keep-Alive", "5")
            let response = try await client.execute(request)
            #expect(response.fields.all("Date").count == 1)
            #expect(!response.fields.contains("X-Hop"))
            #expect(!response.fields.contains(.connection))
            let dated = try await client.execute(Request(.get, "/dated", host: "a"))
            #expect(dated.fields.all("Date") == ["yesterday"])
        }
    }

    @Test(
        "a bomb of zeros ends its own connection in bounded memory; an innocent notices nothing (D7)",
        arguments: [CompressionCodec.flate, .snappy, .lz4])
    func bomb(codec: CompressionCodec) async throws {
        var compressor = Compressor(codec)
        let piece = ByteBuffer(repeating: 0, count: 1 << 20)
        var bomb = ByteBuffer()
        try compressor.compress(piece, into: &bomb)
        // From here on each piece is the same as the one before, in all codecs: 1 GiB in all.
        var again = ByteBuffer()
        try compressor.compress(piece, into: &again)
        for _ in 0..<1023 { bomb.writeImmutableBuffer(again) }
        try await withHTTPPair(handler: Self.mirror) { client, server in
            let before = try await client.execute(Request(.get, "/", host: "a"))
            #expect(before.status == .ok)
            let peer = try await RawPeer.connect(to: try #require(server.addresses.first))
            peer.write(Array("httpteleport".utf8) + [0, codec == .flate ? 0 : codec == .snappy ? 2 : 3, 0])
            peer.write(bomb)
            _ = await peer.readToEnd()
            await peer.close()
            let after = try await client.execute(Request(.get, "/", host: "a"))
            #expect(after.status == .ok)
        }
    }

    @Test("a one-way request is handled and answered by nobody")
    func oneWay() async throws {
        let gate = Gate()
        try await withHTTPPair { _, context in
            if context.isOneWay { await gate.wait() }
            return .text("x")
        } _: { client, _ in
            try client.sendOneWay(Request(.post, "/event", host: "a", body: Body("data")))
            await gate.arrived(1)
            await gate.open()
            let response = try await client.execute(Request(.get, "/", host: "a"))
            #expect(response.text == "x")
        }
    }

    @Test("run() of both ends returns when told to or cancelled, having drained", arguments: [true, false])
    func run(byCancelling: Bool) async throws {
        let gate = Gate()
        var serverConfiguration = ServerConfiguration(addresses: [.tcp(host: "127.0.0.1", port: 0)])
        serverConfiguration.handshakeTimeout = .seconds(60)
        let server = TeleportServer(configuration: serverConfiguration) { _, _ in
            await gate.wait()
            return .text("answered")
        }
        let address = try #require(try await server.start().first)
        var clientConfiguration = ClientConfiguration(address: address)
        // Servers of other tests may have had its port.
        clientConfiguration.memory = WireMemory()
        clientConfiguration.handshakeTimeout = .seconds(60)
        let client = TeleportClient(configuration: clientConfiguration)
        let serving = Task { try await server.run() }
        let calling = Task { await client.run() }
        async let pending = client.execute(Request(.get, "/", host: "a"), timeout: .seconds(30))
        await gate.arrived(1)
        if byCancelling {
            calling.cancel()
            serving.cancel()
        } else {
            client.beginGracefulShutdown()
            server.beginGracefulShutdown()
        }
        while let peer = try? await RawPeer.connect(to: address) { await peer.close() }
        await gate.open()
        let response = try await pending
        #expect(response.text == "answered")
        await calling.value
        try await serving.value
    }
}
