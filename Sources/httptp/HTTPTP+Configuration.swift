import Logging
import Teleport
import TeleportProxy

extension HTTPTP {
    /// The proxy that the options describe. Reads the files they name.
    func proxyConfiguration(_ logger: Logger) throws -> ProxyConfiguration {
        var configuration = ProxyConfiguration(
            in: self.clients.type.kind, at: [try self.clients.address()],
            out: self.servers.type.kind, to: try self.servers.addresses(), logger: logger)
        self.configureClients(&configuration)
        self.configureServers(&configuration)
        self.configureLimits(&configuration)
        configuration.inWire = self.links.wire.version
        configuration.outWire = self.links.wire.version
        configuration.inTLS = try self.tls.serverTLS(for: self.clients.type)
        configuration.outTLS = try self.tls.clientTLS(for: self.servers.type)
        configuration.accessLog = try self.observing.openAccessLog(logger)
        configuration.logsAllErrors = self.observing.logsAllErrors
        return configuration
    }

    private func configureClients(_ configuration: inout ProxyConfiguration) {
        configuration.inCompression = self.clients.codec.codec
        configuration.inDelay = self.clients.delay.amount
        configuration.inAllowed = self.clients.allowed.ranges
        configuration.inGetOnly = self.clients.getOnly
        configuration.clientIPField = self.clients.clientIPHeader.text.map { FieldName($0) }
        configuration.viaName = self.clients.via.text
        configuration.reusesPort = self.clients.reusesPort
    }

    private func configureServers(_ configuration: inout ProxyConfiguration) {
        configuration.outCompression = self.servers.codec.codec
        configuration.outDelay = self.servers.delay.amount
        configuration.outTimeout = self.servers.timeout.amount
        configuration.outConnectionsPerAddress = self.servers.connectionsPerAddress
    }

    private func configureLimits(_ configuration: inout ProxyConfiguration) {
        configuration.inLimits.maxHeadSize = self.limits.inHeadSize
        configuration.inLimits.maxBodySize = self.limits.inBodySize
        configuration.inHeadTimeout = self.limits.inHeadTimeout.amount
        configuration.inIdleTimeout = self.limits.inIdleTimeout.amount
        configuration.outLimits.maxHeadSize = self.limits.outHeadSize
        configuration.outLimits.maxBodySize = self.limits.outBodySize
        configuration.concurrency = self.limits.concurrency
    }
}
