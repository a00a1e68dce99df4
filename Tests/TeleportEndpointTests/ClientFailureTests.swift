import NIOCore
import NetworkTestSupport
import Synchronization
import TeleportCompress
import TeleportEndpoint
import TeleportRPC
import TeleportTransport
import TeleportWire
import Testing

@Suite("A client whose server fails", .timeLimit(.minutes(10)))
struct ClientFailureTests {
    static func client(
        to address: TransportAddress, _ configure: (inout ClientConfiguration) -> Void = { _ in }
    ) -> RPCClient<TLVCodec> {
        var configuration = ClientConfiguration(address: address, identity: TLVBytes.identity)
        // Servers of other tests may have had its port.
        configuration.memory = WireMemory()
        configuration.timeout = .seconds(30)
        configuration.handshakeTimeout = .seconds(60)
        configuration.backoff = ConnectBackoff(initial: 1_000_000, maximum: 1_000_000)
        configure(&configuration)
        return RPCClient(codec: TLVCodec(), configuration: configuration)
    }

    /// What a call fails with whose server does `script`.
    static func outcome(
        _ configure: (inout ClientConfiguration) -> Void = { _ in },
        of script: @escaping @Sendable (RawPeer) async throws -> Void
    ) async throws -> RPCError? {
        let server = try await RawServer(script: script)
        let client = Self.client(to: server.address, configure)
        let error = await failure { () throws(RPCError) in try await client.call(TLVRequest(name: "", value: "x")) }
        await client.shutDown(limit: .zero)
        await server.kill()
        return error
    }

    @Test("nobody listens: the call fails at once, with the system's reason, and nothing was executed")
    func absent() async throws {
        let client = Self.client(to: .tcp(host: "127.0.0.1", port: try unusedPort()))
        for _ in 0..<3 {
            let error = await failure { () throws(RPCError) in try await client.call(TLVRequest(name: "", value: "")) }
            #expect(error?.code == .connectFailed)
            #expect(error?.possiblyExecuted == false)
            #expect((error?.cause as? TransportError)?.code == .connectFailed)
        }
        #expect(await client.shutDown())
    }

