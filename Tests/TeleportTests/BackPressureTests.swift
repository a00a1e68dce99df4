import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import TeleportEndpoint
import TeleportRPC
import TeleportWire
import Testing

/// What a body that nobody reads costs: its credit and the pipes it lies in, however large it is.
@Suite("Back pressure and credit", .timeLimit(.minutes(10)))
struct BackPressureTests {
    /// The credit of a stream, and a pipe on each side.
    static let most = 262_144 + 2 * BodyPipe.highMark + 65536

    /// Goes back and forth often enough that whatever is under way comes to rest.
    static func settle(_ client: TeleportClient) async throws {
        for _ in 0..<300 { _ = try await client.execute(Request(.get, "/ping", host: "a")) }
    }

    @Test("the producer of a request's body stops when the handler does not read, and goes on when it does")
    func upload() async throws {
        let gate = Gate()
        try await withHTTPPair(limits: StreamingTests.large) { request, context in
            guard request.target == "/upload" else { return .text("pong") }
            await gate.wait()
            return try await StreamingTests.count(request, context)
        } _: { client, _ in
            let pieces = Pieces(20 << 20)
            async let response = client.execute(Request(.post, "/upload", host: "a", body: pieces.body()))
            await gate.arrived(1)
            await pieces.produced.reached(262_144)
            try await Self.settle(client)
            #expect(pieces.produced.count <= Self.most)
            await gate.open()
            let answer = try await response
            #expect(answer.text == "\(20 << 20)")
        }
    }

    @Test("the producer of an answer's body stops when the caller does not read, and goes on when it does")
    func download() async throws {
        let pieces = Pieces(20 << 20)
        try await withHTTPPair(clientLimits: StreamingTests.large) { request, _ in
            request.target == "/download" ? Response(body: pieces.body()) : .text("pong")
        } _: { client, _ in
            let response = try await client.execute(Request(.get, "/download", host: "a"))
            await pieces.produced.reached(262_144)
            try await Self.settle(client)
            #expect(pieces.produced.count <= Self.most)
            #expect(try await response.body.readPattern() == 20 << 20)
        }
    }

