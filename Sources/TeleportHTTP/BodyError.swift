/// Why the bytes of a ``Body`` could not be had.
public struct BodyError: Error, Sendable, CustomStringConvertible {
    /// The reasons. More may be added.
    public enum Code: Hashable, Sendable {
        /// The body has more bytes than the caller accepts.
        case tooLarge
        /// The body is a stream, and somebody has read it already, or begun to.
        case alreadyConsumed
        /// The body did not come to its end; ``BodyError/cause`` says why.
        case failed
    }

    /// The reason.
    public let code: Code
    /// The limit that was given, in bytes; 0 if the reason is another.
    public let limit: Int
    /// What the source of a stream threw.
    public let cause: (any Error)?

    init(_ code: Code, limit: Int = 0, cause: (any Error)? = nil) {
        self.code = code
        self.limit = limit
        self.cause = cause
    }

    public var description: String {
        switch code {
        case .tooLarge: "The body is larger than the \(limit) bytes that were asked for at most."
        case .alreadyConsumed: "The body is a stream and was read already: it can be read once only. Collect it first."
        case .failed: cause.map { "The body is not complete. Cause: \($0)" } ?? "The body is not complete."
        }
    }
}

extension BodyError: Hashable {
    /// Whether both have the same reason and limit. Causes are not compared.
    public static func == (left: BodyError, right: BodyError) -> Bool {
        left.code == right.code && left.limit == right.limit
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(code)
        hasher.combine(limit)
    }
}
