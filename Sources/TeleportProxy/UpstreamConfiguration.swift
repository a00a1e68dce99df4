public import Teleport

/// One server behind a proxy.
public struct UpstreamConfiguration: Sendable, Hashable {
    /// Where it listens.
    public var address: TransportAddress
    /// Whether ``ProxyConfiguration/outTLS``, if there is one, is for this server too. Default true.
    public var usesTLS: Bool
    /// How many requests it is given, in proportion to the others: 1 to 100. Default 1.
    public var weight: Int

    public init(_ address: TransportAddress, usesTLS: Bool = true, weight: Int = 1) {
        precondition((1...100).contains(weight), "the weight of a server is 1 to 100")
        self.weight = weight
        self.address = address
        self.usesTLS = usesTLS
    }
}
