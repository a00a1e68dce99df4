public import NIOSSL

/// The client's side of TLS: verification of the server's certificate and name is on unless you turn it off yourself.
public struct ClientTLS: Sendable {
    let context: NIOSSLContext
    /// The same with an application protocol to insist on, made with the first use.
    let framed: NegotiatedContext
    /// What has to be negotiated; `nil` is nothing.
    let applicationProtocol: String?
    /// The name the server's certificate must bear, and that is sent to choose one; `nil` takes the host connected to.
    /// A certificate that bears the IP address connected to is accepted as well: that is how swift-nio-ssl verifies.
    public let serverName: String?

    /// What is asked of the server's certificate.
    public enum Verification: Sendable, Hashable {
        /// It was signed by an authority that is trusted, and is for the server's name or address.
        case full
        /// Nothing. Insecure: whoever is on the way can play the server, read everything and change it.
        case none
    }

    /// TLS 1.2 at least.
    ///
    /// - Parameters:
    ///   - trustFile: a PEM file with the authorities to trust, and no others. Default `nil`: those of the system.
    ///   - verification: what is asked of the server's certificate. Default ``Verification/full``.
    ///   - identity: this side's certificate, for servers that ask for one (mutual TLS). Default none.
    ///   - serverName: the name to ask for and to verify. Default `nil`: the host connected to.
    /// - Throws: ``TransportError`` `.tlsFailed` that names the file and says what is wrong: it cannot be read, is not
    ///   PEM, or is a key that does not belong to its certificate.
    public init(
        trustFile: String? = nil, verification: Verification = .full, identity: CertificateFiles? = nil,
        serverName: String? = nil
    ) throws(TransportError) {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let trustFile { configuration.trustRoots = .certificates(try PEMFile.certificates(at: trustFile)) }
        switch verification {
        case .full: configuration.certificateVerification = .fullVerification
        case .none: configuration.certificateVerification = .none
        }
        if let identity {
            let certificate = try Certificate(identity)
            configuration.certificateChain = certificate.chainSource
            configuration.privateKey = certificate.keySource
        }
        try self.init(configuration: configuration, serverName: serverName)
    }

    /// TLS as `configuration` says: own trust roots, a client certificate, ALPN and so on.
    ///
    /// - Throws: ``TransportError`` `.tlsFailed` if the configuration cannot be used, for example for a file that cannot
    ///   be read.
    public init(configuration: TLSConfiguration, serverName: String? = nil) throws(TransportError) {
        self.context = try NIOSSLContext.make(configuration)
        self.framed = NegotiatedContext(configuration)
        self.applicationProtocol = nil
        self.serverName = serverName
    }

    private init(_ other: ClientTLS, context: NIOSSLContext, applicationProtocol: String) {
        self.context = context
        self.framed = other.framed
        self.applicationProtocol = applicationProtocol
        self.serverName = other.serverName
    }

    /// The same, but a connection is only established if `name` was negotiated (ALPN).
    public func offering(_ name: String) -> ClientTLS {
        ClientTLS(self, context: self.framed.context(name) ?? self.context, applicationProtocol: name)
    }
}

/// Values are equal that were made at once: of two that were made of the same files, one may have read others.
extension ClientTLS: Equatable {
    public static func == (left: ClientTLS, right: ClientTLS) -> Bool {
        left.context === right.context && left.serverName == right.serverName
    }
}
