import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import TeleportCompress
import TeleportRPC
import TeleportTestKit
import TeleportWire
import Testing

/// Calls of one frame each way on v1.
@Suite("Calls on v1", .timeLimit(.minutes(10)))
struct FramedCallTests {
    static let codecs = FacadeTests.codecs + [.zstd]

    @Test(
        "thousands of calls at once on one connection each get their own answer, in every mix of codecs",
        arguments: codecs, codecs)
    func mixes(client clientCodec: CompressionCodec, server serverCodec: CompressionCodec) async throws {
        try await withHTTPPair(
            server: { $0.compression = serverCodec },
            client: {
                $0.compression = clientCodec
                $0.limits.maxPending = 10_000
            }
        ) { request, _ in
            var response = Response.text(request.target)
            response.body = request.body
            try response.fields.append("X-Target", request.target)
            return response
        } _: { client, server in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<2000 {
                    group.addTask {
                        // Text and noise, from nothing to a few KB.
                        let body =
                            index % 3 == 0
                            ? Pattern.bytes(at: index, count: index)
                            : ByteBuffer(string: String(repeating: "value \(index) ", count: index % 100))
                        let response = try await client.execute(
                            Request(.post, "/\(index)", host: "a", body: Body(body)))
                        return response.body.buffer == body && response.fields.first("X-Target") == "/\(index)"
                    }
                }
                for try await isRight in group { #expect(isRight) }
            }
            #expect(server.connectionCount == 1)
        }
    }

    @Test(
        "secrets arrive, and no coded block ever holds a byte of them, from the first call on",
        arguments: [CompressionCodec.flate, .snappy, .lz4, .zstd])
    func secrets(codec: CompressionCodec) async throws {
        let server = TeleportServer(
            configuration: {
                var configuration = ServerConfiguration(addresses: [.tcp(host: "127.0.0.1", port: 0)])
                configuration.handshakeTimeout = .minutes(5)
                configuration.compression = codec
                return configuration
            }()
        ) { request, _ in
            var response = Response.text(String(repeating: "compressible ", count: 50))
            try response.fields.append("X-Seen", request.fields.first("X-Number") ?? "")
            let number = request.fields.first("X-Number") ?? "?"
            guard request.fields.first("Authorization") == "Bearer secret-authorization-\(number)",
                request.fields.all("Cookie") == ["a=secret-cookie-\(number)", "b=secret-second-\(number)"]
            else { return .text("no", status: 401) }
            try response.fields.append("Set-Cookie", "session=secret-session-\(number)")
            return response
        }
        let address = try #require(try await server.start().first)
        let relay = try await RecordingRelay(to: address)
        let client = NegotiationTests.client(to: relay.address) {
            $0.wire = .v1
            $0.compression = codec
        }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<300 {
                group.addTask {
                    var request = Request(
                        .post, "/\(number)", host: "a", body: Body(String(repeating: "compressible ", count: 50)))
                    try request.fields.append("X-Number", "\(number)")
                    try request.fields.append("Cookie", "a=secret-cookie-\(number)")
                    try request.fields.append("Authorization", "Bearer secret-authorization-\(number)")
                    try request.fields.append("Cookie", "b=secret-second-\(number)")
                    let response = try await client.execute(request)
                    return response.status == .ok
                        && response.fields.all("Set-Cookie") == ["session=secret-session-\(number)"]
                        && response.fields.first("X-Seen") == "\(number)"
                }
            }
            for try await isRight in group { #expect(isRight) }
        }
        await client.shutDown()
        let passed = try #require(relay.passed.first)
        for (bytes, perCall) in [(passed.up, 3), (passed.down, 1)] {
            let log = try BlockLog(bytes)
            let secret = log.count("secret-")
            #expect(secret.coded == 0)
            #expect(secret.stored == 300 * perCall)
            #expect(log.count("compressible").coded > 0)
        }
        await relay.kill()
        await server.shutDown(limit: .zero)
    }