    @Test("killed in mid-flight and restarted at the same port: pending calls fail at once, the next one succeeds")
    func killedAndRestarted() async throws {
        let port = try unusedPort()
        let server = try await RawServer(port: port) { peer in
            _ = await peer.read(TLVBytes.prefaceLength)
            peer.write(TLVBytes.preface())
            _ = await peer.read(3 * 13)
            await peer.close()
        }
        let client = Self.client(to: server.address)
        await withTaskGroup(of: RPCError?.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    await failure { () throws(RPCError) in try await client.call(TLVRequest(name: "", value: "x")) }
                }
            }
            for await error in group {
                #expect(error?.code == .connectionClosed)
                #expect(error?.possiblyExecuted == true)
                #expect(error?.cause is TransportError)
            }
        }
        await server.kill()
        let absent = await failure { () throws(RPCError) in try await client.call(TLVRequest(name: "", value: "x")) }
        #expect(absent?.code == .connectFailed)
        let restarted = try await RawServer(port: port) { peer in
            _ = await peer.read(TLVBytes.prefaceLength)
            peer.write(TLVBytes.preface())
            _ = await peer.read(13)
            peer.write(TLVBytes.answer(1, "back"))
        }
        let got1 = try await client.call(TLVRequest(name: "", value: "x"))
        #expect(got1 == TLVResponse("back"))
        await client.shutDown()
        await restarted.kill()
    }

    @Test("a reset is told as what it is")
    func reset() async throws {
        let error = try await Self.outcome { peer in
            _ = await peer.read(TLVBytes.prefaceLength)
            peer.write(TLVBytes.preface())
            _ = await peer.read(13)
            try await peer.reset()
        }
        #expect(error?.code == .connectionClosed)
        #expect((error?.cause as? TransportError)?.code == .broken)
    }

    // When exactly, and what a call with less time is told, is proven in memory, where time is the test's.
    @Test("a silent server fails the call, and is named as the reason")
    func silent() async throws {
        let error = try await Self.outcome {
            $0.handshakeTimeout = .milliseconds(50)
        } of: { _ in
        }
        // On a machine that is busy for so long, connecting itself took too long.
        let isTooSlow = (error?.cause as? TransportError)?.code == .timedOut
        #expect(error?.code == .handshakeFailed || isTooSlow)
        #expect(error?.possiblyExecuted == false)
    }

    struct BadPreface: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: [UInt8]
        var testDescription: String { self.name }
    }

    @Test(
        "a handshake that is not acceptable fails the call with the reason",
        arguments: [
            BadPreface(name: "wrong magic", bytes: Array("teleport-tesT".utf8) + [7, 1, 0]),
            BadPreface(name: "HTTP", bytes: Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)),
            BadPreface(name: "one wrong byte", bytes: [0]),
            BadPreface(name: "wrong version", bytes: TLVBytes.preface(version: 8)),
            BadPreface(name: "unknown codec", bytes: TLVBytes.preface(99)),
            BadPreface(name: "unasked TLS", bytes: TLVBytes.preface(tls: 1)),
        ])
    func badHandshake(_ preface: BadPreface) async throws {
        let error = try await Self.outcome { peer in
            _ = await peer.read(TLVBytes.prefaceLength)
            peer.write(preface.bytes)
            _ = await peer.readToEnd()
        }
        #expect(error?.code == .handshakeFailed)
        #expect(error?.possiblyExecuted == false)
    }

    @Test("closed without a byte, before or after the client's: the call fails at once as a failed handshake")
    func closedInHandshake() async throws {
        let early = try await Self.outcome { peer in await peer.close() }
        #expect(early?.code == .handshakeFailed || early?.code == .connectFailed)
        let late = try await Self.outcome { peer in
            _ = await peer.read(TLVBytes.prefaceLength)
            await peer.close()
        }
        #expect(late?.code == .handshakeFailed)
        #expect(late?.cause is TransportError)
    }

    @Test("TLS asked for and refused: nothing is sent in the clear")
    func tlsRefused() async throws {
        let heard = Mutex(ByteBuffer())
        let error = try await Self.outcome {
            $0.tls = try? ClientTLS()
        } of: { peer in
            _ = await peer.read(TLVBytes.prefaceLength)
            peer.write(TLVBytes.preface(tls: 0))
            let rest = await peer.readToEnd()
            heard.withLock { $0 = rest }
        }
        #expect(error?.code == .handshakeFailed)
        #expect(error?.message.contains("does not offer it") == true)
        #expect(heard.withLock { $0.readableBytes } == 0)
    }

    @Test("garbage behind the handshake ends the connection; calls are told that the peer broke the protocol")
    func garbage() async throws {
        // The last is an LZ4 block longer than what it expands to; 0xFF… would be the beginning of a long one.
        let ones = [UInt8](repeating: 0xFF, count: 100)
        for (tag, garbage) in [(0, ones), (1, ones), (2, ones), (3, [0, 0, 9, 0])] as [(UInt8, [UInt8])] {
            let error = try await Self.outcome { peer in
                _ = await peer.read(TLVBytes.prefaceLength)
                peer.write(TLVBytes.preface(tag) + garbage)
                _ = await peer.readToEnd()
            }
            #expect(error?.code == .protocolViolation, "codec \(tag)")
        }
    }

    @Test("an answer over the limit ends the connection before its bytes are taken")
    func tooLong() async throws {
        let error = try await Self.outcome { peer in
            _ = await peer.read(TLVBytes.prefaceLength)
            peer.write(TLVBytes.preface() + [1, 0, 0, 0, 1, 0, 16, 0])
            _ = await peer.readToEnd()
        }
        #expect(error?.code == .protocolViolation)
    }

    @Test("at the limit of answers owed to nobody the connection is replaced; calls go on over the new one")
    func tombstones() async throws {
        let server = try await RawServer { peer in
            _ = await peer.read(TLVBytes.prefaceLength)
            peer.write(TLVBytes.preface())
            // Answers "y" requests only.
            while let request = await peer.read(13) {
                if request.getString(at: 12, length: 1) == "y" {
                    peer.write(TLVBytes.answer(request.getInteger(at: 0, endianness: .little) ?? 0, "answer"))
                }
            }
        }
        let client = Self.client(to: server.address) { $0.limits.maxTombstones = 3 }
        for _ in 0..<3 {
            let error = await failure { () throws(RPCError) in
                try await client.call(TLVRequest(name: "", value: "x"), timeout: .milliseconds(5))
            }
            #expect(error?.code == .timedOut)
        }
        let got2 = try await client.call(TLVRequest(name: "", value: "y"))
        #expect(got2 == TLVResponse("answer"))
        #expect(server.connectionCount == 2)
        await client.shutDown()
        await server.kill()
    }
}

