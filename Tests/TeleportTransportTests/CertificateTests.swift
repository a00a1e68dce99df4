import NIOCore
import NIOPosix
import NIOSSL
import TeleportTransport
import Testing

@Suite("Certificates and trust", .timeLimit(.minutes(10)))
struct CertificateTests {
    static let loopback = TransportAddress.tcp(host: "127.0.0.1", port: 0)

    /// Whether a secret comes back from an echo server with `server`, or why not.
    static func echo(
        _ server: ServerTLS, _ client: ClientTLS
    ) async throws -> Result<String, TransportError> {
        try await LoopbackTests.withEcho(at: self.loopback, tls: server) { address in
            await LoopbackTests.echo(ByteBuffer(string: "secret"), to: address, tls: client)
        }
    }

    static func expectTLSFailure(_ outcome: Result<String, TransportError>) {
        let error = #expect(throws: TransportError.self) { try outcome.get() }
        #expect(error?.code == .tlsFailed)
    }

    // MARK: Choice by name

    @Test("the certificate is the one for the name asked for, then the wildcard's, else the first")
    func choice() async throws {
        let expected: [(name: String?, certificate: String)] = [
            ("one.test", "first"), ("exact.two.test", "second"), ("other.two.test", "third"),
            ("OTHER.Two.TEST", "third"), ("a.b.two.test", "first"), ("two.test", "first"), ("nobody.test", "first"),
            (nil, "first"),
        ]
        try await withAuthority { authority in
            let tls = try ServerTLS(certificates: [
                try authority.certificate("first", names: "DNS:one.test"),
                try authority.certificate("second", names: "DNS:exact.two.test,DNS:ONE.test"),
                try authority.certificate("third", names: "DNS:*.two.test"),
            ])
            try await LoopbackTests.withEcho(at: Self.loopback, tls: tls) { address in
                for (name, certificate) in expected {
                    let presented = try await presentedCertificate(at: address, asking: name)
                    #expect(presented == certificate, "\(name ?? "no name")")
                }
            }
        }
    }

    @Test("of two certificates for one name the first is taken; verification goes by the one that was chosen")
    func verifiedChoice() async throws {
        try await withAuthority { authority in
            let tls = try ServerTLS(certificates: [
                try authority.certificate("first", names: "DNS:one.test"),
                try authority.certificate("second", names: "DNS:two.test"),
                try authority.certificate("third", names: "DNS:two.test"),
            ])
            for name in ["one.test", "two.test"] {
                let client = try ClientTLS(trustFile: authority.trustFile, serverName: name)
                #expect(try await Self.echo(tls, client).get() == "secret")
            }
            try await LoopbackTests.withEcho(at: Self.loopback, tls: tls) { address async throws in
                #expect(try await presentedCertificate(at: address, asking: "two.test") == "second")
            }
        }
    }

    // MARK: Verification

    @Test("a server signed by an authority that is trusted is talked to; by another, refused")
    func authorities() async throws {
        try await withAuthority { authority in
            let server = try ServerTLS(certificates: [
                try authority.certificate("server", names: "DNS:localhost,IP:127.0.0.1")
            ])
            let trusting = try ClientTLS(trustFile: authority.trustFile)
            #expect(try await Self.echo(server, trusting).get() == "secret")
            Self.expectTLSFailure(try await Self.echo(server, try ClientTLS()))
            try await withAuthority { other in
                Self.expectTLSFailure(try await Self.echo(server, try ClientTLS(trustFile: other.trustFile)))
            }
        }
    }

    @Test("a server that is not the one asked for is refused, unless nothing is verified, which has to be said")
    func names() async throws {
        try await withAuthority { authority in
            let server = try ServerTLS(certificates: [try authority.certificate("server", names: "DNS:right.test")])
            let right = try ClientTLS(trustFile: authority.trustFile, serverName: "right.test")
            #expect(try await Self.echo(server, right).get() == "secret")
            let wrong = try ClientTLS(trustFile: authority.trustFile, serverName: "wrong.test")
            Self.expectTLSFailure(try await Self.echo(server, wrong))
            let careless = try ClientTLS(verification: .none, serverName: "wrong.test")
            #expect(try await Self.echo(server, careless).get() == "secret")
        }
    }