    @Test(
        "a sensitive call travels in stored blocks whole, body, trailers and answer included, among others that do not",
        arguments: [CompressionCodec.flate, .snappy, .lz4, .zstd])
    func sensitive(codec: CompressionCodec) async throws {
        let server = TeleportServer(
            configuration: {
                var configuration = ServerConfiguration(addresses: [.tcp(host: "127.0.0.1", port: 0)])
                configuration.handshakeTimeout = .minutes(5)
                configuration.compression = codec
                return configuration
            }()
        ) { request, _ in
            #expect(request.isSensitive == (request.target != "/open"))
            let body = try await request.body.collect(upTo: 1 << 20)
            guard request.target == "/streamed" else { return Response(body: Body(body)) }
            return Response(
                body: Body(
                    stream: AsyncStream {
                        $0.yield(body); $0.finish()
                    }), trailers: ["X-Sum": "confidential-sum"])
        }
        let address = try #require(try await server.start().first)
        let relay = try await RecordingRelay(to: address)
        let client = NegotiationTests.client(to: relay.address) {
            $0.wire = .v1
            $0.compression = codec
        }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<150 {
                group.addTask {
                    let kind = ["/open", "/whole", "/streamed"][number % 3]
                    let text = String(repeating: kind == "/open" ? "compressible " : "confidential ", count: 300)
                    var request = Request(.post, kind, host: "a", body: Body(text))
                    request.isSensitive = kind != "/open"
                    if kind == "/streamed" {
                        request.body = Body(stream: Body(text))
                        request.trailers = ["X-Sum": "confidential-sum"]
                    }
                    if kind != "/open" { try request.fields.append("X-Kind", "confidential") }
                    let response = try await client.execute(request)
                    return try await response.body.collect(upTo: 1 << 20) == ByteBuffer(string: text)
                }
            }
            for try await isRight in group { #expect(isRight) }
        }
        await client.shutDown()
        let passed = try #require(relay.passed.first)
        for bytes in [passed.up, passed.down] {
            let log = try BlockLog(bytes)
            #expect(log.count("confidential").coded == 0)
            #expect(log.count("confidential").stored > 100 * 290)
            #expect(log.count("compressible").coded > 50 * 290)
            // Every frame of the sensitive streams says so, and no other does.
            let sensitive = try log.frames().filter { $0.header.flags.contains(.sensitive) }
            #expect(sensitive.count >= 100)
        }
        await relay.kill()
        await server.shutDown(limit: .zero)
    }

    @Test("one-way requests are executed, take a place each, and give it back")
    func oneWay() async throws {
        let handled = Meter()
        try await withHTTPPair(server: { $0.limits.maxConcurrent = 10 }, client: { $0.limits.maxPending = 10_000 }) {
            request, context in
            #expect(context.isOneWay == (request.method == .post))
            handled.add(1)
            return .text("x")
        } _: { client, _ in
            let first = try await client.execute(Request(.get, "/", host: "a"))
            #expect(first.text == "x")
            for index in 0..<3000 {
                try client.sendOneWay(Request(.post, "/\(index)", host: "a", body: Body("data")))
            }
            let response = try await client.execute(Request(.get, "/", host: "a"))
            #expect(response.text == "x")
            await handled.reached(3002)
        }
    }

    @Test("a one-way request with a body that is not here, or too large for one frame, is refused to its caller")
    func oneWayStreamed() async throws {
        try await withHTTPPair(handler: FacadeTests.mirror) { client, _ in
            let warm = try await client.execute(Request(.get, "/", host: "a"))
            #expect(warm.status == .ok)
            for body in [Pieces(10).body(), Body(Pattern.bytes(at: 0, count: 65537))] {
                do throws(RPCError) {
                    try client.sendOneWay(Request(.post, "/", host: "a", body: body))
                    Issue.record("it was taken")
                } catch {
                    #expect(error.code == .unsendable)
                }
            }
            try client.sendOneWay(Request(.post, "/", host: "a", body: Body(Pattern.bytes(at: 0, count: 65536))))
        }
    }

