import ArgumentParser
import Teleport
import TeleportProxy

/// The side that requests go to.
struct ServerOptions: ParsableArguments {
    @Option(.forward) var urls: EndpointList
    @Option(.out) var addressTexts: CommaList
    @Option(.outType) var type: Kind
    @Option(.outCompress) var codec: Codec
    @Option(.outDelay) var delay: Span
    @Option(.outTimeout) var timeout: Span
    @Option(.outConnsPerAddr) var connectionsPerAddress: Int?
    @Option(.outWarm) var warmConnections: Int
    @Option(.outMaxAge) var maxAge: Span
    @Option(.outBalance) var balance: ProxyConfiguration.Balance
    @Option(.outHealthPath) var healthPath: HealthPath
    @Option(.outHealthInterval) var healthInterval: Span
    @Option(.outHealthTimeout) var healthTimeout: Span?
    @Option(.outSlowStart) var slowStart: Span
    @Option(.outRetryBudget) var retryBudget: Int

    /// The servers behind.
    func addresses() throws(Misuse) -> [TransportAddress] {
        guard !self.addressTexts.elements.isEmpty else {
            throw Misuse("\(ProxyOption.out) is empty: name a server, as in \(ProxyOption.out) far.example:8043.")
        }
        var addresses: [TransportAddress] = []
        for text in self.addressTexts.elements { addresses.append(try self.type.address(text, of: .out)) }
        return addresses
    }

    func validate() throws {
        _ = try self.addresses()
        try ProxyOption.outTimeout.requirePositive(self.timeout)
        try ProxyOption.outHealthInterval.requirePositive(self.healthInterval)
        if let timeout = self.healthTimeout { try ProxyOption.outHealthTimeout.requirePositive(timeout) }
        try ProxyOption.outWarm.require(self.warmConnections, atLeast: 0)
        try ProxyOption.outRetryBudget.require(self.retryBudget, atLeast: 0)
        guard self.retryBudget <= 100 else {
            throw Misuse("\(ProxyOption.outRetryBudget) is at most 100, not \(self.retryBudget).")
        }
        if let count = self.connectionsPerAddress { try ProxyOption.outConnsPerAddr.require(count, atLeast: 1) }
    }
}
