public import TeleportTransport

/// A server under test, and what the user said about it.
public struct ServerSubject: Sendable {
    /// Where it listens.
    public var address: TransportAddress
    /// How it speaks TLS; `nil` if it does not.
    public var security: ClientSecurity?
    /// What requests name as their host.
    public var host: String
    /// A path that answers with the request's body.
    public var echo: String?
    /// A path that answers with a body of at least 1 MiB.
    public var large: String?
    /// A path that answers after 1 s or later, or when it is cancelled.
    public var slow: String?
    /// Has the server shut down. It need not return before that is done.
    public var drain: (@Sendable () async -> Void)?
    /// Whether its limits are not those that the specification names as defaults.
    public var hasOwnLimits = false
    /// How long one answer may take.
    public var timeout: Duration = .seconds(2)

    /// A server with nothing but an address.
    public init(address: TransportAddress) {
        self.address = address
        self.host = address.host.flatMap { $0.isEmpty ? nil : $0 } ?? "localhost"
    }

    func lacks(_ need: Need) -> Bool {
        switch need {
        case .echo: self.echo == nil
        case .large: self.large == nil
        case .slow: self.slow == nil
        case .tls: self.security == nil
        case .drain: self.drain == nil
        case .defaults: self.hasOwnLimits
        }
    }
}
