internal import NIOCore
public import NIOSSL

/// The server's side of TLS.
public struct ServerTLS: Sendable {
    let context: NIOSSLContext
    /// The same with an application protocol to insist on, made with the first use.
    let framed: NegotiatedContext
    /// What has to be negotiated; `nil` is nothing.
    let applicationProtocol: String?

    /// TLS with one or several certificates, and TLS 1.2 at least.
    ///
    /// A client that names the host it wants (SNI) gets the certificate for exactly that DNS name, or else one for `*.`
    /// and the name without its first label, whatever the case. A client that names none, or one that no certificate is
    /// for, gets the first. The files are read now: to take others, make a new value.
    ///
    /// - Parameters:
    ///   - certificates: at least one.
    ///   - clientTrustFile: a PEM file with certificate authorities: then only clients with a certificate that one of
    ///     them signed are let in (mutual TLS). Default `nil`: clients need none.
    /// - Throws: ``TransportError`` `.tlsFailed` that names the file and says what is wrong: it cannot be read, is not
    ///   PEM, or is a key that does not belong to its certificate.
    public init(certificates: [CertificateFiles], clientTrustFile: String? = nil) throws(TransportError) {
        var loaded: [Certificate] = []
        for files in certificates { loaded.append(try Certificate(files)) }
        guard let first = loaded.first else {
            throw TransportError(.tlsFailed, "A server with TLS needs at least one certificate.")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: first.chainSource, privateKey: first.keySource)
        configuration.minimumTLSVersion = .tlsv12
        if let clientTrustFile {
            // A client has no host name that could be verified.
            configuration.certificateVerification = .noHostnameVerification
            configuration.trustRoots = .certificates(try PEMFile.certificates(at: clientTrustFile))
            // A client with several certificates can tell which one will do.
            configuration.sendCANameList = true
        }
        if loaded.count > 1 {
            // Only then: the library lets a turn of the loop pass in each handshake to ask.
            let choice = CertificateChoice(loaded)
            configuration.sslContextCallback = { values, promise in
                promise.succeed(choice.override(for: values.serverHostname))
            }
        }
        try self.init(configuration: configuration)
    }

    /// TLS with a certificate chain and its key, both PEM files, and TLS 1.2 at least.
    ///
    /// - Throws: ``TransportError`` `.tlsFailed` if a file cannot be read or the two do not belong together.
    public init(certificateChainFile: String, privateKeyFile: String) throws(TransportError) {
        try self.init(certificates: [CertificateFiles(chain: certificateChainFile, key: privateKeyFile)])
    }

    /// TLS as `configuration` says.
    ///
    /// - Throws: ``TransportError`` `.tlsFailed` if the configuration cannot be used.
    public init(configuration: TLSConfiguration) throws(TransportError) {
        self.context = try NIOSSLContext.make(configuration)
        self.framed = NegotiatedContext(configuration)
        self.applicationProtocol = nil
    }

    private init(_ other: ServerTLS, context: NIOSSLContext, applicationProtocol: String) {
        self.context = context
        self.framed = other.framed
        self.applicationProtocol = applicationProtocol
    }

    /// The same, but a connection is only established if `name` was negotiated (ALPN).
    public func offering(_ name: String) -> ServerTLS {
        ServerTLS(self, context: self.framed.context(name) ?? self.context, applicationProtocol: name)
    }
}

/// Values are equal that were made at once: of two that were made of the same files, one may have read others.
extension ServerTLS: Equatable {
    public static func == (left: ServerTLS, right: ServerTLS) -> Bool {
        left.context === right.context
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
