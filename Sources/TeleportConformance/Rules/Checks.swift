/// Every check there is, in the order in which they are made.
public enum Checks {
    /// All of them, of both versions and both sides.
    public static let all: [Check] = v0 + v1 + LifeChecks.drain + FramingChecks.drain

    private static var v0: [Check] {
        let server =
            HandshakeChecks.server + FramingChecks.server + CompressionChecks.server + VerdictChecks.server
        // A client that has fallen back stays with v0, so whether it does is looked at first.
        return server + FallbackChecks.client + StreamClientChecks.client
    }

    private static var v1: [Check] {
        let server =
            PrefaceChecks.server + BlockChecks.server + CodecChecks.server + FrameChecks.server
            + SensitivityChecks.server + SettingsChecks.server + StreamChecks.server + CancelChecks.server
            + CreditChecks.server + PlacesChecks.server + LifeChecks.server + HeadChecks.server + ContentChecks.server
            + LimitChecks.server + ErrorChecks.server
        let client =
            PrefaceChecks.client + BlockChecks.client + CodecChecks.client + FrameChecks.client
            + SensitivityChecks.client + SettingsChecks.client + StreamChecks.client + CreditChecks.client
            + PlacesChecks.client + LifeChecks.client + HeadChecks.client + LimitChecks.client + ErrorChecks.client
        return server + client
    }
}
