internal import NIOSSL

/// Who one says one is: a certificate and its private key, each a PEM file.
public struct CertificateFiles: Sendable, Hashable {
    /// The path of the certificate, followed in the same file by the intermediate ones that lead to its root, if any.
    public var chain: String
    /// The path of the certificate's private key, without a passphrase.
    public var key: String

    public init(chain: String, key: String) {
        self.chain = chain
        self.key = key
    }
}

/// A certificate that was read, with the key that belongs to it.
struct Certificate {
    let chain: [NIOSSLCertificate]
    let key: NIOSSLPrivateKey

    /// Reads both files.
    ///
    /// - Throws: ``TransportError`` `.tlsFailed` that names the file and says what is wrong with it.
    init(_ files: CertificateFiles) throws(TransportError) {
        self.chain = try PEMFile.certificates(at: files.chain)
        self.key = try PEMFile.privateKey(at: files.key)
        // Nothing but a context compares the two.
        var configuration = TLSConfiguration.makeServerConfiguration(certificateChain: [], privateKey: self.keySource)
        configuration.certificateChain = self.chainSource
        do {
            _ = try NIOSSLContext(configuration: configuration)
        } catch {
            throw TransportError(
                .tlsFailed, "The key in \(files.key) does not belong to the certificate in \(files.chain).",
                cause: error)
        }
    }

    var chainSource: [NIOSSLCertificateSource] { self.chain.map { .certificate($0) } }
    var keySource: NIOSSLPrivateKeySource { .privateKey(self.key) }

    /// The DNS names that the certificate is for, in lower case; some begin with `*.`.
    var names: [String] {
        // The underscore only says that the collection may change its form: it is public, verification in swift-nio-ssl
        // itself reads names from it, and there is no other way to a name but a parser of our own.
        self.chain.first?._subjectAlternativeNames()
            .filter { $0.nameType == .dnsName }
            .map { String(decoding: $0.contents, as: UTF8.self).lowercased() } ?? []
    }
}
