public import NIOCore
internal import Synchronization
public import struct TeleportRPC.RPCError

/// Both sides for tasks.
extension BodyPipe {
    /// The next piece for a task; `nil` at the end. Call from one task at a time.
    ///
    /// - Throws: ``RPCError`` if the body broke off; `.cancelled` if the task was cancelled, and then the producer is told.
    public nonisolated(nonsending) func nextPiece() async throws(RPCError) -> ByteBuffer? {
        while true {
            if Task.isCancelled {
                self.cancel()
                throw RPCError(.cancelled, "The task that reads the body was cancelled.", possiblyExecuted: true)
            }
            switch self.next() {
            case .piece(let piece): return piece
            case .end: return nil
            case .failed(let error): throw error
            case nil: await self.waitForPiece()
            }
        }
    }

    /// Appends a piece, and waits while there is too much.
    ///
    /// - Throws: ``RPCError`` `.cancelled` if the consumer wants no more, or the task was cancelled.
    public nonisolated(nonsending) func write(_ piece: ByteBuffer) async throws(RPCError) {
        if !self.append(piece) { await self.waitForRoom() }
        guard !self.isCancelled else {
            throw RPCError(.cancelled, "Nobody wants the rest of the body.", possiblyExecuted: true)
        }
        guard !Task.isCancelled else {
            throw RPCError(.cancelled, "The task that writes the body was cancelled.", possiblyExecuted: true)
        }
    }

    /// Trailers, once the body has ended.
    public var trailers: (any Sendable)? {
        guard case .end(let trailers)? = self.ended else { return nil }
        return trailers
    }

    /// Waits until there may be something to take, or the task is cancelled.
    private nonisolated(nonsending) func waitForPiece() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { task in
                let waits = self.state.withLock { state in
                    // It may have come before it was known whom to tell. And who cancels the task sets its flag first, then
                    // looks for a reader here.
                    guard state.hasNothing, !Task.isCancelled else { return false }
                    state.reader = task
                    return true
                }
                if !waits { task.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.reader.take() }?.resume()
        }
    }

    /// Waits until the producer may go on, or the task is cancelled.
    private nonisolated(nonsending) func waitForRoom() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { task in
                let waits = self.state.withLock { state in
                    guard state.isProducerPaused, !Task.isCancelled else { return false }
                    state.writer = task
                    return true
                }
                if !waits { task.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.writer.take() }?.resume()
        }
    }
}
