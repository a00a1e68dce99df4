/// Why a call has no answer.
///
/// ``code`` is for programs; ``message`` is one sentence for people and says what to do next; ``cause`` is what
/// happened one layer down, when something did: the true reason, never "timeout" for everything.
public struct RPCError: Error, Sendable {
    /// What kind of failure this is.
    public enum Code: Sendable, Hashable {
        /// The deadline of the call passed. If the connection could not be made meanwhile, `cause` says why.
        case timedOut
        /// The task that made the call was cancelled.
        case cancelled
        /// The connection could not be established; nothing was sent.
        case connectFailed
        /// The peer answered the connection, but not with a handshake this side accepts; nothing was sent.
        case handshakeFailed
        /// The connection ended before the answer came.
        case connectionClosed
        /// The peer broke the protocol, so the connection was given up.
        case protocolViolation
        /// The answer came, but it is not acceptable: larger than the limit, for instance. Only this call fails.
        case unacceptableAnswer
        /// As many calls are pending on the connection as its limit admits.
        case tooManyPending
        /// The server did not take the request, and has not executed it. The client has tried again where it could.
        case refused
        /// The server has too much to do for the request, and has not executed it.
        case overloaded
        /// The server began with the request and gave it up without an answer.
        case serverFailed
        /// The bytes waiting to be sent exceed the connection's limit.
        case outboundBufferFull
        /// The client is shutting down and takes no new calls.
        case shuttingDown
        /// The message cannot be sent as it is; the connection and everybody else's calls are untouched.
        case unsendable
    }

    public let code: Code
    public let message: String
    /// Whether the peer may have executed the call: false only if not a byte of it left this process.
    public let possiblyExecuted: Bool
    /// What happened one layer down.
    public let cause: (any Error)?

    public init(_ code: Code, _ message: String, possiblyExecuted: Bool = false, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.possiblyExecuted = possiblyExecuted
        self.cause = cause
    }

    /// The same failure of a call that was, or was not, sent.
    public func with(possiblyExecuted: Bool) -> RPCError {
        RPCError(self.code, self.message, possiblyExecuted: possiblyExecuted, cause: self.cause)
    }
}

extension RPCError: CustomStringConvertible {
    public var description: String {
        guard let cause = self.cause else { return self.message }
        return "\(self.message) Cause: \(cause)"
    }
}
