public import struct TeleportRPC.RPCError

/// Who waits for the answer of a call: a continuation, a token in a proxy, a test.
///
/// Exactly one of ``succeed(_:)`` and ``fail(_:)`` is called, once, on the event loop of the connection or in the caller's own call, and
/// never under a lock. It must not block.
public protocol CallCompletion<Response>: Sendable {
    associatedtype Response: Sendable

    /// The answer came.
    func succeed(_ response: consuming Response)
    /// There will be no answer.
    func fail(_ error: RPCError)
    /// An informational answer came, before the final one; any number of times. On v1 only. Does nothing by default.
    func inform(_ response: Response)
}

extension CallCompletion {
    @inlinable
    public func inform(_ response: Response) {}
}

/// A suspended caller.
///
/// Unsafe only in name: the pending table hands each completion out exactly once, which is what a checked continuation
/// would verify again for 30 ns and an allocation a call. Only errors of type `RPCError` go through it; a `Result` in its
/// stead would be one more copy of each answer.
@usableFromInline
struct ContinuationCompletion<Response: Sendable>: CallCompletion {
    @usableFromInline let continuation: UnsafeContinuation<Response, any Error>

    @inlinable
    init(_ continuation: UnsafeContinuation<Response, any Error>) {
        self.continuation = continuation
    }

    @inlinable
    func succeed(_ response: consuming Response) {
        self.continuation.resume(returning: response)
    }

    @inlinable
    func fail(_ error: RPCError) {
        self.continuation.resume(throwing: error)
    }
}
