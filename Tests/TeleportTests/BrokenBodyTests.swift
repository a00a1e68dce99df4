import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import TeleportRPC
import Testing

/// Bodies that do not come to their end: whoever reads one is told, and never takes it for complete.
@Suite("Bodies that break off", .timeLimit(.minutes(10)))
struct BrokenBodyTests {
    /// How reading a body ended.
    enum Ending: Sendable, Equatable {
        case complete(Int)
        case failed(after: Int)
    }

    static func read(_ body: Body) async -> Ending {
        var count = 0
        do {
            for try await piece in body { count += piece.readableBytes }
            return .complete(count)
        } catch {
            return .failed(after: count)
        }
    }

    @Test(
        "a request whose body cannot be made to its end fails with the cause, and its handler sees a failed body",
        arguments: [0, 1000, 100_000, 1_000_000])
    func uploadThrows(size: Int) async throws {
        let endings = Mutex<[Ending]>([])
        let seen = Gate()
        try await withHTTPPair { request, _ in
            guard request.method == .post else { return .text("fine") }
            let ending = await Self.read(request.body)
            endings.withLock { $0.append(ending) }
            await seen.wait()
            return .text("answered all the same")
        } _: { client, server in
            let pieces = Pieces(size, ending: .error)
            let error = await failure { () throws(RPCError) in
                try await client.execute(Request(.post, "/", host: "a", body: pieces.body()))
            }
            #expect(error?.code == .unsendable)
            #expect(error?.possiblyExecuted == true)
            #expect(error.map { String(describing: $0).contains("Broken") } == true)
            await pieces.released.wait()
            await seen.arrived(1)
            let got = endings.withLock { $0 }
            #expect(got.count == 1)
            if case .complete? = got.first { Issue.record("the handler took the body for complete") }
            await seen.open()
            let response = try await client.execute(Request(.get, "/", host: "a"))
            #expect(response.text == "fine")
            #expect(server.connectionCount == 1)
        }
    }

    @Test(
        "a body of another length than it was declared with fails its call alone, and is complete to nobody",
        arguments: [(1000, 2000), (200_000, 200_001), (2000, 1000), (200_000, 100_000), (0, 1)])
    func wrongLength(size: Int, declared: Int) async throws {
        let seen = Gate()
        let endings = Mutex<[Ending]>([])
        try await withHTTPPair { request, _ in
            guard request.method == .post else {
                return Response(body: Pieces(size).body(length: declared))
            }
            let ending = await Self.read(request.body)
            endings.withLock { $0.append(ending) }
            await seen.wait()
            return .text("x")
        } _: { client, server in
            let error = await failure { () throws(RPCError) in
                try await client.execute(
                    Request(.post, "/", host: "a", body: Pieces(size).body(length: declared)))
            }
            #expect(error?.code == .unsendable)
            await seen.arrived(1)
            await seen.open()
            if case .complete? = endings.withLock({ $0.first }) { Issue.record("complete") }
            let response = try await client.execute(Request(.get, "/", host: "a"))
            #expect(response.body.count == declared)
            if case .complete(let count) = await Self.read(response.body) { Issue.record("complete, with \(count)") }
            #expect(server.connectionCount == 1)
        }
    }

    @Test(
        "an answer whose body breaks off in the handler's hands fails while it is read, and never looks complete",
        arguments: [0, 1000, 65536, 100_000, 1_000_000])
    func downloadThrows(size: Int) async throws {
        try await withHTTPPair { request, _ in
            let pieces = Pieces(size, ending: .error)
            return Response(body: request.target == "/declared" ? pieces.body(length: size + 1) : pieces.body())
        } _: { client, server in
            for target in ["/", "/declared"] {
                let response = try await client.execute(Request(.get, target, host: "a"))
                #expect(response.status == .ok)
                if case .complete = await Self.read(response.body) { Issue.record("\(target) is complete") }
                let other = try await client.execute(Request(.get, target, host: "a"))
                await #expect(throws: BodyError.self) { try await other.body.collect(upTo: 1 << 21) }
            }
            #expect(server.connectionCount == 1)
        }
    }

