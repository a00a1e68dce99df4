public import Teleport

/// One server behind a proxy.
public struct UpstreamConfiguration: Sendable, Hashable {
    /// Where it listens.
    public var address: TransportAddress
    /// Whether ``ProxyConfiguration/outTLS``, if there is one, is for this server too. Default true.
    public var usesTLS: Bool

    public init(_ address: TransportAddress, usesTLS: Bool = true) {
        self.address = address
        self.usesTLS = usesTLS
    }
}
