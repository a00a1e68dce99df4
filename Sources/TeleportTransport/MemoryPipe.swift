internal import NIOCore
internal import Synchronization

/// One direction of a connection within the process: what a pair of socket buffers is to a real one. Bytes are copied in
/// and come out in larger pieces than they went in; a writer that is faster than the reader has to wait.
final class MemoryPipe: Sendable {
    /// Bytes that wait in it at most.
    static let capacity = 262_144

    /// What became of bytes that were offered.
    enum Write {
        /// So many were taken from the front. Fewer than offered: ``onRoom`` will tell when there is room again.
        case took(Int)
        /// Nobody will ever read them.
        case broken
    }

    /// What there is to read.
    struct Read {
        var bytes: ByteBuffer?
        /// Nothing follows.
        var isEnd = false
    }

    private struct State: Sendable {
        var bytes = ByteBuffer()
        var isEnded = false
        var isBroken = false
        var isReset = false
        /// The reader was told, and has not looked yet.
        var isReaderTold = false
        var isWriterWaiting = false
        /// Each hops to the loop of the end that it is for.
        var onBytes: (@Sendable () -> Void)?
        var onRoom: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// Whether reading would bring anything.
    var isReadable: Bool {
        self.state.withLock { $0.bytes.readableBytes > 0 || $0.isEnded }
    }

    /// Says whom to tell: of bytes or the end, and of room.
    func attach(onBytes: @escaping @Sendable () -> Void, onRoom: @escaping @Sendable () -> Void) {
        self.state.withLock { state in
            state.onBytes = onBytes
            state.onRoom = onRoom
        }
    }

    /// Takes as much from the front of `bytes` as there is room for.
    func write(_ bytes: inout ByteBuffer) -> Write {
        let (outcome, tell) = self.state.withLock { state -> (Write, (@Sendable () -> Void)?) in
            guard bytes.readableBytes > 0 else { return (.took(0), nil) }
            guard !state.isBroken else { return (.broken, nil) }
            let count = Swift.min(bytes.readableBytes, Self.capacity - state.bytes.readableBytes)
            state.isWriterWaiting = count < bytes.readableBytes
            guard count > 0, var part = bytes.readSlice(length: count) else { return (.took(0), nil) }
            state.bytes.writeBuffer(&part)
            return (.took(count), Self.readerToTell(&state))
        }
        tell?()
        return outcome
    }

    /// The writer is done.
    func end() {
        let tell = self.state.withLock { state in
            state.isEnded = true
            state.onRoom = nil
            return Self.readerToTell(&state)
        }
        tell?()
    }

    /// Takes everything that is there.
    ///
    /// - Parameter spare: an empty buffer for what comes next, so that its memory serves again.
    func read(spare: ByteBuffer) -> Read {
        let (read, tell) = self.state.withLock { state -> (Read, (@Sendable () -> Void)?) in
            state.isReaderTold = false
            var read = Read(bytes: nil, isEnd: state.isEnded)
            if state.bytes.readableBytes > 0 {
                read.bytes = state.bytes
                state.bytes = spare
            }
            guard state.isWriterWaiting else { return (read, nil) }
            state.isWriterWaiting = false
            return (read, state.onRoom)
        }
        tell?()
        return read
    }

    /// The reader is gone. If it has left bytes unread, the writer is told, as a reset does.
    func breakOff() {
        let tell = self.state.withLock { state in
            state.isBroken = true
            state.isReset = state.bytes.readableBytes > 0 || state.isWriterWaiting
            state.bytes = ByteBuffer()
            state.onBytes = nil
            return state.isReset ? state.onRoom : nil
        }
        tell?()
    }

    /// Whether bytes were left unread.
    var isReset: Bool { self.state.withLock { $0.isReset } }

    private static func readerToTell(_ state: inout State) -> (@Sendable () -> Void)? {
        guard !state.isReaderTold else { return nil }
        state.isReaderTold = true
        return state.onBytes
    }
}
