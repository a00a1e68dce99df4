import ArgumentParser
import Teleport

/// The side that requests go to.
struct ServerOptions: ParsableArguments {
    @Option(.forward) var urls: EndpointList
    @Option(.out) var addressTexts: CommaList
    @Option(.outType) var type: Kind
    @Option(.outCompress) var codec: Codec
    @Option(.outDelay) var delay: Span
    @Option(.outTimeout) var timeout: Span
    @Option(.outConnsPerAddr) var connectionsPerAddress: Int?

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
        if let count = self.connectionsPerAddress { try ProxyOption.outConnsPerAddr.require(count, atLeast: 1) }
    }
}