@Suite("A client that shuts down", .timeLimit(.minutes(10)))
struct ClientShutdownTests {
    @Test("pending calls get their answers, new ones are refused")
    func drains() async throws {
        let gate = Gate()
        try await withTLVPair(handler: { request, _ in
            await gate.wait()
            return TLVResponse(value: request.value)
        }) { client, server in
            async let pending = client.call(TLVRequest(name: "", value: "x"))
            await gate.arrived(1)
            client.beginShutdown()
            let refused = await failure { () throws(RPCError) in try await client.call(TLVRequest(name: "", value: ""))
            }
            #expect(refused?.code == .shuttingDown)
            await gate.open()
            let got3 = try await pending
            #expect(got3 == TLVResponse("x"))
            #expect(await client.shutDown())
        }
    }

    @Test("calls that are not answered within the limit fail as shut down")
    func limit() async throws {
        let gate = Gate()
        try await withTLVPair(handler: { request, _ in
            await gate.wait()
            return TLVResponse(value: request.value)
        }) { client, _ in
            async let pending = failure { () throws(RPCError) in try await client.call(TLVRequest(name: "", value: "x"))
            }
            await gate.arrived(1)
            #expect(await client.shutDown(limit: .milliseconds(1)) == false)
            #expect(await pending?.code == .shuttingDown)
            await gate.open()
        }
    }

    @Test("one that never made a call shuts down at once; twice is no harm")
    func idle() async throws {
        let client = ClientFailureTests.client(to: .tcp(host: "127.0.0.1", port: 9))
        #expect(await client.shutDown())
        #expect(await client.shutDown())
        let error = #expect(throws: RPCError.self) { try client.sendOneWay(TLVRequest(name: "", value: "")) }
        #expect(error?.code == .shuttingDown)
    }

    @Test("one that waits to connect again shuts down with its pending calls told why")
    func whileConnecting() async throws {
        let client = ClientFailureTests.client(to: .tcp(host: "127.0.0.1", port: try unusedPort())) {
            $0.backoff = ConnectBackoff(initial: 1_000_000_000_000, maximum: 1_000_000_000_000)
        }
        _ = await failure { () throws(RPCError) in try await client.call(TLVRequest(name: "", value: "")) }
        let waiting = Task {
            await failure { () throws(RPCError) in try await client.call(TLVRequest(name: "", value: "")) }
        }
        // The second call is pending as soon as a third one with no time left was, too.
        let timedOut = await failure { () throws(RPCError) in
            try await client.call(TLVRequest(name: "", value: ""), timeout: .milliseconds(1))
        }
        #expect(timedOut?.code == .timedOut)
        #expect((timedOut?.cause as? RPCError)?.code == .connectFailed)
        await client.shutDown(limit: .zero)
        #expect(await waiting.value?.code == .shuttingDown)
    }

    /// Ends a call of a pool, and says how.
    private struct Outcome: CallCompletion {
        let ended: AsyncStream<RPCError?>.Continuation
        func succeed(_ response: consuming TLVResponse) { self.ended.yield(nil) }
        func fail(_ error: RPCError) { self.ended.yield(error) }
    }

    @Test("a call that does not wait for the next attempt to connect fails at once; the attempt that is due is made")
    func withoutWaiting() async throws {
        var configuration = ClientConfiguration(
            address: .tcp(host: "127.0.0.1", port: try unusedPort()), identity: TLVBytes.identity)
        configuration.memory = WireMemory()
        configuration.handshakeTimeout = .seconds(60)
        configuration.timeout = .seconds(60)
        configuration.backoff = ConnectBackoff(initial: 1_000_000_000_000, maximum: 1_000_000_000_000)
        let pool = ConnectionPool<TLVCodec, Outcome>(codec: TLVCodec(), configuration: configuration)
        let (outcomes, ended) = AsyncStream.makeStream(of: RPCError?.self)
        var iterator = outcomes.makeAsyncIterator()
        func call(waits: Bool) throws(RPCError) {
            try pool.call(TLVRequest(name: "", value: ""), waits: waits, completion: Outcome(ended: ended))
        }
        // Nothing has failed yet: there is nothing to wait for, and the attempt is made. Told by the completion, or by the
        // call itself if the attempt had failed before the call had its place.
        var first: RPCError?
        do throws(RPCError) {
            try call(waits: false)
            first = await iterator.next() ?? nil
        } catch {
            first = error
        }
        #expect(first?.code == .connectFailed)
        let error = #expect(throws: RPCError.self) { try call(waits: false) }
        #expect(error?.code == .connectFailed && error?.possiblyExecuted == false)
        try call(waits: true)
        await pool.shutDown(limit: .zero)
        let waiting = await iterator.next()
        #expect(waiting??.code == .shuttingDown)
    }
}
