import NIOCore
import NetworkTestSupport
import Teleport
import TeleportCompress
import Testing

/// Client and server in one process, without a socket in between.
@Suite("Over memory", .timeLimit(.minutes(10)))
struct MemoryTests {
    @Test("calls, large and streamed bodies, on both versions", arguments: [WireVersion.v0, .v1], FacadeTests.codecs)
    func calls(wire: WireVersion, codec: CompressionCodec) async throws {
        let address = TransportAddress.memory(name: "calls \(wire) \(codec)")
        var serverConfiguration = ServerConfiguration(addresses: [address])
        serverConfiguration.compression = codec
        let server = TeleportServer(configuration: serverConfiguration) { request, _ in
            Response(body: Body(try await request.body.collect(upTo: 4 << 20)))
        }
        try await withClient(
            of: server,
            {
                $0.wire = wire
                $0.compression = codec
            }
        ) { client, server in
            #expect(server.addresses == [address])
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<500 {
                    group.addTask {
                        let body = Pattern.bytes(at: index, count: index % 50 == 0 ? 300_000 : index)
                        let response = try await client.execute(
                            Request(.post, "/", host: "a", body: Body(body)))
                        return try await response.body.collect(upTo: 1 << 20) == body
                    }
                }
                for try await isRight in group { #expect(isRight) }
            }
            #expect(server.connectionCount == 1)
        }
        #expect(server.connectionCount == 0)
    }

    @Test("a client whose server is not there says so, and finds it when it comes")
    func later() async throws {
        let address = TransportAddress.memory(name: "later")
        let client = TeleportClient(configuration: ClientConfiguration(address: address))
        let error = await failure { () throws(RPCError) in
            try await client.execute(Request(.get, "/", host: "a"), timeout: .milliseconds(100))
        }
        let message = error.map { "\($0)" } ?? ""
        #expect(message.contains("memory:later"))
        let server = TeleportServer(configuration: ServerConfiguration(addresses: [address])) { _, _ in .text("here") }
        try await server.start()
        let response = try await client.execute(Request(.get, "/", host: "a"), timeout: .minutes(5))
        #expect(response.text == "here")
        await client.shutDown()
        await server.shutDown()
    }
}
