import Logging
import NIOCore
import Teleport
import TeleportProxy

extension Plan {
    /// The proxy that is planned.
    ///
    /// The access log, and sockets that are there already, are for who runs it to add.
    ///
    /// - Parameter tls: reads certificates, unless they are as they were.
    func proxyConfiguration(
        tls: inout TLSCache, logger: Logger
    ) throws(TransportError) -> ProxyConfiguration {
        let command = self.command
        var configuration = ProxyConfiguration(
            in: .http, at: [], out: command.servers.type.kind, to: [], logger: logger)
        configuration.fronts = []
        for listener in self.listeners {
            configuration.fronts.append(try listener.front(tls: &tls))
        }
        configuration.upstreams = self.servers.map {
            UpstreamConfiguration($0.address, usesTLS: $0.type.isEncrypted, weight: $0.weight)
        }
        configuration.viaName = command.clients.via.text
        configuration.outTLS = try command.tls.clientTLS(for: command.servers.type, &tls)
        configuration.outWire = command.links.wire.version
        configuration.outCompression = command.servers.codec.codec
        configuration.outCompressionBudget = command.links.codecBudget.budget
        configuration.outDelay = command.servers.delay.amount
        configuration.outTimeout = command.servers.timeout.amount
        configuration.outConnectionsPerAddress = command.servers.connectionsPerAddress
        configuration.outWarmConnections = command.servers.warmConnections
        configuration.outMaxAge = command.servers.maxAge.amount > .zero ? command.servers.maxAge.amount : nil
        configuration.outBalance = command.servers.balance
        configuration.outSlowStart = command.servers.slowStart.amount
        configuration.outRetryBudget = command.servers.retryBudget
        configuration.outHealthCheck = command.servers.healthPath.path.map {
            ProxyConfiguration.HealthCheck(
                path: $0, interval: command.servers.healthInterval.amount,
                timeout: command.servers.healthTimeout?.amount)
        }
        configuration.outLimits.maxHeadSize = command.limits.outHeadSize
        configuration.outLimits.maxBodySize = command.limits.outBodySize
        configuration.tunnelIdleTimeout = command.links.tunnelIdleTimeout.amount
        configuration.concurrency = command.limits.concurrency
        configuration.logsAllErrors = command.observing.logsAllErrors
        return configuration
    }

    /// The files that certificates, keys and authorities are read from.
    var certificateFiles: [String] {
        var files = self.listeners.flatMap { $0.endpoint.type.isEncrypted ? $0.command.tls.clientSideFiles : [] }
        if self.servers.contains(where: \.type.isEncrypted) { files += self.command.tls.serverSideFiles }
        return files
    }
}

extension Plan.Listener {
    fileprivate func front(tls: inout TLSCache) throws(TransportError) -> FrontConfiguration {
        let (clients, limits) = (self.command.clients, self.command.limits)
        var front = FrontConfiguration(self.endpoint.type.kind, at: [self.endpoint.address])
        front.wire = self.command.links.wire.version
        front.tls = try self.command.tls.serverTLS(for: self.endpoint.type, &tls)
        front.compression = clients.codec.codec
        front.compressionBudget = self.command.links.codecBudget.budget
        front.delay = clients.delay.amount
        front.allowed = clients.allowed.ranges
        front.getOnly = clients.getOnly
        front.clientIPField = clients.clientIPHeader.text.map { FieldName($0) }
        front.reusesPort = clients.reusesPort
        front.allowsTunnels = self.command.links.tunnel
        front.limits.maxHeadSize = limits.inHeadSize
        front.limits.maxBodySize = limits.inBodySize
        front.headTimeout = limits.inHeadTimeout.amount
        front.idleTimeout = limits.inIdleTimeout.amount
        return front
    }
}
