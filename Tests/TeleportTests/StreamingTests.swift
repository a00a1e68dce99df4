import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import TeleportCompress
import TeleportRPC
import Testing

/// Bodies that are made as they are sent and read as they come, on v1 over real sockets.
@Suite("Streamed bodies", .timeLimit(.minutes(10)))
struct StreamingTests {
    static let large = HTTPLimits(maxBodySize: 64 << 20)

    /// Answers with the number of bytes that came, if all of them are as they should be.
    @Sendable static func count(_ request: Request, _ context: RequestContext) async throws -> Response {
        .text(try await request.body.readPattern().map { "\($0)" } ?? "not intact")
    }

    /// Answers with as many bytes as the target says.
    @Sendable static func serve(_ request: Request, _ context: RequestContext) async throws -> Response {
        Response(body: Pieces(Int(request.target.dropFirst()) ?? 0).body())
    }

    @Test(
        "a request's body arrives as it was made, its length declared or not, in pieces of any size",
        arguments: [0, 1, 65536, 65537, 1_000_000], [false, true])
    func upload(size: Int, declared: Bool) async throws {
        try await withHTTPPair(limits: Self.large) { request, context in
            #expect(request.body.buffer == nil)
            #expect(request.body.count == (declared ? size : nil))
            return try await Self.count(request, context)
        } _: { client, _ in
            for length in [1000, 65536, 70_000] {
                let pieces = Pieces(size, pieceLength: length)
                let response = try await client.execute(
                    Request(.post, "/", host: "a", body: pieces.body(declared: declared)))
                #expect(response.text == "\(size)")
                await pieces.released.wait()
            }
        }
    }

    @Test(
        "an answer's body arrives as it was made, its length declared or not, in pieces of any size",
        arguments: [0, 1, 65536, 65537, 1_000_000], [false, true])
    func download(size: Int, declared: Bool) async throws {
        let all = Mutex<[Pieces]>([])
        try await withHTTPPair { request, _ in
            let pieces = Pieces(size, pieceLength: Int(request.target.dropFirst()) ?? 0)
            all.withLock { $0.append(pieces) }
            return Response(body: pieces.body(declared: declared))
        } _: { client, _ in
            for length in [1000, 65536, 70_000] {
                let response = try await client.execute(Request(.get, "/\(length)", host: "a"))
                #expect(response.body.buffer == nil)
                #expect(response.body.count == (declared ? size : nil))
                #expect(try await response.body.readPattern() == size)
            }
            for pieces in all.withLock({ $0 }) { await pieces.released.wait() }
        }
    }

    @Test(
        "8 MB go up and come back at the same time, handed on as they are or through a task of the handler",
        arguments: [CompressionCodec.none, .zstd], [false, true])
    func echo(codec: CompressionCodec, throughTask: Bool) async throws {
        try await withHTTPPair(
            limits: Self.large, clientLimits: Self.large, server: { $0.compression = codec },
            client: { $0.compression = codec }
        ) { request, _ in
            Response(body: throughTask ? Body(stream: request.body) : request.body)
        } _: { client, _ in
            let size = 8 << 20
            let pieces = Pieces(size, pieceLength: 30_000)
            let response = try await client.execute(Request(.post, "/", host: "a", body: pieces.body()))
            // Neither credit nor all pipes together hold it: the two sides have to take turns.
            #expect(pieces.produced.count < size)
            #expect(try await response.body.readPattern() == size)
            #expect(pieces.produced.count == size)
        }
    }

    @Test("many bodies go both ways at once over one connection, and none gets a byte of another")
    func manyEchoes() async throws {
        try await withHTTPPair(limits: Self.large, clientLimits: Self.large) { request, _ in
            Response(body: request.body)
        } _: { client, server in
            try await withThrowingTaskGroup(of: Int?.self) { group in
                for index in 0..<40 {
                    group.addTask {
                        let pieces = Pieces(300_000 + index, pieceLength: 7000 + index * 1000)
                        let request = Request(.post, "/", host: "a", body: pieces.body(declared: index % 2 == 0))
                        let count = try await client.execute(request).body.readPattern()
                        return count == 300_000 + index ? index : nil
                    }
                }
                let intact = try await group.reduce(into: Set<Int?>()) { $0.insert($1) }
                #expect(intact == Set(0..<40))
            }
            #expect(server.connectionCount == 1)
        }
    }

    @Test("a body can be made of an AsyncThrowingStream, and of another body")
    func sequences() async throws {
        try await withHTTPPair(handler: Self.count) { client, _ in
            let (stream, continuation) = AsyncThrowingStream<ByteBuffer, any Error>.makeStream()
            async let response = client.execute(
                Request(.post, "/", host: "a", body: Body(stream: Body(stream: stream))))
            for index in 0..<10 { continuation.yield(Pattern.bytes(at: index * 100, count: 100)) }
            continuation.finish()
            let answer = try await response
            #expect(answer.text == "1000")
        }
    }

    @Test("trailers travel both ways, behind streams and behind bodies that are here", arguments: [false, true])
    func trailers(streamed: Bool) async throws {
        @Sendable func body() -> Body { streamed ? Pieces(100_000).body() : Body(Pattern.bytes(at: 0, count: 100_000)) }
        try await withHTTPPair { request, _ in
            let count = try await request.body.readPattern()
            #expect(count == 100_000)
            #expect(request.body.trailers?.first("X-Sum") == "up")
            return Response(body: body(), trailers: ["X-Sum": "down"])
        } _: { client, _ in
            var request = Request(.post, "/", host: "a", body: body())
            request.trailers = ["X-Sum": "up"]
            let response = try await client.execute(request)
            #expect(try await response.body.readPattern() == 100_000)
            #expect(response.body.trailers?.first("X-Sum") == "down")
        }
    }

    @Test("bodies of up to 64 KiB come with their heads and are plain buffers; larger ones are streams")
    func inline() async throws {
        try await withHTTPPair { request, _ in
            let size = Int(request.target.dropFirst()) ?? 0
            #expect((request.body.buffer != nil) == (size <= 65536))
            return Response(body: Body(try await request.body.collect(upTo: 1 << 20)))
        } _: { client, _ in
            for size in [0, 1, 65535, 65536, 65537, 200_000] {
                let body = Pattern.bytes(at: 0, count: size)
                let response = try await client.execute(Request(.post, "/\(size)", host: "a", body: Body(body)))
                #expect((response.body.buffer != nil) == (size <= 65536))
                #expect(response.body.count == size)
                #expect(try await response.body.collect(upTo: size) == body)
            }
        }
    }
}
