import NIOCore
import NIOPosix
import NetworkTestSupport
import Teleport
import TeleportProxy
import Testing

/// Which connection to an HTTP server a request is given.
@Suite("Connections to an HTTP server", .timeLimit(.minutes(10)))
struct HTTPUpstreamTests {
    @Test(
        """
        the requests of one link, which all come on one loop, have all connections of the process, and those that wait \
        get the first that is free
        """,
        arguments: [false, true])
    func oneLink(isShort: Bool) async throws {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 4)
        let gate = Gate()
        let origin = try await Origin { request in
            await gate.wait()
            return .text(request.target)
        }
        try await Route.v1.run(to: [origin.address]) {
            $0.eventLoopGroup = loops
            $0.outConnectionsPerAddress = 8
        } _: { front, _ in
            // Twelve wait behind the first eight.
            let count = isShort ? 20 : 8
            let clients = try await (0..<count).asyncMap { _ in try await RawClient(to: front) }
            for (index, client) in clients.enumerated() {
                client.send("GET /\(index) HTTP/1.1\r\nHost: a\r\n\r\n")
            }
            await gate.arrived(8)
            await gate.open()
            for (index, var client) in clients.enumerated() {
                #expect(try await client.answer(to: .get)?.text == "/\(index)")
                await client.peer.close()
            }
            #expect(origin.server.connectionCount == 8)
        }
        await origin.server.kill()
        try await loops.shutdownGracefully()
    }
}

extension Sequence {
    fileprivate func asyncMap<Value>(_ transform: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}
