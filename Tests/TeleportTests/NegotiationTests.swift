import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import TeleportCompress
import TeleportRPC
import TeleportTestKit
import TeleportWire
import Testing

@testable import TeleportEndpoint

/// Which version two peers come to speak (rules V1-3 to V1-5).
@Suite("Negotiation of the version", .timeLimit(.minutes(10)))
struct NegotiationTests {
    static func client(
        to address: TransportAddress, memory: WireMemory = WireMemory(),
        _ configure: (inout ClientConfiguration) -> Void = { _ in }
    ) -> TeleportClient {
        var configuration = ClientConfiguration(address: address)
        configuration.memory = memory
        configuration.timeout = .minutes(5)
        configuration.handshakeTimeout = .minutes(5)
        configuration.streamLimits.pingAfter = .never
        configuration.backoff = ConnectBackoff(initial: 1_000_000, maximum: 1_000_000)
        configure(&configuration)
        return TeleportClient(configuration: configuration)
    }

    /// Says which version it was asked in, as the handler sees it.
    static let version = InlineHandler { request, responder in
        responder.respond(.text("\(responder.wire.rawValue) \(request.target)"))
    }

    static func withServer(
        _ configure: (inout ServerConfiguration) -> Void = { _ in },
        _ body: (TransportAddress, TeleportServer) async throws -> Void
    ) async throws {
        var configuration = ServerConfiguration(addresses: [.tcp(host: "127.0.0.1", port: 0)])
        configuration.handshakeTimeout = .minutes(5)
        configure(&configuration)
        let server = TeleportServer(configuration: configuration, handler: Self.version)
        let address = try #require(try await server.start().first)
        try await body(address, server)
        await server.shutDown(limit: .zero)
    }

    static func ask(_ client: TeleportClient, _ target: String = "/") async throws -> String {
        try await client.execute(Request(.get, target, host: "a")).text
    }

    @Test("one port serves v0 and v1 at once, in every codec", arguments: FacadeTests.codecs + [.zstd])
    func bothVersions(codec: CompressionCodec) async throws {
        try await Self.withServer({ $0.compression = codec }) { address, server in
            let clients = [(WireVersion.v0, "v0"), (.v1, "v1"), (.automatic, "v1")].map { wire, expected in
                (
                    Self.client(to: address) {
                        $0.wire = wire
                        $0.compression = codec
                    }, expected
                )
            }
            for round in 0..<20 {
                for (client, expected) in clients {
                    let text = try await Self.ask(client, "/\(round)")
                    #expect(text == "\(expected) /\(round)")
                }
            }
            #expect(server.connectionCount == 3)
            for (client, _) in clients { await client.shutDown() }
        }
    }

    @Test("a server that speaks one version turns the other away, and the client is told clearly")
    func oneVersion() async throws {
        for (served, asked) in [(WireVersion.v0, WireVersion.v1), (.v1, .v0)] {
            try await Self.withServer({ $0.wire = served }) { address, _ in
                let client = Self.client(to: address) { $0.wire = asked }
                let error = await failure { () throws(RPCError) in
                    try await client.execute(Request(.get, "/", host: "a"))
                }
                #expect(error?.code == .handshakeFailed)
                #expect(error?.message.contains("version") == true, "\(error as Any)")
                #expect(error?.possiblyExecuted == false)
                await client.shutDown()
                let other = Self.client(to: address)
                let text = try await Self.ask(other)
                #expect(text == "\(served.rawValue) /")
                await other.shutDown()
            }
        }
    }

    /// What an old server does: it closes when it sees v1, and speaks v0 else. Counts both.
    final class OldServer: Sendable {
        struct Seen: Sendable, Equatable {
            var v1 = 0
            var v0 = 0
        }

        private let state = Mutex(Seen())
        var seen: Seen { self.state.withLock { $0 } }

