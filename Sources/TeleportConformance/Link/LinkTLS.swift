internal import NIOCore
internal import NIOPosix
internal import NIOSSL
public import TeleportTransport

/// How the tool speaks TLS to a server under test.
public struct ClientSecurity: Sendable {
    /// A PEM file with the authorities to trust; `nil` trusts those of the system.
    public var trustFile: String?
    /// Whether the server's certificate is verified. Default true.
    public var verifies: Bool

    public init(trustFile: String? = nil, verifies: Bool = true) {
        self.trustFile = trustFile
        self.verifies = verifies
    }

    /// What a check asks for beside that.
    struct Wishes: Sendable {
        var protocols: [String] = []
        var maximumVersion: TLSVersion?
    }

    func makeHandler(host: String?, _ wishes: Wishes) throws -> NIOSSLClientHandler {
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let trustFile { configuration.trustRoots = .file(trustFile) }
        if !self.verifies { configuration.certificateVerification = .none }
        configuration.applicationProtocols = wishes.protocols
        if let maximum = wishes.maximumVersion {
            configuration.minimumTLSVersion = .tlsv1
            configuration.maximumTLSVersion = maximum
        }
        // An address is no name that could be sent.
        let isAddress = host.map { (try? SocketAddress(ipAddress: $0, port: 0)) != nil } ?? true
        return try NIOSSLClientHandler(
            context: NIOSSLContext(configuration: configuration), serverHostname: isAddress ? nil : host)
    }
}

/// How the tool speaks TLS to a client under test.
public struct ServerSecurity: Sendable {
    /// The certificate that it shows, and its key.
    public var certificate: CertificateFiles

    public init(certificate: CertificateFiles) {
        self.certificate = certificate
    }

    func makeHandler(protocols: [String]) throws -> NIOSSLServerHandler {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(self.certificate.chain).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: self.certificate.key, format: .pem)))
        configuration.applicationProtocols = protocols
        return NIOSSLServerHandler(context: try NIOSSLContext(configuration: configuration))
    }
}
