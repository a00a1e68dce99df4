#if ServiceLifecycle
    import NIOCore
    import ServiceLifecycle
    import Teleport
    import Testing

    import struct Logging.Logger

    @Suite("Services", .timeLimit(.minutes(10)))
    struct ServiceTests {
        @Test("client and server drain when their service group shuts down")
        func group() async throws {
            let server = patientServer { request, _ in .text(request.target) }
            let address = try #require(try await server.start().first)
            let client = patientClient(to: address)
            let group = ServiceGroup(services: [server, client], logger: Logger(label: "test"))
            async let ended: Void = group.run()
            let response = try await client.execute(Request(.get, "/x", host: "a"), timeout: .seconds(60))
            #expect(response.status == .ok)
            await group.triggerGracefulShutdown()
            try await ended
            await #expect(throws: RPCError.self) { try await client.execute(Request(.get, "/x", host: "a")) }
            #expect(server.connectionCount == 0)
        }
    }
#endif
