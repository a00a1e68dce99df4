import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import TeleportTestKit

/// Counts bytes, and tells those who wait for a number of them.
final class Meter: Sendable {
    private struct State: Sendable {
        var count = 0
        var waiters: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    var count: Int { self.state.withLock { $0.count } }

    func add(_ bytes: Int) {
        let reached = self.state.withLock { state in
            state.count += bytes
            defer { state.waiters.removeAll { $0.count <= state.count } }
            return state.waiters.filter { $0.count <= state.count }
        }
        for waiter in reached { waiter.continuation.resume() }
    }

    func reached(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isReached = self.state.withLock { state in
                if state.count < count { state.waiters.append((count, continuation)) }
                return state.count >= count
            }
            if isReached { continuation.resume() }
        }
    }
}

/// Bytes that say where they stand, so that nothing can be lost, doubled or moved without being seen.
enum Pattern {
    /// Repeats itself only after this many bytes, further than any codec looks back.
    private static let period = (1 << 20) + 7
    private static let longestSlice = 1 << 17
    /// Looks random, so that no codec makes it small.
    private static let noise: ByteBuffer = {
        var random = SeededRandom(seed: 1)
        var noise = ByteBuffer()
        noise.reserveCapacity(period + longestSlice + 8)
        while noise.readableBytes < period { noise.writeInteger(random.next()) }
        noise = noise.getSlice(at: 0, length: period) ?? noise
        noise.writeImmutableBuffer(noise.getSlice(at: 0, length: longestSlice) ?? ByteBuffer())
        return noise
    }()

    static func bytes(at offset: Int, count: Int) -> ByteBuffer {
        if count <= Self.longestSlice {
            return Self.noise.getSlice(at: offset % Self.period, length: count) ?? ByteBuffer()
        }
        var bytes = ByteBuffer()
        while bytes.readableBytes < count {
            let length = Swift.min(Self.longestSlice, count - bytes.readableBytes)
            bytes.writeImmutableBuffer(Self.bytes(at: offset + bytes.readableBytes, count: length))
        }
        return bytes
    }

    /// Whether `bytes`, which should begin at `offset`, are as they should be.
    static func isIntact(_ bytes: ByteBuffer, at offset: Int) -> Bool {
        bytes == Self.bytes(at: offset, count: bytes.readableBytes)
    }
}

/// A body that is made as it is asked for: so many bytes, and then an end, an error, or nothing more ever.
///
/// It notes how much was taken of it, and when it was let go.
struct Pieces: Sendable {
    enum Ending: Sendable {
        case end
        case error
        /// Waits until its task is cancelled.
        case silence
    }

    struct Broken: Error {}

    let total: Int
    let pieceLength: Int
    let ending: Ending
    /// Bytes that were handed out.
    let produced = Meter()
    /// Nobody will ask for more: a body of it was let go.
    let released = Flag()

    init(_ total: Int, pieceLength: Int = 10_000, ending: Ending = .end) {
        self.total = total
        self.pieceLength = pieceLength
        self.ending = ending
    }

    func body(declared: Bool = false) -> Body { self.body(length: declared ? self.total : nil) }
    func body(length: Int?) -> Body { Body(stream: Stream(hold: Hold(self)), length: length) }

    /// Sequence and iterator share it.
    private final class Hold: Sendable {
        let pieces: Pieces

        init(_ pieces: Pieces) { self.pieces = pieces }
        deinit { self.pieces.released.raise() }
    }

    private struct Stream: AsyncSequence, Sendable {
        let hold: Hold

        func makeAsyncIterator() -> Iterator { Iterator(hold: self.hold) }
    }

    private struct Iterator: AsyncIteratorProtocol {
        let hold: Hold
        var offset = 0

        mutating func next() async throws -> ByteBuffer? {
            let pieces = self.hold.pieces
            guard self.offset < pieces.total else { return try await Self.end(pieces.ending) }
            let count = Swift.min(pieces.pieceLength, pieces.total - self.offset)
            defer {
                self.offset += count
                pieces.produced.add(count)
            }
            return Pattern.bytes(at: self.offset, count: count)
        }

        private static func end(_ ending: Ending) async throws -> ByteBuffer? {
            switch ending {
            case .end:
                return nil
            case .error:
                throw Broken()
            case .silence:
                let forever = AsyncStream<Void> { _ in }
                for await _ in forever {}
                throw CancellationError()
            }
        }
    }
}

extension Body {
    /// Reads everything; how many bytes there were, if all of them stand where they should.
    func readPattern() async throws -> Int? {
        var offset = 0
        for try await piece in self {
            guard Pattern.isIntact(piece, at: offset) else { return nil }
            offset += piece.readableBytes
        }
        return offset
    }
}

/// What several tasks noted, in the order they did.
final class Notes<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])

    var all: [Value] { self.values.withLock { $0 } }
    func add(_ value: Value) { self.values.withLock { $0.append(value) } }
}
