import Foundation
import NIOCore
import NIOSSL
import NetworkTestSupport
import TeleportCompress
import TeleportEndpoint
import TeleportRPC
import TeleportTransport
import Testing

/// v0's upgrade: prefaces in the clear, then TLS. The reference's TLS recordings cannot be replayed, their keys are
/// gone; what they show is checked here on live connections.
@Suite("TLS behind the handshake", .timeLimit(.minutes(10)))
struct TLSUpgradeTests {
    static func withCertificate(
        _ body: (_ server: ServerTLS, _ client: ClientTLS) async throws -> Void
    ) async throws {
        try await withSelfSignedCertificate { certificate, key in
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.trustRoots = .file(certificate)
            try await body(
                try ServerTLS(certificateChainFile: certificate, privateKeyFile: key),
                try ClientTLS(configuration: configuration, serverName: "localhost"))
        }
    }

    @Test("calls work in every mix of codecs", arguments: CallTests.codecs, CallTests.codecs)
    func mixes(clientCodec: CompressionCodec, serverCodec: CompressionCodec) async throws {
        try await Self.withCertificate { serverTLS, clientTLS in
            try await withTLVPair(
                server: {
                    $0.tls = serverTLS
                    $0.compression = serverCodec
                },
                client: {
                    $0.tls = clientTLS
                    $0.compression = clientCodec
                }
            ) { client, _ in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for index in 0..<20 {
                        group.addTask {
                            let text = String(repeating: "value \(index) ", count: index * 200)
                            let answer = try await client.call(TLVRequest(name: "", value: text))
                            #expect(answer == TLVResponse(text))
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test("a certificate that nobody vouches for fails the handshake, and the calls are told so")
    func untrusted() async throws {
        try await Self.withCertificate { serverTLS, _ in
            try await withTLVPair(server: { $0.tls = serverTLS }, client: { $0.tls = try? ClientTLS() }) { client, _ in
                let error = await failure { () throws(RPCError) in
                    try await client.call(TLVRequest(name: "", value: ""))
                }
                #expect(error?.code == .handshakeFailed)
                #expect((error?.cause as? TransportError)?.code == .tlsFailed)
                #expect(error?.possiblyExecuted == false)
            }
        }
    }

    @Test("a plain client is refused by a server with TLS, and told what to do")
    func plainRefused() async throws {
        try await Self.withCertificate { serverTLS, _ in
            try await withTLVPair(server: { $0.tls = serverTLS }) { client, _ in
                let error = await failure { () throws(RPCError) in
                    try await client.call(TLVRequest(name: "", value: ""))
                }
                #expect(error?.code == .handshakeFailed)
                #expect(error?.message.contains("insists on TLS") == true)
            }
        }
    }

    @Test("with plain text allowed, a server with TLS serves both kinds of client")
    func plainAllowed() async throws {
        try await Self.withCertificate { serverTLS, clientTLS in
            for tls in [nil, clientTLS] {
                try await withTLVPair(
                    server: {
                        $0.tls = serverTLS
                        $0.allowPlaintext = true
                    },
                    client: { $0.tls = tls }
                ) { client, _ in
                    let got1 = try await client.call(TLVRequest(name: "", value: "x"))
                    #expect(got1 == TLVResponse("x"))
                }
            }
        }
    }

    @Test("a server without TLS tells a client that asks for it, and closes")
    func refused() async throws {
        try await Self.withCertificate { _, clientTLS in
            try await withTLVPair(client: { $0.tls = clientTLS }) { client, _ in
                let error = await failure { () throws(RPCError) in
                    try await client.call(TLVRequest(name: "", value: ""))
                }
                #expect(error?.code == .handshakeFailed)
                #expect(error?.message.contains("does not offer it") == true)
            }
        }
    }

    @Test("plain text in place of the TLS handshake, or hidden before it, is executed by nobody")
    func injected() async throws {
        try await Self.withCertificate { serverTLS, _ in
            try await withTLVPair(
                handler: { _, _ in
                    Issue.record("a request in plain text reached the handler")
                    return TLVResponse("")
                },
                server: { $0.tls = serverTLS }
            ) { _, server in
                let address = try #require(server.addresses.first)
                let peer = try await RawPeer.connect(to: address)
                peer.write(TLVBytes.preface(tls: 1))
                peer.write(TLVBytes.request(1, value: "injected"))
                var answer = await peer.readToEnd()
                #expect(answer.readBytes(length: TLVBytes.prefaceLength) == TLVBytes.preface(tls: 1))
                // A TLS alert, if anything.
                #expect(answer.readableBytes == 0 || answer.getInteger(at: answer.readerIndex, as: UInt8.self) == 21)
            }
        }
    }

    @Test("draining works inside TLS: the answer arrives, then the end")
    func drain() async throws {
        let gate = Gate()
        try await Self.withCertificate { serverTLS, clientTLS in
            try await withTLVPair(
                handler: { request, _ in
                    await gate.wait()
                    return TLVResponse(value: request.value)
                },
                server: { $0.tls = serverTLS }, client: { $0.tls = clientTLS }
            ) { client, server in
                let text = String(repeating: "x", count: 1_000_000)
                async let pending = client.call(TLVRequest(name: "", value: text))
                await gate.arrived(1)
                async let isDone = server.shutDown()
                await gate.open()
                let got2 = try await pending
                #expect(got2 == TLVResponse(text))
                #expect(await isDone)
            }
        }
    }
}
