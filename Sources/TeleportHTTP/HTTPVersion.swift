/// The two versions of HTTP that have this text form. Anything else is refused with 505.
public enum HTTPVersion: UInt8, Hashable, Sendable, CustomStringConvertible {
    /// `HTTP/1.0`: `Host` is optional and a connection closes after each answer unless asked otherwise.
    case http10
    /// `HTTP/1.1`
    case http11

    public var description: String {
        switch self {
        case .http10: "HTTP/1.0"
        case .http11: "HTTP/1.1"
        }
    }
}
