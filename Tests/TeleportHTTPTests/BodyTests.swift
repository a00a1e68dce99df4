import NIOCore
import TeleportHTTP
import Testing

@Suite struct BodyTests {
    @Test func holdsItsBytes() {
        #expect(Body("hé").count == 3)
        #expect(Body(bytes: [1, 2]).buffer == ByteBuffer(bytes: [1, 2]))
        #expect(Body.empty.count == 0)
        #expect(Body("abc").detached().buffer?.text == "abc")
    }

    @Test func collectsUpToTheLimitAndNotBeyond() async throws {
        #expect(try await Body("abc").collect(upTo: 3).text == "abc")
        await #expect(throws: BodyError.self) { try await Body("abc").collect(upTo: 2) }
    }
}
