public import TeleportTransport

/// How a client under test is waited for.
public struct ClientSubject: Sendable {
    /// Where to listen for it; port 0 takes a free one.
    public var address: TransportAddress
    /// How TLS is spoken with it; `nil` speaks none.
    public var security: ServerSecurity?
    /// Whether the client's limits are not those that the specification names as defaults.
    public var hasOwnLimits = false
    /// How long one frame or message may take.
    public var timeout: Duration = .seconds(2)
    /// How long the client may take to connect, or to send a request of the kind that a check needs.
    public var patience: Duration = .seconds(10)

    public init(address: TransportAddress) {
        self.address = address
    }

    func lacks(_ need: Need) -> Bool {
        switch need {
        case .tls: self.security == nil
        case .defaults: self.hasOwnLimits
        case .echo, .large, .slow, .drain: false
        }
    }
}
