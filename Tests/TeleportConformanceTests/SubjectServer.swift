import NIOCore
import Teleport

/// A server of ours with all that checks can ask of one.
enum SubjectServer {
    static let echo = "/echo"
    static let large = "/large"
    static let slow = "/slow"

    /// What `/large` answers with.
    static let largeBody = ByteBuffer(repeating: UInt8(ascii: "L"), count: 2 << 20)

    @Sendable
    static func handle(_ request: Request, _ context: RequestContext) async throws -> Response {
        switch request.target {
        case Self.echo:
            return Response(body: request.body)
        case Self.large:
            return Response(body: Body(Self.largeBody))
        case Self.slow:
            try await Task.sleep(for: .milliseconds(1200))
            return .text("at last\n")
        default:
            var response = Response.text("hello\n")
            // Worth compressing, for those who would.
            try response.fields.append("Set-Cookie", "session=1" + String(repeating: "-secret", count: 60))
            return response
        }
    }

    /// Starts one on a free port of loopback.
    static func start(
        _ configure: (inout ServerConfiguration) -> Void = { _ in }
    ) async throws -> (server: TeleportServer, address: TransportAddress) {
        var configuration = ServerConfiguration(addresses: [.tcp(host: "127.0.0.1", port: 0)])
        configure(&configuration)
        let server = TeleportServer(configuration: configuration, handler: Self.handle)
        return (server, try await server.start()[0])
    }

    /// One that sends in zstd and takes so many requests on a connection, for as long as `body` takes.
    static func with(places: Int, _ body: (TransportAddress) async throws -> Void) async throws {
        let (server, address) = try await self.start { configuration in
            configuration.limits.maxConcurrent = places
            configuration.compression = .zstd
        }
        try await body(address)
        await server.shutDown()
    }
}
