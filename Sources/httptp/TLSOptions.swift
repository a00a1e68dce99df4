import ArgumentParser

/// Certificates, and whom to trust.
struct TLSOptions: ParsableArguments {
    @Option(.inTLSCert) var inCertificates: CommaList
    @Option(.inTLSKey) var inKeys: CommaList
    @Option(.inTLSClientCA) var clientTrust: String
    @Option(.outTLSCA) var serverTrust: String
    @Flag(.outTLSInsecure) var isInsecure: Bool
    @Option(.outTLSCert) var outCertificate: String
    @Option(.outTLSKey) var outKey: String
    @Option(.outTLSServerName) var serverName: String

    /// Complains about what does not fit together, or not to what both sides speak.
    func check(in inType: Kind, out outType: Kind) throws(Misuse) {
        try self.checkClientSide(inType)
        try self.checkServerSide(outType)
    }

    private func checkClientSide(_ type: Kind) throws(Misuse) {
        let certificates = self.inCertificates.elements.count
        let keys = self.inKeys.elements.count
        let given: [(ProxyOption, Bool)] = [
            (.inTLSCert, certificates > 0), (.inTLSKey, keys > 0), (.inTLSClientCA, !self.clientTrust.isEmpty),
        ]
        guard type.isEncrypted else {
            guard let stray = given.first(where: \.1) else { return }
            throw Misuse(
                "\(stray.0) is only for \(ProxyOption.inType) https or teleports, and this is \(type.rawValue): change "
                    + "the type, or leave it out.")
        }
        guard certificates > 0, keys > 0 else {
            throw Misuse(
                "\(ProxyOption.inType) \(type.rawValue) needs a certificate and its key: add \(ProxyOption.inTLSCert) and "
                    + "\(ProxyOption.inTLSKey), both PEM files.")
        }
        guard certificates == keys else {
            throw Misuse(
                "\(ProxyOption.inTLSCert) and \(ProxyOption.inTLSKey) name \(certificates) and \(keys) files: give one "
                    + "key for each certificate, in the same order.")
        }
    }

    private func checkServerSide(_ type: Kind) throws(Misuse) {
        let given: [(ProxyOption, Bool)] = [
            (.outTLSCA, !self.serverTrust.isEmpty), (.outTLSInsecure, self.isInsecure),
            (.outTLSCert, !self.outCertificate.isEmpty), (.outTLSKey, !self.outKey.isEmpty),
            (.outTLSServerName, !self.serverName.isEmpty),
        ]
        if !type.isEncrypted, let stray = given.first(where: \.1) {
            throw Misuse(
                "\(stray.0) is only for \(ProxyOption.outType) https or teleports, and this is \(type.rawValue): change "
                    + "the type, or leave it out.")
        }
        guard self.outCertificate.isEmpty == self.outKey.isEmpty else {
            throw Misuse(
                "\(ProxyOption.outTLSCert) and \(ProxyOption.outTLSKey) belong together: give both, or neither.")
        }
        guard !self.isInsecure || self.serverTrust.isEmpty else {
            throw Misuse(
                "\(ProxyOption.outTLSInsecure) trusts everybody, so \(ProxyOption.outTLSCA) would be without effect: leave "
                    + "one of them out.")
        }
    }
}