        /// - Parameter gate: what a connection that begins with v1 waits for before it is closed.
        func script(_ gate: Gate? = nil) -> @Sendable (RawPeer) async throws -> Void {
            { peer in
                guard let preface = await peer.read(15) else { return }
                guard preface.getInteger(at: 12, as: UInt8.self) == 0 else {
                    self.state.withLock { $0.v1 += 1 }
                    await gate?.wait()
                    return await peer.close()
                }
                self.state.withLock { $0.v0 += 1 }
                peer.write(WireBytes.preface)
                var bytes = ByteBuffer()
                while let more = await peer.readSome() {
                    bytes.writeImmutableBuffer(more)
                    var decoder = RequestDecoder(profile: .teleport)
                    while true {
                        let start = bytes.readerIndex
                        guard let id = CallID.decode(from: &bytes),
                            case .request(let request)? = try decoder.nextMessage(from: &bytes)
                        else {
                            bytes.moveReaderIndex(to: start)
                            break
                        }
                        var answer = ByteBuffer()
                        id.encode(into: &answer)
                        try TeleportEncoder.encode(
                            Response.text("old \(request.target)"), date: nil, limits: .default, into: &answer)
                        peer.write(answer)
                    }
                }
                await peer.close()
            }
        }
    }

    @Test("an old server is spoken to in v0, and remembered: the next connection begins with it")
    func fallsBack() async throws {
        let old = OldServer()
        let server = try await RawServer(script: old.script())
        let memory = WireMemory()
        for round in 1...3 {
            let client = Self.client(to: server.address, memory: memory)
            for index in 0..<3 {
                let text = try await Self.ask(client, "/\(index)")
                #expect(text == "old /\(index)")
            }
            await client.shutDown()
            #expect(old.seen == .init(v1: 1, v0: round))
        }
        // Who does not share the memory asks again.
        let stranger = Self.client(to: server.address)
        let text = try await Self.ask(stranger)
        #expect(text == "old /")
        await stranger.shutDown()
        #expect(old.seen == .init(v1: 2, v0: 4))
        await server.kill()
    }

    @Test("every connection of a client falls back by itself, and no call is lost on the way")
    func fallsBackTogether() async throws {
        let old = OldServer()
        let server = try await RawServer(script: old.script())
        let client = Self.client(to: server.address) { $0.connections = 3 }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for index in 0..<100 {
                group.addTask { try await Self.ask(client, "/\(index)") == "old /\(index)" }
            }
            for try await isAnswered in group { #expect(isAnswered) }
        }
        await client.shutDown()
        #expect(old.seen.v0 == 3)
        await server.kill()
    }

