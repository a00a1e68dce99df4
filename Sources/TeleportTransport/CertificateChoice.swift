internal import NIOSSL

/// Which of a server's certificates a client gets, by the name it asks for (SNI, RFC 6066 section 3).
///
/// A certificate for that very name comes first, then one for `*.` and the rest of it; `*` stands for one label
/// (RFC 6125 section 6.4.3). Else it is the first, as for a client that names nobody. Of two certificates for one name
/// the first is taken.
struct CertificateChoice: Sendable {
    private var exact: [String: NIOSSLContextConfigurationOverride] = [:]
    /// By what comes behind `*.`.
    private var wildcard: [String: NIOSSLContextConfigurationOverride] = [:]

    init(_ certificates: [Certificate]) {
        for certificate in certificates {
            var override = NIOSSLContextConfigurationOverride()
            override.certificateChain = certificate.chainSource
            override.privateKey = certificate.keySource
            for name in certificate.names {
                if name.hasPrefix("*.") {
                    self.wildcard.merge([String(name.dropFirst(2)): override]) { first, _ in first }
                } else {
                    self.exact.merge([name: override]) { first, _ in first }
                }
            }
        }
    }

    /// What to change of a context that has the first certificate.
    func override(for serverName: String?) -> NIOSSLContextConfigurationOverride {
        guard var name = serverName?.lowercased() else { return .noChanges }
        if name.hasSuffix(".") { name.removeLast() }
        if let override = self.exact[name] { return override }
        guard let dot = name.firstIndex(of: "."), dot > name.startIndex else { return .noChanges }
        return self.wildcard[String(name[name.index(after: dot)...])] ?? .noChanges
    }
}