    @Test("an upload that breaks off while its answer is read breaks the answer off too")
    func uploadThrowsBehindAnswer() async throws {
        try await withHTTPPair { request, _ in
            Response(body: request.body)
        } _: { client, server in
            let (stream, continuation) = AsyncThrowingStream<ByteBuffer, any Error>.makeStream()
            continuation.yield(Pattern.bytes(at: 0, count: 1000))
            let response = try await client.execute(Request(.post, "/", host: "a", body: Body(stream: stream)))
            var iterator = response.body.makeAsyncIterator()
            let first = try await iterator.next()
            #expect(first == Pattern.bytes(at: 0, count: 1000))
            continuation.finish(throwing: Pieces.Broken())
            await #expect(throws: BodyError.self) { while try await iterator.next() != nil {} }
            #expect(server.connectionCount == 1)
        }
    }

    @Test("a caller that is cancelled in the middle of its upload stops source, stream and handler")
    func cancelledUpload() async throws {
        let reading = Gate()
        let stopped = Flag()
        try await withHTTPPair { request, _ in
            guard request.method == .post else { return .text("fine") }
            var iterator = request.body.makeAsyncIterator()
            _ = try await iterator.next()
            await reading.wait()
            do {
                while try await iterator.next() != nil {}
                Issue.record("the body is complete")
            } catch {
                #expect(Task.isCancelled)
                stopped.raise()
            }
            return .text("to nobody")
        } _: { client, server in
            // Not a word from the source, which nobody but its task can end.
            let pieces = Pieces(50_000, ending: .silence)
            let call = Task {
                await failure { () throws(RPCError) in
                    try await client.execute(Request(.post, "/", host: "a", body: pieces.body()))
                }
            }
            await reading.arrived(1)
            await reading.open()
            call.cancel()
            #expect(await call.value?.code == .cancelled)
            await stopped.wait()
            await pieces.released.wait()
            let response = try await client.execute(Request(.get, "/", host: "a"))
            #expect(response.text == "fine")
            #expect(server.connectionCount == 1)
        }
    }

    @Test("a deadline that passes in the middle of an upload stops source, stream and handler")
    func expiredUpload() async throws {
        let begun = Meter()
        let stopped = Flag()
        try await withHTTPPair { request, _ in
            guard request.method == .post else { return .text("fine") }
            begun.add(1)
            if case .complete = await Self.read(request.body) { Issue.record("the body is complete") }
            stopped.raise()
            return .text("to nobody")
        } _: { client, server in
            // As long as it takes to get to the handler, which is the machine's business.
            var timeout = TimeAmount.milliseconds(300)
            while begun.count == 0 {
                let pieces = Pieces(50_000, ending: .silence)
                let error = await failure { () throws(RPCError) in
                    try await client.execute(Request(.post, "/", host: "a", body: pieces.body()), timeout: timeout)
                }
                #expect(error?.code == .timedOut)
                if begun.count > 0 { await pieces.released.wait() }
                timeout = timeout * 2
            }
            await stopped.wait()
            let response = try await client.execute(Request(.get, "/", host: "a"))
            #expect(response.text == "fine")
            #expect(server.connectionCount == 1)
        }
    }

    @Test("a caller that is cancelled while it reads an answer stops the answer's source")
    func cancelledDownload() async throws {
        let pieces = Pieces(300_000, ending: .silence)
        try await withHTTPPair { request, _ in
            request.target == "/" ? Response(body: pieces.body()) : .text("fine")
        } _: { client, server in
            let reading = Meter()
            let call = Task {
                let response = try await client.execute(Request(.get, "/", host: "a"))
                for try await piece in response.body { reading.add(piece.readableBytes) }
            }
            await reading.reached(300_000)
            call.cancel()
            await #expect(throws: (any Error).self) { try await call.value }
            await pieces.released.wait()
            let response = try await client.execute(Request(.get, "/other", host: "a"))
            #expect(response.text == "fine")
            #expect(server.connectionCount == 1)
        }
    }

    @Test(
        "an answer that is dropped stops its source, also one that has nothing to say", arguments: [0, 1000, 300_000])
    func droppedDownload(size: Int) async throws {
        let pieces = Pieces(size, ending: .silence)
        try await withHTTPPair { _, _ in
            Response(body: pieces.body())
        } _: { client, _ in
            _ = try await client.execute(Request(.get, "/", host: "a"))
            await pieces.released.wait()
        }
    }

    @Test(
        "a handler that answers without reading gets its answer through: the upload is stopped",
        arguments: [false, true])
    func earlyAnswer(streamedAnswer: Bool) async throws {
        try await withHTTPPair(limits: StreamingTests.large) { _, _ in
            streamedAnswer ? Response(body: Pieces(100_000).body()) : .text("early")
        } _: { client, server in
            for index in 0..<20 {
                let pieces = Pieces(index % 2 == 0 ? .max : 10_000, ending: .silence)
                let response = try await client.execute(Request(.post, "/", host: "a", body: pieces.body()))
                if streamedAnswer {
                    #expect(try await response.body.readPattern() == 100_000)
                } else {
                    #expect(response.text == "early")
                }
                await pieces.released.wait()
            }
            #expect(server.connectionCount == 1)
        }
    }

