import NIOCore
import NetworkTestSupport
import TeleportEndpoint
import TeleportRPC
import TeleportTransport
import TeleportWire
import Testing

/// A TLV server on a free loopback port and a client for it, both gone when `body` returns.
func withTLVPair<Value>(
    handler: @escaping @Sendable (TLVRequest, RequestContext) async throws -> TLVResponse = echo,
    immediate: (@Sendable (TLVRequest, RequestContext) -> TLVResponse?)? = nil,
    placement: HandlerPlacement = .pool,
    server configureServer: (inout ServerConfiguration) -> Void = { _ in },
    client configureClient: (inout ClientConfiguration) -> Void = { _ in },
    _ body: (RPCClient<TLVCodec>, RPCServer<TLVCodec>) async throws -> Value
) async throws -> Value {
    let identity = try ProtocolIdentity(magic: "teleport-test", version: 7)
    var serverConfiguration = ServerConfiguration(
        addresses: [.tcp(host: "127.0.0.1", port: 0)], identity: identity)
    // Tests run beside each other: what is slow here is the machine.
    serverConfiguration.handshakeTimeout = .seconds(60)
    configureServer(&serverConfiguration)
    let server = RPCServer(
        codec: TLVCodec(), configuration: serverConfiguration,
        handler: AsyncHandler(codec: TLVCodec(), placement: placement, immediate: immediate, handler: handler))
    let address = try #require(try await server.start().first)
    var clientConfiguration = ClientConfiguration(address: address, identity: identity)
    // Servers of other tests may have had its port.
    clientConfiguration.memory = WireMemory()
    clientConfiguration.timeout = .seconds(30)
    clientConfiguration.handshakeTimeout = .seconds(60)
    configureClient(&clientConfiguration)
    let client = RPCClient(codec: TLVCodec(), configuration: clientConfiguration)
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

@Sendable func echo(_ request: TLVRequest, _ context: RequestContext) async throws -> TLVResponse {
    TLVResponse(value: request.value)
}
