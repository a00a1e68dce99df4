/// How the peer ended a connection.
enum LinkEnd: Sendable, Equatable {
    /// It said that nothing more comes.
    case orderly
    /// The operating system said that the connection is broken.
    case reset
    /// TLS failed, for this reason.
    case tls(String)

    /// For the column "seen".
    var words: String {
        switch self {
        case .orderly: "closed"
        case .reset: "reset"
        case .tls(let reason): "TLS failed (\(reason))"
        }
    }
}