    @Test("calls made while the version is found out keep their order, their deadlines and the right to be cancelled")
    func waitingCalls() async throws {
        let order = Mutex<[String]>([])
        let probed = Gate()
        let server = try await RawServer { peer in
            guard let preface = await peer.read(15) else { return }
            guard preface.getInteger(at: 12, as: UInt8.self) == 0 else {
                await probed.wait()
                return await peer.close()
            }
            peer.write(WireBytes.preface)
            var bytes = ByteBuffer()
            while let more = await peer.readSome() {
                bytes.writeImmutableBuffer(more)
                var decoder = RequestDecoder(profile: .teleport)
                while let id = CallID.decode(from: &bytes),
                    case .request(let request)? = try decoder.nextMessage(from: &bytes)
                {
                    order.withLock { $0.append(request.target) }
                    var answer = ByteBuffer()
                    id.encode(into: &answer)
                    try TeleportEncoder.encode(Response.text("x"), date: nil, limits: .default, into: &answer)
                    peer.write(answer)
                }
            }
            await peer.close()
        }
        let client = Self.client(to: server.address)
        await withTaskGroup(of: RPCError?.self) { group in
            for index in 0..<20 {
                group.addImmediateTask {
                    do throws(RPCError) {
                        _ = try await client.execute(Request(.get, "/\(index)", host: "a"))
                        return nil
                    } catch {
                        return error
                    }
                }
            }
            let cancelled = Task.immediate {
                await failure { () throws(RPCError) in
                    try await client.execute(Request(.get, "/cancelled", host: "a"))
                }
            }
            let late = await failure { () throws(RPCError) in
                try await client.execute(Request(.get, "/late", host: "a"), timeout: .milliseconds(20))
            }
            #expect(late?.code == .timedOut)
            #expect(late?.possiblyExecuted == false)
            cancelled.cancel()
            let error = await cancelled.value
            #expect(error?.code == .cancelled)
            #expect(error?.possiblyExecuted == false)
            await probed.open()
            for await error in group { #expect(error == nil) }
        }
        #expect(order.withLock { $0 } == (0..<20).map { "/\($0)" })
        await client.shutDown()
        await server.kill()
    }

    @Test("a call that was handed over to v0 can still be cancelled there")
    func cancelledBehind() async throws {
        let arrived = Gate()
        let server = try await RawServer { peer in
            guard let preface = await peer.read(15) else { return }
            guard preface.getInteger(at: 12, as: UInt8.self) == 0 else { return await peer.close() }
            peer.write(WireBytes.preface)
            _ = await peer.readSome()
            await arrived.wait()
        }
        let client = Self.client(to: server.address)
        let call = Task {
            await failure { () throws(RPCError) in try await client.execute(Request(.get, "/", host: "a")) }
        }
        await arrived.arrived(1)
        call.cancel()
        #expect(await call.value?.code == .cancelled)
        await arrived.open()
        await client.shutDown(limit: .zero)
        await server.kill()
    }

    enum Turning: CaseIterable, Sendable {
        case reset, byte, v0Preface, garbage
    }

    @Test("only an orderly end without a byte tells of an old server", arguments: Turning.allCases)
    func noFallback(turning: Turning) async throws {
        let memory = WireMemory()
        let server = try await RawServer { peer in
            _ = await peer.read(15)
            switch turning {
            case .reset: return try await peer.reset()
            case .byte: peer.write([0x68])
            case .v0Preface: peer.write(WireBytes.preface)
            case .garbage: peer.write("HTTP/1.1 400 Bad Request\r\n\r\n")
            }
            peer.endOutput()
            _ = await peer.readToEnd()
        }
        let client = Self.client(to: server.address, memory: memory)
        let error = await failure { () throws(RPCError) in try await client.execute(Request(.get, "/", host: "a")) }
        #expect(error?.code == .handshakeFailed)
        #expect(error?.possiblyExecuted == false)
        await client.shutDown(limit: .zero)
        #expect(server.connectionCount == 1)
        #expect(memory.knowledge(of: server.address, now: .now()) == .unknown)
        await server.kill()
    }

    @Test("an address that spoke v1 is never taken for an old server")
    func neverAfterV1() async throws {
        let port = try unusedPort()
        let memory = WireMemory()
        let address = TransportAddress.tcp(host: "127.0.0.1", port: port)
        try await Self.withServer({ $0.addresses = [address] }) { _, _ in
            let client = Self.client(to: address, memory: memory)
            let text = try await Self.ask(client)
            #expect(text == "v1 /")
            await client.shutDown()
        }
        let old = OldServer()
        let server = try await RawServer(port: port, script: old.script())
        let client = Self.client(to: address, memory: memory)
        let error = await failure { () throws(RPCError) in try await client.execute(Request(.get, "/", host: "a")) }
        #expect(error?.code == .handshakeFailed)
        await client.shutDown(limit: .zero)
        #expect(old.seen == .init(v1: 1, v0: 0))
        await server.kill()
    }

    @Test("a server that cannot be reached in v0 either is remembered as nothing")
    func notRemembered() async throws {
        let memory = WireMemory()
        let server = try await RawServer { peer in
            _ = await peer.read(15)
            await peer.close()
        }
        let client = Self.client(to: server.address, memory: memory)
        let error = await failure { () throws(RPCError) in try await client.execute(Request(.get, "/", host: "a")) }
        #expect(error?.code == .handshakeFailed)
        await client.shutDown(limit: .zero)
        #expect(memory.knowledge(of: server.address, now: .now()) == .unknown)
        await server.kill()
    }

    @Test("what is remembered of an old server is forgotten after ten minutes; of a new one never")
    func forgetting() {
        let memory = WireMemory()
        let (old, new) = (TransportAddress.tcp(host: "old", port: 1), TransportAddress.tcp(host: "new", port: 1))
        let start = NIODeadline.uptimeNanoseconds(5)
        memory.spokeV0(old, now: start)
        memory.spokeV1(new)
        for (after, isKnown) in [
            (TimeAmount.zero, true), (.minutes(10) - .nanoseconds(1), true), (.minutes(10), false), (.hours(1), false),
        ] {
            #expect(memory.knowledge(of: old, now: start + after) == (isKnown ? .v0 : .unknown))
            #expect(memory.knowledge(of: new, now: start + after) == .v1)
        }
        memory.spokeV0(old, now: start)
        memory.spokeV1(old)
        #expect(memory.knowledge(of: old, now: start) == .v1)
    }

    @Test("what is remembered is bounded, whatever addresses there are")
    func bounded() {
        let memory = WireMemory()
        for port in 0..<10_000 {
            memory.spokeV0(.tcp(host: "old", port: port), now: .uptimeNanoseconds(1))
            memory.spokeV1(.tcp(host: "new", port: port))
        }
        #expect(memory.knowledge(of: .tcp(host: "old", port: 9999), now: .uptimeNanoseconds(2)) == .v0)
        #expect(memory.knowledge(of: .tcp(host: "new", port: 9999), now: .uptimeNanoseconds(2)) == .v1)
        let known = (0..<10_000).count {
            memory.knowledge(of: .tcp(host: "old", port: $0), now: .uptimeNanoseconds(2)) != .unknown
        }
        #expect(known <= 4096)
    }

    @Test(
        "recorded servers are spoken to in v0 by a client that tries v1 first",
        arguments: TranscriptTests.replayable)
    func recorded(name: String) async throws {
        let transcript = try VectorLoader().load(name)
        let requests = try TranscriptTests.requests(of: transcript)
        let begin = Gate()
        let bytes = transcript.server
        // What the reference did with a preface of version 1: it closed, and said nothing.
        let turnedAway = try VectorLoader().load("raw_wrong_version")
        #expect(turnedAway.server.readableBytes == 0)
        let server = try await RawServer { peer in
            guard let preface = await peer.read(15) else { return }
            guard preface.getInteger(at: 12, as: UInt8.self) == 0 else { return await peer.close() }
            await begin.wait()
            peer.write(bytes)
            _ = await peer.readToEnd()
            await peer.close()
        }
        let codec = try CompressionCodec(name: transcript.codec(from: .client))
        let client = Self.client(to: server.address) { $0.compression = codec }
        await withTaskGroup(of: (UInt32, Result<Response, RPCError>).self) { group in
            for (id, request) in requests {
                group.addImmediateTask {
                    do throws(RPCError) {
                        return (id, .success(try await client.execute(request)))
                    } catch {
                        return (id, .failure(error))
                    }
                }
            }
            await begin.open()
            for await (id, outcome) in group {
                guard case .success(let response) = outcome,
                    let expected = transcript.responses.first(where: { $0.id == id })
                else {
                    Issue.record("\(id): \(outcome)")
                    continue
                }
                guard !requests.contains(where: { $0.id == id && $0.request.method == .head }) else { continue }
                TranscriptTests.check(response, against: expected, "\(id)")
            }
        }
        await client.shutDown()
        #expect(server.connectionCount == 2)
        await server.kill()
    }
}
