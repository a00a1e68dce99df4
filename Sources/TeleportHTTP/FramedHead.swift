/// A request's head as it came in protocol v1.
public struct FramedRequestHead: Sendable, Equatable {
    /// The head; its first field is `Host`.
    public var head: RequestHead
    /// Whether the scheme is `https`.
    public var isSecure: Bool
    /// The `Content-Length` that it declares, to be held against what comes: see ``ContentCheck``. `nil` if it declares
    /// none, as whole messages do not need to.
    public var contentLength: Int?

    /// A head from its parts.
    public init(head: RequestHead, isSecure: Bool = false, contentLength: Int? = nil) {
        self.head = head
        self.isSecure = isSecure
        self.contentLength = contentLength
    }
}

/// A response's head as it came in protocol v1.
public struct FramedResponseHead: Sendable, Equatable {
    /// The head.
    public var head: ResponseHead
    /// The `Content-Length` that it declares, if any. In the answer to a `HEAD` and in a 304 it is not that of what comes:
    /// see ``ContentCheck``.
    public var contentLength: Int?

    /// A head from its parts.
    public init(head: ResponseHead, contentLength: Int? = nil) {
        self.head = head
        self.contentLength = contentLength
    }
}
