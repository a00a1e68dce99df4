import NIOCore
import NetworkTestSupport
import TeleportCompress
import TeleportEndpoint
import TeleportRPC
import TeleportTransport
import Testing

@Suite("A server that shuts down", .timeLimit(.minutes(10)))
struct ServerShutdownTests {
    static func server(
        _ configure: (inout ServerConfiguration) -> Void = { _ in },
        handler: @escaping @Sendable (TLVRequest, RequestContext) async throws -> TLVResponse
    ) -> RPCServer<TLVCodec> {
        var configuration = ServerConfiguration(
            addresses: [.tcp(host: "127.0.0.1", port: 0)], identity: TLVBytes.identity)
        configuration.handshakeTimeout = .seconds(60)
        configure(&configuration)
        return RPCServer(
            codec: TLVCodec(), configuration: configuration, handler: AsyncHandler(codec: TLVCodec(), handler: handler))
    }

    @Test("what was read is answered and flushed, then the connection is half-closed")
    func drains() async throws {
        let gate = Gate()
        let server = Self.server { request, _ in
            await gate.wait()
            return TLVResponse(value: request.value)
        }
        let address = try #require(try await server.start().first)
        let peer = try await RawPeer.connect(to: address)
        peer.write(TLVBytes.preface())
        for id in 1...5 as ClosedRange<UInt32> { peer.write(TLVBytes.request(id, value: "\(id)")) }
        await gate.arrived(5)
        async let isDone = server.shutDown()
        let refused = await Task {
            // Nobody is accepted any more, now or in a moment.
            while let other = try? await RawPeer.connect(to: address) { await other.close() }
            return true
        }.value
        #expect(refused)
        await gate.open()
        var answers = await peer.readToEnd()
        #expect(answers.readBytes(length: TLVBytes.prefaceLength) == TLVBytes.preface())
        let values = try TLVBytes.answers(in: answers).map { String(buffer: $0.value) }
        #expect(values.sorted() == ["1", "2", "3", "4", "5"])
        await peer.close()
        #expect(await isDone)
        #expect(server.connectionCount == 0)
    }

    @Test("a call that the server did not read any more fails as possibly executed, with the cause")
    func unread() async throws {
        let gate = Gate()
        let server = Self.server { request, _ in
            await gate.wait()
            return TLVResponse(value: request.value)
        }
        let address = try #require(try await server.start().first)
        let client = ClientFailureTests.client(to: address)
        async let first = client.call(TLVRequest(name: "", value: "1"))
        await gate.arrived(1)
        let shutDown = Task { await server.shutDown() }
        while let other = try? await RawPeer.connect(to: address) { await other.close() }
        // The listener is closed, so the connection drains already or will in its next turn; the answer to the first
        // call comes in either case, the second is read or not.
        await gate.open()
        let got1 = try await first
        #expect(got1 == TLVResponse("1"))
        #expect(await shutDown.value)
        let error = await failure { () throws(RPCError) in try await client.call(TLVRequest(name: "", value: "2")) }
        // The client has noticed that the connection ended, or notices before it sends the call, or not yet.
        if error?.possiblyExecuted == true {
            #expect(error?.code == .connectionClosed)
        } else {
            #expect(error?.code == .connectFailed || error?.code == .connectionClosed)
        }
        await client.shutDown()
    }

    @Test("after the limit, connections with requests in flight are closed and their handlers cancelled")
    func limit() async throws {
        let gate = Gate()
        let server = Self.server { request, _ in
            await gate.wait()
            return TLVResponse("\(Task.isCancelled)")
        }
        let address = try #require(try await server.start().first)
        let client = ClientFailureTests.client(to: address)
        async let pending = failure { () throws(RPCError) in try await client.call(TLVRequest(name: "", value: "1")) }
        await gate.arrived(1)
        #expect(await server.shutDown(limit: .milliseconds(1)) == false)
        let error = await pending
        #expect(error?.code == .connectionClosed)
        #expect(error?.possiblyExecuted == true)
        await gate.open()
        await client.shutDown()
    }

    @Test("run() returns when it is told to, and when its task is cancelled; both drain", arguments: [true, false])
    func run(byCancelling: Bool) async throws {
        let gate = Gate()
        let server = Self.server { request, _ in
            await gate.wait()
            return TLVResponse(value: request.value)
        }
        let address = try #require(try await server.start().first)
        let running = Task { try await server.run() }
        let client = ClientFailureTests.client(to: address)
        async let pending = client.call(TLVRequest(name: "", value: "1"))
        await gate.arrived(1)
        if byCancelling { running.cancel() } else { server.beginGracefulShutdown() }
        while let other = try? await RawPeer.connect(to: address) { await other.close() }
        await gate.open()
        let got2 = try await pending
        #expect(got2 == TLVResponse("1"))
        try await running.value
        await client.shutDown()
    }

    @Test("a connection in the middle of its handshake does not hold it up")
    func handshaking() async throws {
        let server = Self.server { request, _ in TLVResponse(value: request.value) }
        let address = try #require(try await server.start().first)
        let peer = try await RawPeer.connect(to: address)
        peer.write(Array(TLVBytes.preface().prefix(5)))
        let other = try await RawPeer.connect(to: address)
        other.write(TLVBytes.preface())
        _ = await other.read(TLVBytes.prefaceLength)
        async let isDone = server.shutDown()
        #expect(await peer.readToEnd().readableBytes == 0)
        _ = await other.readToEnd()
        await other.close()
        #expect(await isDone)
    }

    @Test("an address that cannot be listened at has it listen nowhere")
    func bindFails() async throws {
        let taken = try await RawServer { _ in }
        let free = TransportAddress.tcp(host: "127.0.0.1", port: try unusedPort())
        let server = Self.server {
            $0.addresses = [free, taken.address]
        } handler: { _, _ in
            TLVResponse("")
        }
        let error = await #expect(throws: TransportError.self) { try await server.start() }
        #expect(error?.code == .bindFailed)
        #expect(!server.isStarted)
        await #expect(throws: (any Error).self) { _ = try await RawPeer.connect(to: free) }
        await taken.kill()
    }
}
