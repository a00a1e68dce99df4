import NIOCore
import NetworkTestSupport
import Synchronization
import TeleportCompress
import TeleportEndpoint
import TeleportRPC
import TeleportTransport
import TeleportWire
import Testing

@Suite("Calls over loopback", .timeLimit(.minutes(10)))
struct CallTests {
    static let codecs: [CompressionCodec] = [.none, .flate, .snappy, .lz4]

    @Test("each call gets its own answer, in every mix of codecs", arguments: codecs, codecs)
    func mixes(client clientCodec: CompressionCodec, server serverCodec: CompressionCodec) async throws {
        try await withTLVPair(
            server: { $0.compression = serverCodec }, client: { $0.compression = clientCodec }
        ) { client, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<200 {
                    group.addTask {
                        let text = String(repeating: "value \(index) ", count: index)
                        let answer = try await client.call(TLVRequest(name: "echo", value: text))
                        #expect(String(buffer: answer.value) == text)
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("placements and the immediate lane answer alike", arguments: [HandlerPlacement.pool, .eventLoop])
    func placements(placement: HandlerPlacement) async throws {
        try await withTLVPair(
            immediate: { request, _ in request.name.readableBytes == 4 ? TLVResponse("at once") : nil },
            placement: placement
        ) { client, _ in
            let answer1 = try await client.call(TLVRequest(name: "fast", value: "x")).value
            #expect(answer1 == ByteBuffer(string: "at once"))
            let answer2 = try await client.call(TLVRequest(name: "slower", value: "x")).value
            #expect(answer2 == ByteBuffer(string: "x"))
            let onLoop = try await client.withLoop {
                try await client.call(TLVRequest(name: "slower", value: "y")).value
            }
            #expect(onLoop == ByteBuffer(string: "y"))
        }
    }

    @Test("a handler on the loop runs on the loop")
    func handlerOnLoop() async throws {
        try await withTLVPair(
            handler: { _, context in
                await Task.yield()
                return TLVResponse(context.executor.eventLoop.inEventLoop ? "loop" : "elsewhere")
            },
            placement: .eventLoop
        ) { client, _ in
            let answer3 = try await client.call(TLVRequest(name: "", value: "")).value
            #expect(answer3 == ByteBuffer(string: "loop"))
        }
    }

    @Test("answers come back in the order they are ready, not asked for")
    func outOfOrder() async throws {
        let gate = Gate()
        try await withTLVPair(handler: { request, _ in
            if String(buffer: request.name) == "slow" { await gate.wait() }
            return TLVResponse(value: request.value)
        }) { client, _ in
            async let slow = client.call(TLVRequest(name: "slow", value: "1"))
            await gate.arrived(1)
            let answer4 = try await client.call(TLVRequest(name: "fast", value: "2")).value
            #expect(answer4 == ByteBuffer(string: "2"))
            await gate.open()
            let answer5 = try await slow.value
            #expect(answer5 == ByteBuffer(string: "1"))
        }
    }

    @Test("a one-way call is handled and not answered")
    func oneWay() async throws {
        let gate = Gate()
        try await withTLVPair(handler: { request, context in
            if context.isOneWay { await gate.wait() }
            return TLVResponse(value: request.value)
        }) { client, _ in
            for _ in 0..<3 { try client.sendOneWay(TLVRequest(name: "event", value: "x")) }
            await gate.arrived(3)
            await gate.open()
            let answer6 = try await client.call(TLVRequest(name: "", value: "y")).value
            #expect(answer6 == ByteBuffer(string: "y"))
        }
    }

    @Test("at the pending limit a call is refused at once; N admits N")
    func pendingLimit() async throws {
        let gate = Gate()
        try await withTLVPair(
            handler: { request, _ in
                await gate.wait()
                return TLVResponse(value: request.value)
            },
            client: { $0.limits.maxPending = 3 }
        ) { client, _ in
            async let first = client.call(TLVRequest(name: "", value: "1"))
            async let second = client.call(TLVRequest(name: "", value: "2"))
            async let third = client.call(TLVRequest(name: "", value: "3"))
            await gate.arrived(3)
            let refused = await failure { () throws(RPCError) in try await client.call(TLVRequest(name: "", value: "4"))
            }
            #expect(refused?.code == .tooManyPending)
            await gate.open()
            let answers7 = try await [first.value, second.value, third.value]
            #expect(answers7.map { String(buffer: $0) } == ["1", "2", "3"])
        }
    }

    @Test("at the server's limit a call is told so; N admits N (D13)")
    func concurrencyLimit() async throws {
        let gate = Gate()
        try await withTLVPair(
            handler: { request, _ in
                await gate.wait()
                return TLVResponse(value: request.value)
            },
            server: { $0.maxConcurrent = 2 }
        ) { client, _ in
            async let first = client.call(TLVRequest(name: "", value: "1"))
            async let second = client.call(TLVRequest(name: "", value: "2"))
            await gate.arrived(2)
            let refused = try await client.call(TLVRequest(name: "", value: "3"))
            #expect(String(buffer: refused.value) == "concurrency limit 2")
            await gate.open()
            let answers8 = try await [first.value, second.value]
            #expect(answers8.map { String(buffer: $0) } == ["1", "2"])
            let answer9 = try await client.call(TLVRequest(name: "", value: "4")).value
            #expect(answer9 == ByteBuffer(string: "4"))
        }
    }

    @Test("serial mode handles one request of a connection after the other, in order")
    func serial() async throws {
        let order = Mutex<[String]>([])
        let running = Atomic<Int>(0)
        try await withTLVPair(
            handler: { request, _ in
                #expect(running.wrappingAdd(1, ordering: .relaxed).newValue == 1)
                order.withLock { $0.append(String(buffer: request.value)) }
                await Task.yield()
                running.wrappingSubtract(1, ordering: .relaxed)
                return TLVResponse(value: request.value)
            },
            server: {
                $0.limits.serial = true
                $0.compression = .flate
            },
            client: { $0.compression = .flate }
        ) { client, _ in
            try await client.withLoop {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for index in 0..<100 {
                        group.addTask { _ = try await client.call(TLVRequest(name: "", value: "\(index)")) }
                    }
                    try await group.waitForAll()
                }
            }
        }
        #expect(Set(order.withLock { $0 }).count == 100)
    }

    @Test("a call that gives up fails alone: the answer is dropped, the connection goes on")
    func timeout() async throws {
        let gate = Gate()
        try await withTLVPair(handler: { request, _ in
            if String(buffer: request.name) == "slow" { await gate.wait() }
            return TLVResponse(value: request.value)
        }) { client, server in
            let error = await failure { () throws(RPCError) in
                try await client.call(TLVRequest(name: "slow", value: "late"), timeout: .milliseconds(20))
            }
            #expect(error?.code == .timedOut)
            await gate.open()
            for index in 0..<100 {
                let answer = try await client.call(TLVRequest(name: "fast", value: "\(index)"))
                #expect(String(buffer: answer.value) == "\(index)")
            }
            #expect(server.connectionCount == 1)
        }
    }

    @Test("cancelling the task ends the call at once, before, while and after it is made")
    func cancellation() async throws {
        let gate = Gate()
        try await withTLVPair(handler: { request, _ in
            if String(buffer: request.name) == "slow" { await gate.wait() }
            return TLVResponse(value: request.value)
        }) { client, _ in
            let waiting = Task {
                await failure { () throws(RPCError) in
                    try await client.call(TLVRequest(name: "slow", value: "x"))
                }
            }
            await gate.arrived(1)
            waiting.cancel()
            #expect(await waiting.value?.code == .cancelled)

            let before = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return await failure { () throws(RPCError) in
                    try await client.call(TLVRequest(name: "slow", value: "x"))
                }
            }
            #expect(await before.value?.code == .cancelled)
            await gate.open()
            let answer10 = try await client.call(TLVRequest(name: "", value: "on")).value
            #expect(answer10 == ByteBuffer(string: "on"))
        }
    }

    @Test("a thousand calls cancelled at random moments: each has one outcome, no answer goes astray")
    func cancellationStorm() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("cancellation storm: seed \(seed)")
        try await withTLVPair(
            client: {
                $0.limits.maxPending = 100_000
                $0.limits.maxTombstones = 100_000
            }
        ) { client, _ in
            let outcomes = await withTaskGroup(of: Bool.self) { group in
                for index in 0..<1000 {
                    group.addTask {
                        let call = Task {
                            do throws(RPCError) {
                                let answer = try await client.call(TLVRequest(name: "", value: "\(index)"))
                                return String(buffer: answer.value) == "\(index)"
                            } catch {
                                return error.code == .cancelled
                            }
                        }
                        if (UInt64(index) &* 0x9E37_79B9 ^ seed) % 3 == 0 {
                            await Task.yield()
                            call.cancel()
                        }
                        return await call.value
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.count == 1000)
            #expect(outcomes.allSatisfy { $0 })
        }
    }

    @Test("a message that cannot be sent fails its caller alone (D5)")
    func unsendable() async throws {
        try await withTLVPair { client, server in
            let tooLong = TLVRequest(name: ByteBuffer(), value: ByteBuffer(repeating: 1, count: (1 << 20) + 1))
            let error = await failure { () throws(RPCError) in try await client.call(tooLong) }
            #expect(error?.code == .unsendable)
            #expect(error?.possiblyExecuted == false)
            let largest = TLVRequest(name: ByteBuffer(), value: ByteBuffer(repeating: 1, count: 1 << 20))
            let answer11 = try await client.call(largest).value.readableBytes
            #expect(answer11 == 1 << 20)
            #expect(server.connectionCount == 1)
        }
    }

    @Test("an answer that cannot be sent is replaced by one that says so")
    func unsendableAnswer() async throws {
        try await withTLVPair(handler: { _, _ in
            TLVResponse(value: ByteBuffer(repeating: 1, count: (1 << 20) + 1))
        }) { client, _ in
            let answer = try await client.call(TLVRequest(name: "", value: ""))
            #expect(String(buffer: answer.value) == "the answer is too long")
        }
    }

    @Test("a handler that throws is answered for")
    func handlerFailed() async throws {
        struct Oops: Error {}
        try await withTLVPair(handler: { _, _ in throw Oops() }) { client, _ in
            let answer = try await client.call(TLVRequest(name: "", value: ""))
            #expect(String(buffer: answer.value) == "the handler failed")
        }
    }

    @Test("batching by delay and byte cap delivers everything")
    func delay() async throws {
        try await withTLVPair(
            server: { $0.batching = .init(delay: .milliseconds(1), byteCap: 4096) },
            client: { $0.batching = .init(delay: .milliseconds(1), byteCap: 4096) }
        ) { client, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<500 {
                    group.addTask {
                        let text = String(repeating: "x", count: index)
                        let answer12 = try await client.call(TLVRequest(name: "", value: text)).value.readableBytes
                        #expect(answer12 == index)
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("several connections are all opened, and used (D12)")
    func connections() async throws {
        try await withTLVPair(client: { $0.connections = 3 }) { client, server in
            for _ in 0..<6 { _ = try await client.call(TLVRequest(name: "", value: "x")) }
            #expect(server.connectionCount == 3)
        }
    }

    @Test("unix sockets serve as well")
    func unixSocket() async throws {
        let path = "/tmp/teleport-test-\(UInt64.random(in: .min ... .max)).sock"
        try await withTLVPair(server: { $0.addresses = [.unix(path: path)] }) { client, _ in
            let answer13 = try await client.call(TLVRequest(name: "", value: "x")).value
            #expect(answer13 == ByteBuffer(string: "x"))
        }
    }

    @Test("IPv6 serves as well")
    func ipv6() async throws {
        try await withTLVPair(server: { $0.addresses = [.tcp(host: "::1", port: 0)] }) { client, _ in
            let answer14 = try await client.call(TLVRequest(name: "", value: "x")).value
            #expect(answer14 == ByteBuffer(string: "x"))
        }
    }

    @Test("a peer that does not read is not read from: memory stays bounded, and all is answered in the end")
    func backPressure() async throws {
        try await withTLVPair(server: { $0.outboundHighMark = 65536 }) { client, _ in
            let value = ByteBuffer(repeating: 7, count: 200_000)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<200 {
                    group.addTask {
                        let answer15 = try await client.call(TLVRequest(name: ByteBuffer(), value: value)).value
                        #expect(answer15 == value)
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}
