// Code as a user writes it: public API only, every import a user would need and no other. It was written against
// protocol v0 and must compile, unchanged, when v1 is the default. Do not adapt it: adapt the library.

import NIOCore
import Teleport
import TeleportCompress
import TeleportRPC
import TeleportWire
import Testing

// MARK: HTTP, as in the README

func serve() async throws {
    let server = TeleportServer(at: try TransportAddress(parsing: ":8080")) { request, _ in
        .text("Hello, \(request.target)")
    }
    try await server.run()
}

func ask() async throws -> String {
    let client = TeleportClient(to: try TransportAddress(parsing: "10.0.0.7:8080"))
    let response = try await client.execute(Request(.get, "/bids?user=7", host: "bidder"))
    return String(buffer: try await response.body.collect(upTo: 1 << 20))
}

/// A server and a client with every setting that has one.
func configured() throws -> (TeleportServer, TeleportClient) {
    var serverConfiguration = ServerConfiguration(addresses: [.tcp(host: "127.0.0.1", port: 0)])
    serverConfiguration.compression = .flate
    serverConfiguration.batching = BatchingPolicy(delay: .milliseconds(1), byteCap: 32768)
    serverConfiguration.limits = ServerLimits(maxConcurrent: 1000, serial: false)
    serverConfiguration.maxConcurrent = 10_000
    serverConfiguration.handshakeTimeout = .seconds(30)
    serverConfiguration.outboundHighMark = 1 << 20
    serverConfiguration.drainLimit = .seconds(10)
    let server = TeleportServer(
        configuration: serverConfiguration, limits: HTTPLimits(maxBodySize: 1 << 20), addsDate: false,
        placement: .eventLoop,
        immediate: { request, _ in request.target == "/health" ? .text("fine") : nil },
        handler: { request, context in
            var response = Response(status: .created, body: request.body)
            try response.fields.append("X-One-Way", "\(context.isOneWay)")
            return response
        })

    var clientConfiguration = ClientConfiguration(address: .unix(path: "/run/teleport.sock"))
    clientConfiguration.compression = try .flate(level: 1)
    clientConfiguration.batching.delay = .microseconds(100)
    clientConfiguration.limits = ClientLimits(maxPending: 1000, maxTombstones: 1000)
    clientConfiguration.connections = 2
    clientConfiguration.timeout = .seconds(1)
    clientConfiguration.backoff = ConnectBackoff()
    clientConfiguration.maxOutboundBytes = 1 << 20
    let client = TeleportClient(configuration: clientConfiguration, limits: .default, drainLimit: .seconds(5))
    return (server, client)
}

/// TLS on both sides.
func secured() throws -> (ServerConfiguration, ClientConfiguration) {
    var server = ServerConfiguration(addresses: [try TransportAddress(parsing: "[::]:8443")])
    server.tls = try ServerTLS(certificateChainFile: "chain.pem", privateKeyFile: "key.pem")
    server.allowPlaintext = false
    var client = ClientConfiguration(address: try TransportAddress(parsing: "bidder.example:8443"))
    client.tls = try ClientTLS()
    return (server, client)
}

/// What a caller does about failures.
func askCarefully(_ client: TeleportClient, timeout: TimeAmount) async -> Response? {
    do throws(RPCError) {
        return try await client.execute(Request(.post, "/", host: "bidder", body: Body("bid")), timeout: timeout)
    } catch {
        switch error.code {
        case .timedOut, .cancelled: return nil
        case .connectFailed where !error.possiblyExecuted:
            return try? await client.execute(Request(.get, "/", host: "b"))
        default: return .text(error.message, status: .badGateway)
        }
    }
}

// MARK: An RPC of one's own

/// A protocol with its own magic and version, over the messages that come with Teleport.
func ownIdentity() throws -> (RPCServer<TLVCodec>, RPCClient<TLVCodec>) {
    let identity = try ProtocolIdentity(magic: "inventory", version: 3)
    let server = RPCServer(
        codec: TLVCodec(),
        configuration: ServerConfiguration(addresses: [.tcp(host: "127.0.0.1", port: 0)], identity: identity),
        handler: AsyncHandler(codec: TLVCodec(maxLength: 4096)) { request, _ in TLVResponse(value: request.value) })
    let client = RPCClient(
        codec: TLVCodec(),
        configuration: ClientConfiguration(address: .tcp(host: "127.0.0.1", port: 9000), identity: identity))
    return (server, client)
}

