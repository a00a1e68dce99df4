public import Teleport

extension StreamLimits {
    /// For a proxy, whose links carry the requests of many clients.
    ///
    /// - Credit of a connection: as much as 256 slow clients use up, so that a few of them keep nothing from the others.
    /// - Held bytes: what ``ProxyConfiguration/maxGatheredBytes`` has for HTTP clients.
    /// - Unread bodies: clients may be as slow as ``FrontConfiguration/minimumRate`` says, and are judged there.
    /// - Tokens: all clients' cancellations come on one connection.
    public static let proxy = StreamLimits(
        connectionCredit: 64 << 20, maxHeldBytes: 256 << 20, unreadTimeout: .seconds(600), abuseTokens: 100_000,
        abuseTokensPerSecond: 10_000)
}
