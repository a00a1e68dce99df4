/// What a head of protocol v1 has to say about the content of its message (V1-64).
///
/// `Content-Length` among the fields of a head is always left out and written anew where it says something, except that
/// ``headOnly(length:)`` lets a valid one pass.
public enum FramedContent: Hashable, Sendable {
    /// The frame of the head ends the message and has all its content, so many bytes. No `Content-Length`: the frame says
    /// it already.
    case whole(Int)
    /// Frames of data follow, of so many bytes together if that is known.
    case streamed(length: Int?)
    /// No content follows, but the fields describe one, as in the answer to a `HEAD`: with the `Content-Length` of the
    /// head, or with this length if it has none.
    case headOnly(length: Int? = nil)
}

/// Which of the heads of a response one is (V1-62).
public enum FramedResponseKind: Hashable, Sendable {
    /// An informational one, 1xx, in a frame with INTERIM.
    case interim
    /// The final one.
    case final
    /// The final one that grants a tunnel, 101 or 2xx, in a frame with TUNNEL.
    case tunnel
}