/// Messages of one's own: a number is asked, its square is the answer.
struct SquareCodec: SelfDelimitingCodec {
    typealias Request = UInt32
    typealias Response = UInt64

    func response(to refusal: Refusal) -> UInt64 { .max }
    func makeRequestDecoder() -> RequestDecoder { RequestDecoder() }
    func makeResponseDecoder() -> ResponseDecoder { ResponseDecoder() }

    func encode(_ request: UInt32, into buffer: inout ByteBuffer) throws(RPCError) {
        guard request != 13 else { throw RPCError(.unsendable, "Not that number.") }
        buffer.writeInteger(request)
    }

    func encode(_ response: UInt64, into buffer: inout ByteBuffer) throws(RPCError) {
        buffer.writeInteger(response)
    }

    struct RequestDecoder: SelfDelimitingDecoder {
        mutating func decode(from buffer: inout ByteBuffer) throws(RPCError) -> ReceivedRequest<UInt32, UInt64>? {
            buffer.readInteger(as: UInt32.self).map { .request($0) }
        }
    }

    struct ResponseDecoder: SelfDelimitingDecoder {
        mutating func decode(from buffer: inout ByteBuffer) throws(RPCError) -> ReceivedResponse<UInt64>? {
            buffer.readInteger(as: UInt64.self).map { .response($0) }
        }
    }
}

/// A handler that needs no task a request.
struct Squaring: RequestHandler {
    func handle(_ request: UInt32, _ responder: Responder<UInt64>) {
        responder.respond(UInt64(request) * UInt64(request))
    }
}

// MARK: And it runs

@Suite("The public API, as a user uses it", .timeLimit(.minutes(10)))
struct UserCodeTests {
    @Test("a codec of one's own, with a handler of one's own")
    func squares() async throws {
        let identity = try ProtocolIdentity(magic: "squares", version: 1)
        let server = RPCServer(
            codec: SquareCodec(),
            configuration: ServerConfiguration(addresses: [.tcp(host: "127.0.0.1", port: 0)], identity: identity),
            handler: Squaring())
        let addresses = try await server.start()
        var configuration = ClientConfiguration(address: addresses[0], identity: identity)
        configuration.compression = .lz4
        configuration.timeout = .seconds(30)
        configuration.handshakeTimeout = .seconds(30)
        let client = RPCClient(codec: SquareCodec(), configuration: configuration)
        let square = try await client.call(12)
        #expect(square == 144)
        let squares = try await client.withLoop {
            var squares: [UInt64] = []
            for number in 1...5 as ClosedRange<UInt32> { squares.append(try await client.call(number)) }
            return squares
        }
        #expect(squares == [1, 4, 9, 16, 25])
        try client.sendOneWay(7)
        await #expect(throws: RPCError.self) { try await client.call(13) }
        await client.shutDown()
        await server.shutDown(limit: .seconds(1))
    }

    @Test("HTTP, from start to shutdown")
    func http() async throws {
        let (server, _) = try configured()
        let addresses = try await server.start()
        var configuration = ClientConfiguration(address: addresses[0])
        configuration.timeout = .seconds(30)
        configuration.handshakeTimeout = .seconds(30)
        let client = TeleportClient(configuration: configuration)
        let health = try await client.execute(Request(.get, "/health", host: "a"))
        #expect(health.status == .ok)
        let created = try await client.execute(Request(.post, "/", host: "a", body: Body("bid")))
        #expect(created.status == .created)
        #expect(created.fields.first("X-One-Way") == "false")
        let bytes = try await created.body.collect(upTo: 100)
        #expect(String(buffer: bytes) == "bid")
        let careful = await askCarefully(client, timeout: .seconds(30))
        #expect(careful?.status == .created)

        let running = Task { try await server.run() }
        client.beginGracefulShutdown()
        await client.shutDown()
        server.beginGracefulShutdown()
        try await running.value
    }
}
