/// Holds the content that comes in protocol v1 to what its head says about it (V1-64).
///
/// A message whose content breaks that is not complete: whoever passes it on must not make it look so.
public struct ContentCheck: Sendable {
    /// Bytes that are still to come; `nil` if any number may.
    public private(set) var remaining: Int?
    private let isAllowed: Bool
    private let isResponse: Bool

    /// For the content of a request.
    public init(_ request: borrowing FramedRequestHead) {
        remaining = request.contentLength
        isAllowed = true
        isResponse = false
    }

    /// For the content of the final response to a request with this method: there is none in the answer to a `HEAD` and
    /// with 204 and 304, whatever length it describes.
    public init(_ response: borrowing FramedResponseHead, to method: HTTPMethod) {
        isAllowed = method != .head && !response.head.status.forbidsBody
        remaining = isAllowed ? response.contentLength : 0
        isResponse = true
    }

    /// Notes that `count` bytes came.
    ///
    /// - Throws: ``HTTPError`` with `bodyNotAllowed`, or `invalidContentLength` if there are more than declared.
    public mutating func received(_ count: Int) throws(HTTPError) {
        guard let remaining else { return }
        guard count <= remaining else {
            guard isAllowed else { throw HTTPError(.bodyNotAllowed) }
            throw error(HTTPError(.invalidContentLength, message: "The content is longer than was declared."))
        }
        self.remaining = remaining - count
    }

    /// Notes that nothing more comes.
    ///
    /// - Throws: ``HTTPError`` with `truncated` if more was declared.
    public func ended() throws(HTTPError) {
        if let remaining, remaining > 0 { throw error(HTTPError(.truncated)) }
    }

    private func error(_ error: HTTPError) -> HTTPError {
        isResponse ? error.fromUpstream : error
    }
}
