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
            var event = self.next()
            if event == nil {
                let signal = Signal()
                self.attach(Side { signal.raise() })
                // It may have come before it was known whom to tell.
                event = self.next()
                if event == nil { await signal.wait() }
            }
            switch event {
            case .piece(let piece): return piece
            case .end: return nil
            case .failed(let error): throw error
            case nil: continue
            }
        }
    }

    /// Appends a piece, and waits while there is too much.
    ///
    /// - Throws: ``RPCError`` `.cancelled` if the consumer wants no more, or the task was cancelled.
    public nonisolated(nonsending) func write(_ piece: ByteBuffer) async throws(RPCError) {
        let signal = Signal()
        self.attachProducer(Side { signal.raise() })
        if !self.append(piece) { await signal.wait() }
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

    /// Something that a task waits for: raised once, or given up when the task is cancelled.
    private final class Signal: Sendable {
        private enum State {
            case idle
            case waiting(CheckedContinuation<Void, Never>)
            case raised
        }

        private let state = Mutex(State.idle)

        func raise() {
            let waiter = self.state.withLock { state -> CheckedContinuation<Void, Never>? in
                defer { state = .raised }
                if case .waiting(let waiter) = state { return waiter }
                return nil
            }
            waiter?.resume()
        }

        nonisolated(nonsending) func wait() async {
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let isRaised = self.state.withLock { state in
                        if case .raised = state { return true }
                        state = .waiting(continuation)
                        return false
                    }
                    if isRaised { continuation.resume() }
                }
            } onCancel: {
                self.raise()
            }
        }
    }
}
