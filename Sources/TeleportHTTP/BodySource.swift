public import struct NIOCore.ByteBuffer

/// Where a streamed ``Body`` comes from. It has one consumer, which asks for one piece at a time, in order.
///
/// A source that is released before its end was reached must free what feeds it, as if it had been cancelled: a body that
/// nobody reads goes away without a call. Do that in `deinit`.
public protocol BodySource: AnyObject, Sendable {
    /// The number of bytes of all pieces, `nil` if that is not known. More or fewer than it says must end in an error.
    var length: Int? { get }

    /// Waits for the next piece and returns it; `nil` if the body is complete. Runs where its caller runs.
    ///
    /// - Throws: If the body ends otherwise. The consumer asks no more then.
    nonisolated(nonsending) func next() async throws -> ByteBuffer?

    /// The consumer wants no more. May be called from anywhere, more than once, while a piece is waited for and behind the
    /// end. A piece that is waited for or asked for then fails, and so nobody takes the body for complete.
    func cancel()

    /// Fields that came behind the content, `nil` if there were none or the end was not reached.
    var trailers: Fields? { get }
}
