import Logging
import Teleport
import TeleportProxy

extension TLSOptions {
    /// The files that ``serverTLS(for:_:)`` reads.
    var clientSideFiles: [String] {
        self.inCertificates.elements + self.inKeys.elements + (self.clientTrust.isEmpty ? [] : [self.clientTrust])
    }

    /// The files that ``clientTLS(for:_:)`` reads.
    var serverSideFiles: [String] {
        [self.serverTrust, self.outCertificate, self.outKey].filter { !$0.isEmpty }
    }

    /// What clients are served with; `nil` with a plain type.
    func serverTLS(for type: Kind, _ cache: inout TLSCache) throws(TransportError) -> ServerTLS? {
        guard type.isEncrypted else { return nil }
        let key = TLSCache.Key(texts: ["server", self.clientTrust], files: self.clientSideFiles)
        return try cache.servers.value(key) { () throws(TransportError) in
            try ServerTLS(
                certificates: zip(self.inCertificates.elements, self.inKeys.elements).map {
                    CertificateFiles(chain: $0, key: $1)
                },
                clientTrustFile: self.clientTrust.isEmpty ? nil : self.clientTrust)
        }
    }

    /// What servers are talked to with; `nil` with a plain type.
    func clientTLS(for type: Kind, _ cache: inout TLSCache) throws(TransportError) -> ClientTLS? {
        guard type.isEncrypted else { return nil }
        let texts = ["client", self.serverTrust, "\(self.isInsecure)", self.serverName, self.outCertificate]
        return try cache.clients.value(TLSCache.Key(texts: texts, files: self.serverSideFiles)) {
            () throws(TransportError) in
            let identity =
                self.outCertificate.isEmpty ? nil : CertificateFiles(chain: self.outCertificate, key: self.outKey)
            return try ClientTLS(
                trustFile: self.serverTrust.isEmpty ? nil : self.serverTrust,
                verification: self.isInsecure ? .none : .full, identity: identity,
                serverName: self.serverName.isEmpty ? nil : self.serverName)
        }
    }
}

extension ObservingOptions {
    func openAccessLog(_ logger: Logger) throws(AccessLogError) -> AccessLog? {
        self.accessLog.isEmpty ? nil : try AccessLog(path: self.accessLog, logger: logger)
    }
}
