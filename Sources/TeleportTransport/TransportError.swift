/// Why a connection could not be made, or ended.
public struct TransportError: Error, Sendable {
    /// What kind of failure this is.
    public enum Code: Sendable, Hashable {
        /// The address cannot be understood.
        case invalidAddress
        /// A listening socket could not be opened.
        case bindFailed
        /// No connection to the address could be made: nobody listens, no route, no such name.
        case connectFailed
        /// Connecting, or the handshake that follows, took longer than its limit.
        case timedOut
        /// The TLS handshake failed, for example because the peer's certificate does not verify.
        case tlsFailed
        /// The peer closed the connection in an orderly way.
        case closedByPeer
        /// The connection broke: reset, or another error of the operating system.
        case broken
        /// This side closed the connection.
        case closedLocally
    }

    public let code: Code
    /// What happened and, where there is something, what to do about it.
    public let message: String
    /// What the operating system or the TLS library said.
    public let cause: (any Error)?

    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }
}

extension TransportError: CustomStringConvertible {
    public var description: String {
        guard let cause = self.cause else { return self.message }
        return "\(self.message) Cause: \(cause)"
    }
}
