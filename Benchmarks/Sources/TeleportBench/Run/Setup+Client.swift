import NIOCore
import Teleport

extension Setup {
    /// A client of the server at `address`.
    func makeClient(
        _ workload: Workload, to address: TransportAddress, on group: any EventLoopGroup,
        traffic: TrafficCounters? = nil
    ) throws -> TeleportClient {
        var configuration = ClientConfiguration(address: address)
        configuration.compression = self.codec
        configuration.compressionBudget = self.codecBudget
        configuration.eventLoopGroup = group
        configuration.connections = self.connections
        configuration.wire = self.wire.version
        configuration.limits.maxPending = Swift.max(1000, self.inFlight)
        configuration.maxOutboundBytes = self.roomForMessages(of: workload, atLeast: 64 << 20)
        configuration.timeout = .seconds(30)
        // A thousand at once shake hands one after the other on one loop.
        configuration.handshakeTimeout = .seconds(30)
        configuration.batching.delay = .microseconds(Int64(self.clientDelay))
        configuration.traffic = traffic
        if let tls = self.tls {
            configuration.tls = try ClientTLS(
                trustFile: tls.certificate, serverName: CertificateFiles.serverName)
        }
        return TeleportClient(configuration: configuration)
    }
}