    @Test("a deadline and a cancellation reach the handler's task, which ends; the caller has its outcome at once")
    func reachesHandler() async throws {
        let begun = Gate()
        let ended = Meter()
        await begun.open()
        try await withHTTPPair { request, _ in
            if request.target == "/ping" { return .text("pong") }
            await begun.wait()
            // Ends only with its task.
            let forever = AsyncStream<Void> { _ in }
            for await _ in forever {}
            #expect(Task.isCancelled)
            ended.add(1)
            return .text("to nobody")
        } _: { client, server in
            // As long as it takes to get to the handler, which is the machine's business.
            var timeout = TimeAmount.milliseconds(50)
            var late = 0
            while late == 0 {
                let error = await failure { () throws(RPCError) in
                    try await client.execute(Request(.get, "/late", host: "a"), timeout: timeout)
                }
                #expect(error?.code == .timedOut)
                late = await begun.arrivals
                timeout = timeout * 2
            }
            await ended.reached(late)
            let calls = (0..<50).map { index in
                Task {
                    await failure { () throws(RPCError) in
                        try await client.execute(Request(.get, "/\(index)", host: "a"))
                    }
                }
            }
            await begun.arrived(late + 50)
            for call in calls { call.cancel() }
            for call in calls { #expect(await call.value?.code == .cancelled) }
            await ended.reached(late + 50)
            let response = try await client.execute(Request(.get, "/ping", host: "a"))
            #expect(response.text == "pong")
            #expect(server.connectionCount == 1)
        }
    }

    @Test("thousands of calls of which a third are cancelled at random moments: one outcome each, every handler ends")
    func cancellationStorm() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("cancellation storm on v1: seed \(seed)")
        let begun = Atomic<Int>(0)
        let ended = Meter()
        try await withHTTPPair(
            client: {
                $0.limits.maxPending = 100_000
                $0.limits.maxTombstones = 100_000
            }
        ) { request, _ in
            if request.target == "/ping" { return .text("pong") }
            begun.wrappingAdd(1, ordering: .relaxed)
            defer { ended.add(1) }
            if request.target.hasSuffix("7") { for _ in 0..<3 { await Task.yield() } }
            return .text(request.target)
        } _: { client, server in
            let outcomes = await withTaskGroup(of: Bool.self) { group in
                for index in 0..<3000 {
                    group.addTask {
                        let call = Task {
                            do throws(RPCError) {
                                return try await client.execute(Request(.get, "/\(index)", host: "a")).text
                                    == "/\(index)"
                            } catch {
                                return error.code == .cancelled
                            }
                        }
                        if (UInt64(index) &* 0x9E37_79B9 ^ seed) % 3 == 0 {
                            for _ in 0..<(index % 5) { await Task.yield() }
                            call.cancel()
                        }
                        return await call.value
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.count == 3000)
            #expect(outcomes.allSatisfy { $0 }, "seed \(seed)")
            let response = try await client.execute(Request(.get, "/ping", host: "a"))
            #expect(response.text == "pong")
            await ended.reached(begun.load(ordering: .relaxed))
            #expect(server.connectionCount == 1)
        }
    }

    @Test("calls over the places that the server has wait, in their order, and none is refused to its caller")
    func fewPlaces() async throws {
        let order = Notes<Int>()
        let running = Atomic<Int>(0)
        let most = Notes<Int>()
        try await withHTTPPair(server: { $0.limits.maxConcurrent = 3 }) { request, _ in
            let now = running.wrappingAdd(1, ordering: .relaxed).newValue
            most.add(now)
            await Task.yield()
            running.wrappingSubtract(1, ordering: .relaxed)
            return .text(request.target)
        } _: { client, _ in
            // Also those that are made before it is known how many there are, and that cannot be sent twice.
            await withTaskGroup(of: Bool.self) { group in
                for index in 0..<500 {
                    group.addTask {
                        let body = index % 2 == 0 ? Body.empty : Pieces(100).body()
                        let request = Request(.post, "/\(index)", host: "a", body: body)
                        return (try? await client.execute(request))?.text == "/\(index)"
                    }
                }
                for await isAnswered in group { #expect(isAnswered) }
            }
            #expect(most.all.allSatisfy { $0 <= 3 })
            await withTaskGroup(of: Void.self) { group in
                for index in 0..<300 {
                    group.addImmediateTask {
                        _ = try? await client.execute(Request(.get, "/\(index)", host: "a"))
                        order.add(index)
                    }
                }
            }
            // Three run at a time and may overtake each other, but nobody else.
            for (place, index) in order.all.enumerated() { #expect(abs(place - index) < 50) }
            #expect(order.all.count == 300)
        }
    }

    @Test("a call that waits for a place can be cancelled, and times out, without having been sent")
    func waitingCalls() async throws {
        let gate = Gate()
        let seen = Mutex<[String]>([])
        try await withHTTPPair(server: { $0.limits.maxConcurrent = 1 }) { request, _ in
            seen.withLock { $0.append(request.target) }
            if request.target == "/first" { await gate.wait() }
            return .text("x")
        } _: { client, _ in
            _ = try await client.execute(Request(.get, "/warm", host: "a"))
            async let first = client.execute(Request(.get, "/first", host: "a"))
            await gate.arrived(1)
            let late = await failure { () throws(RPCError) in
                try await client.execute(Request(.get, "/late", host: "a"), timeout: .milliseconds(20))
            }
            #expect(late?.code == .timedOut)
            #expect(late?.possiblyExecuted == false)
            let pieces = Pieces(1000)
            let cancelled = Task.immediate {
                await failure { () throws(RPCError) in
                    try await client.execute(Request(.post, "/cancelled", host: "a", body: pieces.body()))
                }
            }
            cancelled.cancel()
            let error = await cancelled.value
            #expect(error?.code == .cancelled)
            #expect(error?.possiblyExecuted == false)
            await pieces.released.wait()
            #expect(pieces.produced.count == 0)
            await gate.open()
            _ = try await first
            _ = try await client.execute(Request(.get, "/last", host: "a"))
            #expect(seen.withLock { $0 } == ["/warm", "/first", "/last"])
        }
    }
}
