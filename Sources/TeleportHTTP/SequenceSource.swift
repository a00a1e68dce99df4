import Synchronization

import struct NIOCore.ByteBuffer

/// The pieces of an asynchronous sequence as the source of a body.
///
/// The sequence is asked for its iterator when the first piece is. Iterator and sequence are let go at the end, on an error
/// and when it is cancelled, which is how sequences learn that nobody reads them.
final class SequenceSource<Pieces: AsyncSequence & Sendable>: BodySource where Pieces.Element == ByteBuffer {
    private enum State {
        case unread(Pieces)
        case idle(Pieces.AsyncIterator, received: Int)
        /// The consumer waits for a piece and has the iterator.
        case busy
        case ended
        case failed(any Error)
    }

    /// Iterators need not be sendable. Here one is used by one task at a time: who takes it out of the state has it.
    private struct Guarded: @unchecked Sendable {
        var state: State
    }

    let length: Int?
    private let guarded: Mutex<Guarded>

    init(_ pieces: Pieces, length: Int?) {
        self.length = length
        guarded = Mutex(Guarded(state: .unread(pieces)))
    }

    /// A sequence of pieces has none.
    var trailers: Fields? { nil }

    nonisolated(nonsending) func next() async throws -> ByteBuffer? {
        var iterator: Pieces.AsyncIterator
        var received = 0
        switch beginWaiting().state {
        case .unread(let pieces): iterator = pieces.makeAsyncIterator()
        case .idle(let last, let count): (iterator, received) = (last, count)
        case .busy: throw BodyError(.alreadyConsumed)
        case .ended: return nil
        case .failed(let error): throw error
        }
        do {
            let piece = try await iterator.next(isolation: #isolation)
            // In a cancelled task many sequences end as if that were their end: a truncated body would look complete.
            if piece == nil { try Task.checkCancellation() }
            received += piece?.readableBytes ?? 0
            try check(received, isComplete: piece == nil)
            try endWaiting(Guarded(state: piece == nil ? .ended : .idle(iterator, received: received)))
            return piece
        } catch {
            try endWaiting(Guarded(state: .failed(error)))
            throw error
        }
    }

    func cancel() {
        // What is let go is let go outside the lock: it may run somebody's code.
        _ = guarded.withLock { guarded in
            let before = guarded
            if case .ended = before.state { return before }
            guarded.state = .failed(CancellationError())
            return before
        }
    }

    /// The state before, which is `.busy` now if there is something to wait for.
    private func beginWaiting() -> Guarded {
        guarded.withLock { guarded in
            let before = guarded
            switch before.state {
            case .unread, .idle: guarded.state = .busy
            case .busy, .ended, .failed: break
            }
            return before
        }
    }

    /// - Throws: `CancellationError` if it was cancelled meanwhile.
    private func endWaiting(_ next: Guarded) throws {
        try guarded.withLock { guarded in
            if case .failed(let error) = guarded.state { throw error }
            guarded = next
        }
    }

    private func check(_ received: Int, isComplete: Bool) throws {
        guard let length else { return }
        if received > length {
            throw HTTPError(.invalidContentLength, message: "The content is longer than was declared.")
        }
        if isComplete, received < length { throw HTTPError(.truncated) }
    }
}
