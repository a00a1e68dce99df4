internal import Teleport

/// A request that was read from a client and may be forwarded.
struct InboundRequest: Sendable {
    var request: Request
    /// The body, if it is still coming.
    var upload: BodyPipe?
    let replyTo: ReplyTarget
    let note: RequestNote?
}

/// Who answers the requests of an HTTP connection.
protocol RequestService: AnyObject, Sendable {
    /// Whether it takes a request of which so many bytes of the body are here, and the rest is still coming; else more is
    /// gathered first.
    func takesStream(after bytes: Int) -> Bool
    /// Answers, exactly once, maybe before this returns.
    ///
    /// - Returns: what can be given up if nobody waits for the answer any more; `nil` if there is no such thing.
    @discardableResult
    func accept(_ request: consuming InboundRequest) -> Exchange?
}
