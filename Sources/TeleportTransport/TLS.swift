public import NIOSSL

/// The client's side of TLS: verification of the server's certificate and name is on unless you turn it off yourself.
public struct ClientTLS: Sendable {
    let context: NIOSSLContext
    /// The name the server's certificate must bear, and that is sent to choose one; `nil` takes the host connected to.
    /// A certificate that bears the IP address connected to is accepted as well: that is how swift-nio-ssl verifies.
    public let serverName: String?

    /// TLS with the system's trust roots and TLS 1.2 at least.
    ///
    /// - Throws: ``TransportError`` `.tlsFailed` if the TLS library cannot be set up.
    public init(serverName: String? = nil) throws(TransportError) {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        try self.init(configuration: configuration, serverName: serverName)
    }

    /// TLS as `configuration` says: own trust roots, a client certificate, ALPN and so on.
    ///
    /// - Throws: ``TransportError`` `.tlsFailed` if the configuration cannot be used, for example for a file that cannot
    ///   be read.
    public init(configuration: TLSConfiguration, serverName: String? = nil) throws(TransportError) {
        self.context = try NIOSSLContext.make(configuration)
        self.serverName = serverName
    }
}

/// The server's side of TLS.
public struct ServerTLS: Sendable {
    let context: NIOSSLContext

    /// TLS with a certificate chain and its key, both PEM files, and TLS 1.2 at least.
    ///
    /// - Throws: ``TransportError`` `.tlsFailed` if a file cannot be read or the two do not belong together.
    public init(certificateChainFile: String, privateKeyFile: String) throws(TransportError) {
        let chain: [NIOSSLCertificate]
        let key: NIOSSLPrivateKey
        do {
            chain = try NIOSSLCertificate.fromPEMFile(certificateChainFile)
            key = try NIOSSLPrivateKey(file: privateKeyFile, format: .pem)
        } catch {
            throw TransportError(
                .tlsFailed, "Cannot read \(certificateChainFile) and \(privateKeyFile) as PEM.", cause: error)
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        try self.init(configuration: configuration)
    }

    /// TLS as `configuration` says.
    ///
    /// - Throws: ``TransportError`` `.tlsFailed` if the configuration cannot be used.
    public init(configuration: TLSConfiguration) throws(TransportError) {
        self.context = try NIOSSLContext.make(configuration)
    }
}

extension NIOSSLContext {
    static func make(_ configuration: TLSConfiguration) throws(TransportError) -> NIOSSLContext {
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw TransportError(.tlsFailed, "TLS cannot be set up as configured.", cause: error)
        }
    }
}
