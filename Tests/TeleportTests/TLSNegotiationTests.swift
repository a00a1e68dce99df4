import Foundation
import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import TeleportCompress
import TeleportRPC
import TeleportTransport
import Testing

@testable import TeleportEndpoint

/// v1 inside TLS from the first byte, v0 with its upgrade, and what is turned away (rules V1-4, V1-5).
@Suite("Negotiation of the version with TLS", .timeLimit(.minutes(10)))
struct TLSNegotiationTests {
    /// A self-signed certificate for `localhost` and 127.0.0.1, gone when `body` returns.
    static func withCertificate(
        _ body: (_ server: ServerTLS, _ client: ClientTLS) async throws -> Void
    ) async throws {
        try await withSelfSignedCertificate { certificate, key in
            try await body(
                try ServerTLS(certificateChainFile: certificate, privateKeyFile: key),
                try ClientTLS(trustFile: certificate, serverName: "localhost"))
        }
    }

    @Test(
        "one port serves both versions with TLS at once, in every mix of codecs",
        arguments: [CompressionCodec.none, .zstd], [CompressionCodec.none, .flate, .zstd])
    func bothVersions(serverCodec: CompressionCodec, clientCodec: CompressionCodec) async throws {
        try await Self.withCertificate { serverTLS, clientTLS in
            try await NegotiationTests.withServer {
                $0.tls = serverTLS
                $0.compression = serverCodec
            } _: { address, server in
                let clients = [(WireVersion.v0, "v0"), (.v1, "v1"), (.automatic, "v1")].map { wire, expected in
                    (
                        NegotiationTests.client(to: address) {
                            $0.wire = wire
                            $0.tls = clientTLS
                            $0.compression = clientCodec
                        }, expected
                    )
                }
                for round in 0..<10 {
                    for (client, expected) in clients {
                        let target =
                            "/\(round)?" + String(repeating: "long ", count: round * 100).replacing(" ", with: "+")
                        let text = try await NegotiationTests.ask(client, target)
                        #expect(text == "\(expected) \(target)")
                    }
                }
                #expect(server.connectionCount == 3)
                for (client, _) in clients { await client.shutDown() }
            }
        }
    }

    @Test("bodies stream both ways inside TLS")
    func streams() async throws {
        try await Self.withCertificate { serverTLS, clientTLS in
            try await withHTTPPair(
                limits: StreamingTests.large, clientLimits: StreamingTests.large, server: { $0.tls = serverTLS },
                client: { $0.tls = clientTLS }
            ) { request, _ in
                Response(body: request.body)
            } _: { client, _ in
                let response = try await client.execute(
                    Request(.post, "/", host: "a", body: Pieces(3 << 20).body()))
                #expect(try await response.body.readPattern() == 3 << 20)
            }
        }
    }

    @Test("a plain client of either version is turned away by a server with TLS, unless that is allowed")
    func plain() async throws {
        try await Self.withCertificate { serverTLS, _ in
            for (wire, isAllowed) in [(WireVersion.v0, false), (.v1, false), (.v0, true), (.v1, true)] {
                try await NegotiationTests.withServer {
                    $0.tls = serverTLS
                    $0.allowPlaintext = isAllowed
                } _: { address, _ in
                    let client = NegotiationTests.client(to: address) { $0.wire = wire }
                    if isAllowed {
                        let text = try await NegotiationTests.ask(client)
                        #expect(text == "\(wire.rawValue) /")
                    } else {
                        let error = await failure { () throws(RPCError) in
                            try await client.execute(Request(.get, "/", host: "a"))
                        }
                        #expect(error?.code == .handshakeFailed)
                        #expect(error?.possiblyExecuted == false)
                    }
                    await client.shutDown(limit: .zero)
                }
            }
        }
    }

