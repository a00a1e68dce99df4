internal import NIOCore
internal import Teleport

/// How the HTTP connections of clients are served. One for all of them: ten thousand copies would be megabytes.
final class FrontSettings: Sendable {
    let limits: HTTPLimits
    let idleTimeout: TimeAmount
    let headTimeout: TimeAmount
    let minimumRate: Int
    let rateGrace: TimeAmount
    let maxPipelined: Int
    let gate: RequestGate
    /// Whether clients come over TLS.
    let isSecure: Bool
    /// Shared by all connections.
    let gathered: GatheredBytes
    let accessLog: AccessLog?

    /// - Parameter gathered: of the whole process; `nil` counts for itself.
    init(_ configuration: ProxyConfiguration, gathered: GatheredBytes? = nil) {
        self.limits = configuration.inLimits
        self.idleTimeout = configuration.inIdleTimeout
        self.headTimeout = configuration.inHeadTimeout
        self.minimumRate = configuration.inMinimumRate
        self.rateGrace = configuration.inRateGrace
        self.maxPipelined = configuration.maxPipelined
        self.gathered = gathered ?? GatheredBytes(limit: configuration.maxGatheredBytes)
        self.isSecure = configuration.inTLS != nil
        self.gate = RequestGate(configuration)
        self.accessLog = configuration.accessLog
    }
}
