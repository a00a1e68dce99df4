import NIOCore
import Teleport
import Testing

@Suite("HTTP over Teleport", .timeLimit(.minutes(10)))
struct SmokeTests {
    @Test("a request is answered")
    func hello() async throws {
        let server = patientServer { request, _ in .text("Hello, \(request.method) \(request.target)") }
        let address = try #require(try await server.start().first)
        let client = patientClient(to: address)
        let response = try await client.execute(Request(.get, "/x?y=%20", host: "a"), timeout: .seconds(30))
        #expect(response.status == .ok)
        #expect(response.body.buffer == ByteBuffer(string: "Hello, GET /x?y=%20"))
        #expect(await client.shutDown())
        #expect(await server.shutDown())
    }
}
