import Logging
import Teleport
import TeleportProxy

extension TLSOptions {
    /// What clients are served with; `nil` with a plain type.
    func serverTLS(for type: Kind) throws(TransportError) -> ServerTLS? {
        guard type.isEncrypted else { return nil }
        return try ServerTLS(
            certificates: zip(self.inCertificates.elements, self.inKeys.elements).map {
                CertificateFiles(chain: $0, key: $1)
            },
            clientTrustFile: self.clientTrust.isEmpty ? nil : self.clientTrust)
    }

    /// What servers are talked to with; `nil` with a plain type.
    func clientTLS(for type: Kind) throws(TransportError) -> ClientTLS? {
        guard type.isEncrypted else { return nil }
        let identity =
            self.outCertificate.isEmpty ? nil : CertificateFiles(chain: self.outCertificate, key: self.outKey)
        return try ClientTLS(
            trustFile: self.serverTrust.isEmpty ? nil : self.serverTrust,
            verification: self.isInsecure ? .none : .full, identity: identity,
            serverName: self.serverName.isEmpty ? nil : self.serverName)
    }
}

extension ObservingOptions {
    func openAccessLog(_ logger: Logger) throws(AccessLogError) -> AccessLog? {
        self.accessLog.isEmpty ? nil : try AccessLog(path: self.accessLog, logger: logger)
    }
}
