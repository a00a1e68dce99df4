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

    /// - Parameters:
    ///   - gathered: of the whole process.
    ///   - accessLog: where requests are recorded; `nil` is nowhere.
    init(_ configuration: FrontConfiguration, gathered: GatheredBytes, accessLog: AccessLog? = nil) {
        self.limits = configuration.limits
        self.idleTimeout = configuration.idleTimeout
        self.headTimeout = configuration.headTimeout
        self.minimumRate = configuration.minimumRate
        self.rateGrace = configuration.rateGrace
        self.maxPipelined = configuration.maxPipelined
        self.gathered = gathered
        self.isSecure = configuration.tls != nil
        self.gate = RequestGate(configuration)
        self.accessLog = accessLog
    }
}
