package import struct NIOCore.ByteBuffer
internal import Synchronization
package import struct TeleportRPC.RPCError

/// For those who pass a body on: what becomes of it, and who keeps whom waiting.
extension BodyPipe {
    /// How a body came to its end at the one of the two sides that was first.
    package enum Ending: Sendable {
        /// The producer gave all of it.
        case complete
        /// The producer will not complete it.
        case failed(RPCError)
        /// The consumer wanted no more.
        case cancelled
    }

    /// Has `observer` told, once, how the body ends, and how many bytes came: before the consumer can see the end, from any
    /// thread. At once if it has ended. One observer only.
    package func observeEnd(_ observer: @escaping @Sendable (Ending, Int) -> Void) {
        let ended = self.state.withLock { state -> (Ending, Int)? in
            if state.isCancelled { return (.cancelled, state.total) }
            if let end = state.end { return (end.ending, state.total) }
            state.observer = observer
            return nil
        }
        if let ended { observer(ended.0, ended.1) }
    }

    func tellObserver(_ ending: Ending) {
        let (observer, total) = self.state.withLock { state -> ((@Sendable (Ending, Int) -> Void)?, Int) in
            guard state.end == nil, !state.isCancelled else { return (nil, 0) }
            return (state.observer.take(), state.total)
        }
        observer?(ending, total)
    }

    /// How far a body has got.
    package struct Flow: Sendable, Hashable {
        /// Bytes that the producer gave.
        package var given: Int
        /// Bytes of them that the consumer has not taken.
        package var held: Int
        /// The producer was told to stop.
        package var isFull: Bool
        /// The producer will give nothing more.
        package var isEnded: Bool

        package init(given: Int = 0, held: Int = 0, isFull: Bool = false, isEnded: Bool = false) {
            self.given = given
            self.held = held
            self.isFull = isFull
            self.isEnded = isEnded
        }
    }

    package var flow: Flow {
        self.state.withLock { state in
            Flow(
                given: state.total, held: state.count, isFull: state.isProducerPaused,
                isEnded: state.end != nil || state.isCancelled)
        }
    }

    /// Whether nobody has begun to take it: it can be given to another consumer from its beginning.
    package var isUntouched: Bool {
        self.state.withLock { state in
            state.consumer == nil && !state.isCancelled
                && state.count + (state.ahead?.readableBytes ?? 0) == state.total
        }
    }

    /// Gives back what was taken from the beginning: the next consumer finds it in front.
    package func putBack(_ bytes: ByteBuffer) {
        self.state.withLock { state in
            state.consumer = nil
            state.isConsumerWaiting = false
            if !state.isCancelled, bytes.readableBytes > 0 { state.ahead = bytes }
        }
    }
}

extension BodyPipe.Event {
    /// The end, as an observer is told.
    var ending: BodyPipe.Ending {
        if case .failed(let error) = self { .failed(error) } else { .complete }
    }
}