    @Test("half of a request, behind one whose answer fills the socket, is read on where it was (v0)")
    func halfRead() async throws {
        let length = 16 << 20
        let server = patientServer { request, _ in
            request.target == "/large"
                ? Response(body: Body(ByteBuffer(repeating: 0x78, count: length)))
                : .text(request.fields.all("X-Half").joined())
        }
        let address = try #require(try await server.start().first)
        let peer = try await RawPeer.connect(to: address)
        var first = ByteBuffer(bytes: WireBytes.preface)
        for (id, text) in [
            (1, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n"), (2, "GET / HTTP/1.1\r\nHost: a\r\nX-Half: ab"),
        ] {
            CallID(rawValue: UInt32(id)).encode(into: &first)
            first.writeString(text)
        }
        peer.write(first)
        // The socket was full, and is not any more.
        var received = ByteBuffer()
        while received.readableBytes < length, let bytes = await peer.readSome() {
            received.writeImmutableBuffer(bytes)
        }
        peer.write("cd\r\n\r\n")
        peer.endOutput()
        received.writeImmutableBuffer(await peer.readToEnd())
        _ = received.readBytes(length: WireBytes.preface.count)
        let answers = try WireBytes.responses(in: received)
        #expect(answers.map(\.id) == [1, 2])
        #expect(answers.last?.response.text == "abcd")
        await server.shutDown()
    }

    @Test("what an echo holds is bounded by both directions' credit, whoever stops reading")
    func echo() async throws {
        try await withHTTPPair(limits: StreamingTests.large, clientLimits: StreamingTests.large) { request, _ in
            request.target == "/echo" ? Response(body: request.body) : .text("pong")
        } _: { client, _ in
            let pieces = Pieces(20 << 20)
            let response = try await client.execute(Request(.post, "/echo", host: "a", body: pieces.body()))
            await pieces.produced.reached(400_000)
            try await Self.settle(client)
            #expect(pieces.produced.count <= 2 * Self.most)
            #expect(try await response.body.readPattern() == 20 << 20)
        }
    }

    @Test("credits other than the defaults hold from the first byte", arguments: [2048, 30_000, 1 << 20])
    func configured(credit: Int) async throws {
        let gate = Gate()
        try await withHTTPPair(
            limits: StreamingTests.large, clientLimits: StreamingTests.large,
            server: { $0.streamLimits.streamCredit = credit }, client: { $0.streamLimits.streamCredit = credit }
        ) { request, _ in
            guard request.target == "/echo" else { return .text("pong") }
            await gate.wait()
            return Response(body: request.body)
        } _: { client, _ in
            // So that the server's settings are here.
            try await Self.settle(client)
            let pieces = Pieces(3 << 20)
            async let answer = client.execute(Request(.post, "/echo", host: "a", body: pieces.body()))
            await gate.arrived(1)
            await pieces.produced.reached(credit)
            try await Self.settle(client)
            #expect(pieces.produced.count <= credit + BodyPipe.highMark + 65536)
            await gate.open()
            let response = try await answer
            #expect(try await response.body.readPattern() == 3 << 20)
        }
    }

    @Test("answers that are dropped unread give their credit back: a hundred, then one of full size")
    func droppedAnswers() async throws {
        let all = Mutex<[Pieces]>([])
        try await withHTTPPair(clientLimits: StreamingTests.large) { request, _ in
            let pieces = Pieces(Int(request.target.dropFirst()) ?? 0)
            all.withLock { $0.append(pieces) }
            return Response(body: pieces.body())
        } _: { client, server in
            for index in 0..<100 {
                var response: Response? = try await client.execute(Request(.get, "/\(100_000 + index)", host: "a"))
                if index % 3 == 1 {
                    // Begun, and then dropped.
                    var iterator = try #require(response?.body.makeAsyncIterator())
                    _ = try await iterator.next()
                }
                if index % 3 == 2 { await all.withLock { $0[index] }.produced.reached(100_000) }
                response = nil
            }
            let response = try await client.execute(Request(.get, "/\(8 << 20)", host: "a"))
            #expect(try await response.body.readPattern() == 8 << 20)
            #expect(server.connectionCount == 1)
            for pieces in all.withLock({ $0 }) { await pieces.released.wait() }
        }
    }

    @Test("requests whose handlers drop the body give their credit back: a hundred, then one of full size")
    func droppedRequests() async throws {
        try await withHTTPPair(limits: StreamingTests.large) { request, context in
            if request.target == "/drop" { return .text("dropped") }
            if request.target == "/begin" {
                for try await _ in request.body { return .text("dropped") }
            }
            return try await StreamingTests.count(request, context)
        } _: { client, server in
            for index in 0..<100 {
                let pieces = Pieces(100_000)
                let response = try await client.execute(
                    Request(.post, index % 2 == 0 ? "/drop" : "/begin", host: "a", body: pieces.body()))
                #expect(response.text == "dropped")
                await pieces.released.wait()
            }
            let response = try await client.execute(
                Request(.post, "/read", host: "a", body: Pieces(8 << 20).body()))
            #expect(response.text == "\(8 << 20)")
            #expect(server.connectionCount == 1)
        }
    }

    @Test("calls that are cancelled with their bodies under way give the credit back, both ways")
    func cancelled() async throws {
        let begun = Gate()
        await begun.open()
        try await withHTTPPair(limits: StreamingTests.large, clientLimits: StreamingTests.large) { request, _ in
            await begun.wait()
            return Response(body: request.body)
        } _: { client, server in
            for index in 0..<60 {
                let pieces = Pieces(200_000 + index * 1000, ending: .silence)
                let call = Task {
                    try await client.execute(Request(.post, "/", host: "a", body: pieces.body())).body.readPattern()
                }
                if index % 2 == 0 { await begun.arrived(index + 1) } else { await pieces.produced.reached(200_000) }
                call.cancel()
                await #expect(throws: (any Error).self) { try await call.value }
                await pieces.released.wait()
            }
            let pieces = Pieces(8 << 20)
            let response = try await client.execute(Request(.post, "/", host: "a", body: pieces.body()))
            #expect(try await response.body.readPattern() == 8 << 20)
            #expect(server.connectionCount == 1)
        }
    }

    @Test("requests that are refused while their bodies come give the credit back")
    func refusedRequests() async throws {
        try await withHTTPPair(limits: HTTPLimits(maxBodySize: 10 << 20), handler: StreamingTests.count) {
            client, server in
            for _ in 0..<100 {
                let pieces = Pieces((10 << 20) + 1)
                let response = try await client.execute(
                    Request(.post, "/", host: "a", body: pieces.body(declared: true)))
                #expect(response.status == .contentTooLarge)
                await pieces.released.wait()
            }
            let response = try await client.execute(
                Request(.post, "/read", host: "a", body: Pieces(8 << 20).body()))
            #expect(response.text == "\(8 << 20)")
            #expect(server.connectionCount == 1)
        }
    }

    @Test("answers that are refused while their bodies come give the credit back")
    func refusedAnswers() async throws {
        try await withHTTPPair(clientLimits: HTTPLimits(maxBodySize: 10 << 20)) { request, _ in
            let size = Int(request.target.dropFirst()) ?? 0
            return Response(body: Pieces(size).body(declared: true))
        } _: { client, server in
            for _ in 0..<100 {
                let error = await failure { () throws(RPCError) in
                    try await client.execute(Request(.get, "/\((10 << 20) + 1)", host: "a"))
                }
                #expect(error?.code == .unacceptableAnswer)
            }
            let response = try await client.execute(Request(.get, "/\(8 << 20)", host: "a"))
            #expect(try await response.body.readPattern() == 8 << 20)
            #expect(server.connectionCount == 1)
        }
    }
}
