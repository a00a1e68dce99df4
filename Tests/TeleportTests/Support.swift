import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import TeleportCompress
import TeleportRPC
import TeleportTestKit
import TeleportWire
import Testing

/// A server on a free loopback port and a client for it, both gone when `body` returns.
func withHTTPPair<Value>(
    limits: HTTPLimits = .default, clientLimits: HTTPLimits = .default, placement: HandlerPlacement = .pool,
    immediate: TeleportServer.ImmediateHandler? = nil,
    server configureServer: (inout ServerConfiguration) -> Void = { _ in },
    client configureClient: (inout ClientConfiguration) -> Void = { _ in },
    handler: @escaping TeleportServer.Handler,
    _ body: (TeleportClient, TeleportServer) async throws -> Value
) async throws -> Value {
    var serverConfiguration = ServerConfiguration(addresses: [.tcp(host: "127.0.0.1", port: 0)])
    // Tests run beside each other: what is slow here is the machine.
    serverConfiguration.handshakeTimeout = .minutes(5)
    serverConfiguration.streamLimits.pingAfter = .never
    serverConfiguration.streamLimits.unreadTimeout = .never
    configureServer(&serverConfiguration)
    let server = TeleportServer(
        configuration: serverConfiguration, limits: limits, placement: placement, immediate: immediate,
        handler: handler)
    return try await withClient(of: server, limits: clientLimits, configureClient, body)
}

/// Starts `server`, and stops it and a client for it when `body` returns.
func withClient<Value>(
    of server: TeleportServer, limits: HTTPLimits = .default,
    _ configure: (inout ClientConfiguration) -> Void = { _ in },
    _ body: (TeleportClient, TeleportServer) async throws -> Value
) async throws -> Value {
    let address = try #require(try await server.start().first)
    var configuration = ClientConfiguration(address: address)
    // Servers of other tests may have had its port.
    configuration.memory = WireMemory()
    configuration.timeout = .minutes(5)
    configuration.handshakeTimeout = .minutes(5)
    configuration.streamLimits.pingAfter = .never
    configuration.streamLimits.unreadTimeout = .never
    configure(&configuration)
    let client = TeleportClient(configuration: configuration, limits: limits)
    do {
        let value = try await body(client, server)
        await client.shutDown(limit: .seconds(5))
        await server.shutDown(limit: .seconds(5))
        return value
    } catch {
        await client.shutDown(limit: .zero)
        await server.shutDown(limit: .zero)
        throw error
    }
}

extension Response {
    /// The body as text.
    var text: String { self.body.buffer.map { String(buffer: $0) } ?? "" }
}

/// Answers with a function, on the loop, in the order requests come.
struct InlineHandler: RequestHandler {
    let answer: @Sendable (Request, Responder<Response>) -> Void

    func handle(_ request: Request, _ responder: Responder<Response>) { self.answer(request, responder) }
}

/// HTTP on a v0 stream as bytes.
enum WireBytes {
    static let preface = Array("httpteleport".utf8) + [0, 1, 0]

    /// What a compressed stream holds.
    static func expanded(_ bytes: ByteBuffer, _ codec: String) throws -> ByteBuffer {
        var decompressor = Decompressor(try CompressionCodec(name: codec).kind)
        var bytes = bytes
        var plain = ByteBuffer()
        while try decompressor.decompress(&bytes, into: &plain, limit: 1 << 16) == .outputFull {}
        return plain
    }

    /// The answers in plain bytes, in their order.
    static func responses(in bytes: ByteBuffer) throws -> [(id: UInt32, response: Response)] {
        var bytes = bytes
        var decoder = ResponseDecoder(profile: .teleport, limits: HTTPLimits(maxBodySize: 64 << 20))
        var all: [(id: UInt32, response: Response)] = []
        while let id = CallID.decode(from: &bytes) {
            guard let response = try decoder.nextMessage(from: &bytes) else { throw HTTPError(.truncated) }
            all.append((id.rawValue, response))
        }
        return all
    }

    /// Writes a stream whole, or byte by byte (in odd pieces once it is long).
    static func write(_ bytes: ByteBuffer, to peer: RawPeer, byteByByte: Bool) {
        guard byteByByte else { return peer.write(bytes) }
        var bytes = bytes
        var count = 0
        while bytes.readableBytes > 0 {
            let length = count < 3000 ? 1 : 997
            guard let piece = bytes.readSlice(length: Swift.min(length, bytes.readableBytes)) else { break }
            peer.write(piece)
            count += 1
        }
    }
}

/// A v0 server at a free port that no busy machine makes give up on a handshake.
func patientServer(handler: @escaping TeleportServer.Handler) -> TeleportServer {
    var configuration = ServerConfiguration(addresses: [.tcp(host: "127.0.0.1", port: 0)])
    configuration.wire = .v0
    configuration.handshakeTimeout = .seconds(60)
    return TeleportServer(configuration: configuration, handler: handler)
}

/// A client that gives up neither.
func patientClient(to address: TransportAddress) -> TeleportClient {
    var configuration = ClientConfiguration(address: address)
    // Servers of other tests may have had its port.
    configuration.memory = WireMemory()
    configuration.handshakeTimeout = .seconds(60)
    return TeleportClient(configuration: configuration)
}
