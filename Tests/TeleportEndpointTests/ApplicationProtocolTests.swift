import NIOCore
import NIOPosix
import NIOSSL
import NetworkTestSupport
import TeleportEndpoint
import TeleportRPC
import TeleportTransport
import TeleportWire
import Testing

/// Both sides of v1 in TLS have to negotiate `teleport/1` (rule V1-4).
@Suite("The application protocol of v1", .timeLimit(.minutes(10)))
struct ApplicationProtocolTests {
    /// A server of v1 with TLS, and what trusts it.
    static func withServer(
        _ configure: (inout ServerConfiguration) -> Void = { _ in },
        _ body: (TransportAddress, NIOSSLContext.Trust) async throws -> Void
    ) async throws {
        try await withSelfSignedCertificate { certificate, key in
            var configuration = ServerConfiguration(
                addresses: [.tcp(host: "127.0.0.1", port: 0)], identity: PieceCodec.identity)
            configuration.wire = .v1
            configuration.handshakeTimeout = .seconds(60)
            configuration.tls = try ServerTLS(certificateChainFile: certificate, privateKeyFile: key)
            configure(&configuration)
            let server = RPCServer(
                codec: PieceCodec(), configuration: configuration,
                handler: InlineHandler { (request: PieceMessage, responder: Responder<PieceMessage>) in
                    responder.respond(request)
                })
            let address = try #require(try await server.start().first)
            try await body(address, NIOSSLContext.Trust(file: certificate))
            await server.shutDown(limit: .zero)
        }
    }

    @Test(
        "a client that offers it is served; one that offers none, or others, is closed before a frame",
        arguments: [["teleport/1"], ["h2", "teleport/1"], [], ["h2"], ["teleport/2"]])
    func clients(protocols: [String]) async throws {
        try await Self.withServer { address, trust in
            let peer = RawPeer()
            let context = try trust.context(protocols)
            let handler = NIOLoopBoundContext(context)
            guard case .tcp(let host, let port) = address else { return }
            _ = try await ClientBootstrap(group: EventLoops.shared)
                .channelOption(.allowRemoteHalfClosure, value: true)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandlers(handler.make(), peer)
                    }
                }
                .connect(host: host, port: port).get()
            peer.write(FrameBytes.opening().request(1, "hello").all)
            if protocols.contains("teleport/1") {
                var log = FrameLog()
                var frames: [String] = []
                while frames.count < 2, let bytes = await peer.readSome() {
                    frames += try log.read(bytes).map(\.short)
                }
                #expect(frames == ["settings", "response 1 END hello"])
            } else {
                #expect(await peer.readToEnd().readableBytes == 0)
            }
            await peer.close()
        }
    }

    @Test("a server that negotiates none, or another, is given up before a byte is sent", arguments: [[], ["h2"]])
    func servers(protocols: [String]) async throws {
        try await withSelfSignedCertificate { certificate, key in
            var tls = TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
            tls.applicationProtocols = protocols
            let context = try NIOSSLContext(configuration: tls)
            let peer = RawPeer()
            let listener = try await ServerBootstrap(group: EventLoops.shared)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandlers(NIOSSLServerHandler(context: context), peer)
                    }
                }
                .bind(host: "127.0.0.1", port: 0).get()
            var configuration = ClientConfiguration(
                address: .tcp(host: "127.0.0.1", port: listener.localAddress?.port ?? 0),
                identity: PieceCodec.identity)
            configuration.wire = .v1
            configuration.timeout = .seconds(30)
            configuration.handshakeTimeout = .seconds(60)
            configuration.tls = try ClientTLS(trustFile: certificate, serverName: "localhost")
            let client = RPCClient(codec: PieceCodec(), configuration: configuration)
            let error = await failure { () throws(RPCError) in try await client.call(PieceMessage("x")) }
            #expect(error?.code == .handshakeFailed || error?.code == .connectFailed, "\(error as Any)")
            #expect(error?.possiblyExecuted == false)
            #expect(error.map { String(describing: $0).contains("ALPN") } == true)
            #expect(await peer.readToEnd().readableBytes == 0)
            await client.shutDown(limit: .zero)
            try? await listener.close().get()
        }
    }
}

extension NIOSSLContext {
    /// What a client made by hand trusts.
    struct Trust: Sendable {
        let file: String

        func context(_ protocols: [String]) throws -> NIOSSLContext {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.trustRoots = .file(self.file)
            configuration.applicationProtocols = protocols
            return try NIOSSLContext(configuration: configuration)
        }
    }
}

/// Makes a handler on the loop that it is for.
struct NIOLoopBoundContext: Sendable {
    private let context: NIOSSLContext

    init(_ context: NIOSSLContext) { self.context = context }

    func make() throws -> NIOSSLClientHandler {
        try NIOSSLClientHandler(context: self.context, serverHostname: "localhost")
    }
}