    @Test(
        "a stream over the server's limit fails: told by a status if it was declared, else its handler sees it break off",
        arguments: [false, true])
    func overLimit(declared: Bool) async throws {
        let endings = Mutex<[Ending]>([])
        try await withHTTPPair(limits: HTTPLimits(maxBodySize: 100_000)) { request, _ in
            let ending = await Self.read(request.body)
            endings.withLock { $0.append(ending) }
            return .text("\(ending)")
        } _: { client, server in
            let exact = try await client.execute(
                Request(.post, "/", host: "a", body: Pieces(100_000).body(declared: declared)))
            #expect(exact.text == "complete(100000)")
            let pieces = Pieces(100_001)
            do throws(RPCError) {
                let response = try await client.execute(
                    Request(.post, "/", host: "a", body: pieces.body(declared: declared)))
                #expect(declared)
                #expect(response.status == .contentTooLarge)
            } catch {
                #expect(!declared)
                #expect(error.code == .unsendable)
                #expect(error.possiblyExecuted)
            }
            await pieces.released.wait()
            let complete = endings.withLock { $0 }.filter { if case .complete = $0 { true } else { false } }
            #expect(complete == [.complete(100_000)])
            #expect(server.connectionCount == 1)
        }
    }

    @Test("a stream over the caller's limit fails while it is read, and stops its source; the connection goes on")
    func answerOverLimit() async throws {
        let pieces = Pieces(.max)
        try await withHTTPPair(clientLimits: HTTPLimits(maxBodySize: 100_000)) { request, _ in
            Response(body: request.target == "/endless" ? pieces.body() : Pieces(100_000).body())
        } _: { client, server in
            let exact = try await client.execute(Request(.get, "/", host: "a"))
            #expect(try await exact.body.readPattern() == 100_000)
            let response = try await client.execute(Request(.get, "/endless", host: "a"))
            if case .complete = await Self.read(response.body) { Issue.record("complete") }
            await pieces.released.wait()
            let other = try await client.execute(Request(.get, "/", host: "a"))
            #expect(try await other.body.readPattern() == 100_000)
            #expect(server.connectionCount == 1)
        }
    }

    @Test("an answer under way when its client is shut down breaks off, and its source is stopped")
    func clientShutDown() async throws {
        let pieces = Pieces(300_000, ending: .silence)
        try await withHTTPPair { _, _ in
            Response(body: pieces.body())
        } _: { client, _ in
            let response = try await client.execute(Request(.get, "/", host: "a"))
            async let ending = Self.read(response.body)
            await pieces.produced.reached(300_000)
            #expect(await client.shutDown(limit: .zero) == false)
            if case .complete = await ending { Issue.record("complete") }
            await pieces.released.wait()
        }
    }

    @Test("bodies under way when the server is shut down break off on both sides")
    func serverShutDown() async throws {
        let seen = Flag()
        try await withHTTPPair { request, _ in
            if request.target == "/up" {
                if case .complete = await Self.read(request.body) { Issue.record("complete") }
                seen.raise()
                return .text("x")
            }
            return Response(body: Pieces(1000, ending: .silence).body())
        } _: { client, server in
            let pieces = Pieces(1000, ending: .silence)
            async let up = failure { () throws(RPCError) in
                try await client.execute(Request(.post, "/up", host: "a", body: pieces.body()))
            }
            let response = try await client.execute(Request(.get, "/down", host: "a"))
            async let down = Self.read(response.body)
            #expect(await server.shutDown(limit: .zero) == false)
            #expect(await up?.possiblyExecuted == true)
            if case .complete = await down { Issue.record("complete") }
            await seen.wait()
            await pieces.released.wait()
        }
    }

    @Test("a stream is sent once: the second time the caller is told so")
    func consumed() async throws {
        try await withHTTPPair(handler: StreamingTests.count) { client, _ in
            let body = Pieces(1000).body()
            let response = try await client.execute(Request(.post, "/", host: "a", body: body))
            #expect(response.text == "1000")
            let error = await failure { () throws(RPCError) in
                try await client.execute(Request(.post, "/", host: "a", body: body))
            }
            #expect(error?.code == .unsendable)
            #expect(error?.possiblyExecuted == false)
        }
    }
}
