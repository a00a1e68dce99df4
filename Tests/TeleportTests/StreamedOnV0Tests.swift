import NIOCore
import NetworkTestSupport
import Teleport
import TeleportRPC
import Testing

/// v0 has no place for a body that is not here yet.
@Suite("Streamed bodies on v0", .timeLimit(.minutes(10)))
struct StreamedOnV0Tests {
    static func withPair(
        _ limits: HTTPLimits = .default, clientLimits: HTTPLimits = .default,
        handler: @escaping TeleportServer.Handler, _ body: (TeleportClient, TeleportServer) async throws -> Void
    ) async throws {
        try await withHTTPPair(
            limits: limits, clientLimits: clientLimits, client: { $0.wire = .v0 }, handler: handler, body)
    }

    @Test("are gathered first, in both directions, with their length", arguments: [0, 1, 100_000, 4 << 20])
    func gathered(size: Int) async throws {
        try await Self.withPair { request, _ in
            #expect(request.body.buffer?.readableBytes == size)
            let count = try await request.body.readPattern()
            #expect(count == size)
            return Response(body: Pieces(size).body())
        } _: { client, _ in
            let response = try await client.execute(Request(.post, "/", host: "a", body: Pieces(size).body()))
            #expect(response.body.buffer?.readableBytes == size)
            #expect(try await response.body.readPattern() == size)
        }
    }

    @Test(
        "over the limit a request is refused with an error that says so, and nothing is sent", arguments: [false, true])
    func tooLarge(declared: Bool) async throws {
        try await Self.withPair(clientLimits: HTTPLimits(maxBodySize: 1000), handler: StreamingTests.count) {
            client, _ in
            let pieces = Pieces(1001, pieceLength: 100)
            let error = await failure { () throws(RPCError) in
                try await client.execute(Request(.post, "/", host: "a", body: pieces.body(declared: declared)))
            }
            #expect(error?.code == .unsendable)
            #expect(error?.possiblyExecuted == false)
            #expect(error?.message.contains("v0") == true)
            #expect(error?.message.contains("1000") == true)
            await pieces.released.wait()
            let exact = try await client.execute(Request(.post, "/", host: "a", body: Pieces(1000).body()))
            #expect(exact.text == "1000")
        }
    }

    @Test("one that breaks off fails its call alone")
    func broken() async throws {
        try await Self.withPair(handler: StreamingTests.count) { client, _ in
            let error = await failure { () throws(RPCError) in
                try await client.execute(Request(.post, "/", host: "a", body: Pieces(1000, ending: .error).body()))
            }
            #expect(error?.code == .unsendable)
            #expect(error?.possiblyExecuted == false)
            #expect(error.map { String(describing: $0).contains("Broken") } == true)
        }
    }

    @Test("an answer over the limit, or one that breaks off, is answered with 500", arguments: [true, false])
    func answers(isTooLarge: Bool) async throws {
        let pieces = Pieces(isTooLarge ? .max : 1000, ending: .error)
        try await Self.withPair { _, _ in
            Response(body: pieces.body())
        } _: { client, _ in
            let response = try await client.execute(Request(.get, "/", host: "a"))
            #expect(response.status == .internalServerError)
            await pieces.released.wait()
        }
    }

    @Test("one that never ends is given up when the call's time is over")
    func endless() async throws {
        try await Self.withPair(handler: StreamingTests.count) { client, _ in
            // As long as it takes to find out that the server speaks v0.
            var timeout = TimeAmount.milliseconds(200)
            var hasBegun = false
            while !hasBegun {
                let pieces = Pieces(1000, ending: .silence)
                let error = await failure { () throws(RPCError) in
                    try await client.execute(Request(.post, "/", host: "a", body: pieces.body()), timeout: timeout)
                }
                #expect(error?.code == .timedOut)
                #expect(error?.possiblyExecuted == false)
                hasBegun = pieces.produced.count > 0
                if hasBegun { await pieces.released.wait() }
                timeout = timeout * 2
            }
        }
    }

    @Test("one that is being gathered is let go when the calling task is cancelled")
    func cancelled() async throws {
        try await Self.withPair(handler: StreamingTests.count) { client, _ in
            let pieces = Pieces(1000, ending: .silence)
            let call = Task {
                await failure { () throws(RPCError) in
                    try await client.execute(Request(.post, "/", host: "a", body: pieces.body()))
                }
            }
            await pieces.produced.reached(1000)
            call.cancel()
            #expect(await call.value?.code == .cancelled)
            await pieces.released.wait()
        }
    }
}
