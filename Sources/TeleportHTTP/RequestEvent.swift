public import struct NIOCore.ByteBuffer

/// What ``RequestDecoder/next(from:)`` reports.
public enum RequestEvent: Sendable {
    /// A request begins. Its body follows in pieces, then `end`, or `refused` in its place.
    case head(RequestHead)
    /// A piece of the body, never empty, without transfer coding.
    case body(ByteBuffer)
    /// The request is complete. Trailers are `nil` if there were none.
    case end(trailers: Fields?)
    /// One whole message was read over. Answer it with the error's status; the connection goes on.
    ///
    /// It comes in place of `head`, or in place of `end` if a chunked body grew over the limit: forget that request.
    case refused(HTTPError)
}

/// What ``RequestDecoder/nextMessage(from:)`` returns.
public enum DecodedRequest: Sendable {
    /// A whole request.
    case request(Request)
    /// One whole message was read over. Answer it with the error's status; the connection goes on.
    case refused(HTTPError)
}
