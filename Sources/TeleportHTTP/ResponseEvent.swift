public import struct NIOCore.ByteBuffer

/// What ``ResponseDecoder/next(from:)`` reports.
public enum ResponseEvent: Sendable {
    /// A final response begins, 101 included. Its body follows in pieces, then `end`.
    case head(ResponseHead)
    /// A piece of the body, never empty, without transfer coding.
    case body(ByteBuffer)
    /// The response is complete. Trailers are `nil` if there were none.
    case end(trailers: Fields?)
    /// A 1xx response other than 101. The final one follows.
    case informational(ResponseHead)
}

/// What ``ResponseDecoder/nextOutcome(from:)`` returns.
public enum DecodedResponse: Sendable {
    /// A whole final response.
    case response(Response)
    /// One whole response was read over, because it is not acceptable. The connection goes on.
    case refused(HTTPError)
}
