internal import Synchronization
public import TeleportEndpoint
public import TeleportHTTP

public import struct NIOCore.ByteBuffer

/// A body that comes through a pipe: from a v1 connection, most often.
///
/// Released unread, it tells the producer that nobody wants the body.
public final class PipeSource: BodySource {
    private let pipe: BodyPipe
    private let isHandedOn = Atomic(false)

    public init(_ pipe: BodyPipe) {
        self.pipe = pipe
    }

    deinit {
        if !self.isHandedOn.load(ordering: .relaxed) { self.pipe.cancel() }
    }

    /// The pipe, for one who consumes it from now on instead of this source.
    public func handOn() -> BodyPipe {
        self.isHandedOn.store(true, ordering: .relaxed)
        return self.pipe
    }

    public var length: Int? { self.pipe.size }
    public nonisolated(nonsending) func next() async throws -> ByteBuffer? { try await self.pipe.nextPiece() }
    public func cancel() { self.pipe.cancel() }
    public var trailers: Fields? { self.pipe.trailers as? Fields }
}