    @Test("a server that asks for certificates serves who has one of its authority, and nobody else")
    func mutual() async throws {
        try await withAuthority { authority in
            let server = try ServerTLS(
                certificates: [try authority.certificate("server", names: "DNS:localhost,IP:127.0.0.1")],
                clientTrustFile: authority.trustFile)
            let identity = try authority.certificate("client", names: "DNS:client.test")
            let known = try ClientTLS(trustFile: authority.trustFile, identity: identity)
            #expect(try await Self.echo(server, known).get() == "secret")
            Self.expectTLSFailure(try await Self.echo(server, try ClientTLS(trustFile: authority.trustFile)))
            try await withAuthority { other in
                let stranger = try ClientTLS(
                    trustFile: authority.trustFile, identity: try other.certificate("client", names: "DNS:client.test"))
                Self.expectTLSFailure(try await Self.echo(server, stranger))
            }
        }
    }

    // MARK: Files

    @Test("what is wrong with which file is said")
    func files() async throws {
        try await withAuthority { authority in
            let good = try authority.certificate("good", names: "DNS:one.test")
            let other = try authority.certificate("other", names: "DNS:two.test")
            let text = try authority.file("text.pem", "no certificate")
            let empty = try authority.file("empty.pem", "")
            let missing = authority.directory + "/missing.pem"
            let cases: [(CertificateFiles, file: String, says: String)] = [
                (CertificateFiles(chain: missing, key: good.key), missing, "No such file"),
                (CertificateFiles(chain: good.chain, key: missing), missing, "No such file"),
                (CertificateFiles(chain: authority.directory, key: good.key), authority.directory, "directory"),
                (CertificateFiles(chain: text, key: good.key), text, "no certificate in PEM"),
                (CertificateFiles(chain: empty, key: good.key), empty, "no certificate in PEM"),
                (CertificateFiles(chain: good.chain, key: text), text, "no private key in PEM"),
                (CertificateFiles(chain: good.chain, key: empty), empty, "no private key in PEM"),
                (CertificateFiles(chain: good.chain, key: other.key), other.key, "does not belong"),
            ]
            for (files, file, says) in cases {
                let failures = [
                    #expect(throws: TransportError.self) { try ServerTLS(certificates: [good, files]) },
                    #expect(throws: TransportError.self) { try ClientTLS(identity: files) },
                ]
                for failure in failures {
                    #expect(failure?.code == .tlsFailed)
                    #expect(failure?.message.contains(file) == true)
                    #expect(failure?.message.contains(says) == true, "\(failure?.message ?? "")")
                }
            }
            let failures = [
                #expect(throws: TransportError.self) { try ServerTLS(certificates: [good], clientTrustFile: missing) },
                #expect(throws: TransportError.self) { try ClientTLS(trustFile: missing) },
            ]
            for failure in failures { #expect(failure?.message.contains(missing) == true) }
            #expect(throws: TransportError.self) { try ServerTLS(certificates: []) }
        }
    }
}

/// The common name of the certificate that a server presents to a client that asks for `name`.
private func presentedCertificate(at address: TransportAddress, asking name: String?) async throws -> String? {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.certificateVerification = .none
    let context = try NIOSSLContext(configuration: configuration)
    let presented = Signal<String?>()
    let channel = try await ClientBootstrap(group: EventLoops.shared)
        .channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                let tls = try NIOSSLClientHandler(context: context, serverHostname: name)
                try channel.pipeline.syncOperations.addHandler(tls)
                try channel.pipeline.syncOperations.addHandler(HandshakeObserver(tls, presented))
            }
        }
        .connect(host: "127.0.0.1", port: address.port).get()
    let result = await presented.next() ?? nil
    try? await channel.close().get()
    return result
}

private final class HandshakeObserver: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let tls: NIOSSLClientHandler
    private let presented: Signal<String?>

    init(_ tls: NIOSSLClientHandler, _ presented: Signal<String?>) {
        self.tls = tls
        self.presented = presented
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // "<NIOSSLCertificate;...;common_name=first;...>" is all that it tells of its subject.
        let text = self.tls.peerCertificate.map { "\($0)" } ?? ""
        let name = text.split(separator: ";").first { $0.hasPrefix("common_name=") }?.dropFirst("common_name=".count)
        self.presented.send(name.map(String.init))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.presented.send(nil)
        context.close(promise: nil)
    }
}