    @Test("a plain client that tries both versions is served neither by a server with TLS, and remembers nothing wrong")
    func plainAutomatic() async throws {
        try await Self.withCertificate { serverTLS, clientTLS in
            try await NegotiationTests.withServer({ $0.tls = serverTLS }) { address, _ in
                let memory = WireMemory()
                let plain = NegotiationTests.client(to: address, memory: memory)
                let error = await failure { () throws(RPCError) in
                    try await plain.execute(Request(.get, "/", host: "a"))
                }
                #expect(error?.code == .handshakeFailed)
                await plain.shutDown(limit: .zero)
                let client = NegotiationTests.client(to: address, memory: memory) { $0.tls = clientTLS }
                let text = try await NegotiationTests.ask(client)
                #expect(text == "v1 /")
                await client.shutDown()
            }
        }
    }

    @Test("with TLS an old server is not fallen back to, unless v0 is asked for")
    func noFallback() async throws {
        try await Self.withCertificate { serverTLS, clientTLS in
            try await NegotiationTests.withServer {
                $0.tls = serverTLS
                $0.wire = .v0
            } _: { address, _ in
                let memory = WireMemory()
                let client = NegotiationTests.client(to: address, memory: memory) { $0.tls = clientTLS }
                let error = await failure { () throws(RPCError) in
                    try await client.execute(Request(.get, "/", host: "a"))
                }
                #expect(error?.code == .handshakeFailed)
                #expect(error?.possiblyExecuted == false)
                #expect(memory.knowledge(of: address, now: .now()) == .unknown)
                await client.shutDown(limit: .zero)
                let old = NegotiationTests.client(to: address, memory: memory) {
                    $0.tls = clientTLS
                    $0.wire = .v0
                }
                let text = try await NegotiationTests.ask(old)
                #expect(text == "v0 /")
                await old.shutDown()
            }
        }
    }

    @Test("an old plain server that closes without a byte is not fallen back to in the clear by a client with TLS")
    func noDowngrade() async throws {
        try await Self.withCertificate { _, clientTLS in
            let seen = Mutex<[UInt8]>([])
            let server = try await RawServer { peer in
                if let first = await peer.read(1)?.getInteger(at: 0, as: UInt8.self) {
                    seen.withLock { $0.append(first) }
                }
                await peer.close()
            }
            let client = NegotiationTests.client(to: server.address) { $0.tls = clientTLS }
            let error = await failure { () throws(RPCError) in
                try await client.execute(Request(.get, "/", host: "a"))
            }
            #expect(error?.code == .handshakeFailed || error?.code == .connectFailed)
            await client.shutDown(limit: .zero)
            #expect(seen.withLock { $0 } == [0x16])
            await server.kill()
        }
    }

    @Test("a certificate that nobody vouches for fails the handshake, and the calls are told so")
    func untrusted() async throws {
        try await Self.withCertificate { serverTLS, _ in
            try await NegotiationTests.withServer({ $0.tls = serverTLS }) { address, _ in
                let client = NegotiationTests.client(to: address) { $0.tls = try? ClientTLS() }
                let error = await failure { () throws(RPCError) in
                    try await client.execute(Request(.get, "/", host: "a"))
                }
                #expect(error?.code == .handshakeFailed || error?.code == .connectFailed)
                #expect(error?.possiblyExecuted == false)
                await client.shutDown(limit: .zero)
            }
        }
    }

    @Test("draining works inside TLS: bodies under way arrive whole, then the end")
    func drain() async throws {
        let gate = Gate()
        try await Self.withCertificate { serverTLS, clientTLS in
            try await withHTTPPair(server: { $0.tls = serverTLS }, client: { $0.tls = clientTLS }) { _, _ in
                await gate.wait()
                return Response(body: Pieces(1_000_000).body())
            } _: { client, server in
                async let answer = client.execute(Request(.get, "/", host: "a"))
                await gate.arrived(1)
                async let isDone = server.shutDown()
                await gate.open()
                let response = try await answer
                #expect(try await response.body.readPattern() == 1_000_000)
                #expect(await isDone)
            }
        }
    }
}
