import ArgumentParser
import Teleport

/// The side that requests come from.
struct ClientOptions: ParsableArguments {
    @Option(.listen) var urls: EndpointList
    @Option(.in) var addressText: String
    @Option(.inType) var type: Kind
    @Option(.inCompress) var codec: Codec
    @Option(.inDelay) var delay: Span
    @Option(.inAllowIP) var allowed: AllowedAddresses
    @Flag(.inGetOnly) var getOnly: Bool
    @Option(.clientIPHeader) var clientIPHeader: Token
    @Option(.via) var via: Token
    @Flag(.reusePort) var reusesPort: Bool

    /// Where to listen.
    func address() throws(Misuse) -> TransportAddress { try self.type.address(self.addressText, of: .in) }

    func validate() throws {
        if case .unix = try self.address(), !self.allowed.ranges.isEmpty {
            throw Misuse(
                "\(ProxyOption.inAllowIP) cannot guard a unix socket, whose clients have no IP address: leave it out, and "
                    + "let the permissions of its folder say who may connect.")
        }
    }
}
