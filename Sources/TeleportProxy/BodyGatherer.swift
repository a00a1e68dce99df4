internal import NIOCore
internal import Synchronization
internal import Teleport

/// Takes a body out of its pipe for those who need all of it at once, or more of it than there is.
///
/// It lives on a loop as the consumer of the pipe, and tells its outcome there, once.
final class BodyGatherer: Sendable {
    enum Outcome: Sendable {
        /// All of it.
        case whole(ByteBuffer, trailers: Fields?)
        /// Enough: the pipe can go on, with what was taken in front again.
        case goesOn
        /// It broke off, or was given up.
        case failed(RPCError)
        /// There is more of it than is accepted.
        case tooLarge
        /// There is no memory for more of it.
        case noRoom
    }

    private struct State {
        var bytes = ByteBuffer()
        /// Counted against ``budget``.
        var held = 0
        var completion: (@Sendable (Outcome) -> Void)?
    }

    private let pipe: BodyPipe
    private let eventLoop: any EventLoop
    private let limit: Int
    private let budget: GatheredBytes?
    private let isEnough: @Sendable (Int) -> Bool
    private let state: Mutex<State>

    /// - Parameters:
    ///   - limit: bytes that are accepted.
    ///   - budget: what all bodies of the process are counted against while they are not complete.
    ///   - isEnough: whether the body may go on with so many bytes here.
    init(
        _ pipe: BodyPipe, on eventLoop: any EventLoop, limit: Int, budget: GatheredBytes? = nil,
        isEnough: @escaping @Sendable (Int) -> Bool = { _ in false },
        completion: @escaping @Sendable (Outcome) -> Void
    ) {
        self.pipe = pipe
        self.eventLoop = eventLoop
        self.limit = limit
        self.budget = budget
        self.isEnough = isEnough
        self.state = Mutex(State(completion: completion))
    }

    func start() {
        self.pipe.attach(.consumer(on: self.eventLoop) { self.take() })
        if self.eventLoop.inEventLoop { self.take() } else { self.eventLoop.execute { self.take() } }
    }

    /// Nobody needs it any more.
    func cancel() {
        self.pipe.cancel()
        self.complete(.failed(RPCError(.cancelled, "The body is not needed any more.")))
    }

    private func take() {
        while self.isUnderWay {
            switch self.pipe.next() {
            case nil:
                return
            case .piece(let piece):
                self.append(piece)
            case .end(let trailers):
                self.complete(.whole(self.state.withLock { $0.bytes }, trailers: trailers as? Fields))
            case .failed(let error):
                self.complete(.failed(error))
            }
        }
    }

    private var isUnderWay: Bool { self.state.withLock { $0.completion != nil } }

    private func append(_ piece: ByteBuffer) {
        let (count, hasRoom) = self.state.withLock { state -> (Int?, Bool) in
            guard state.completion != nil else { return (nil, true) }
            state.bytes.writeImmutableBuffer(piece)
            state.held += piece.readableBytes
            return (state.bytes.readableBytes, self.budget?.take(piece.readableBytes) ?? true)
        }
        guard let count else { return }
        if !hasRoom {
            self.pipe.cancel()
            self.complete(.noRoom)
        } else if count > self.limit {
            self.pipe.cancel()
            self.complete(.tooLarge)
        } else if self.isEnough(count) {
            self.pipe.putBack(self.state.withLock { $0.bytes })
            self.complete(.goesOn)
        }
    }

    private func complete(_ outcome: Outcome) {
        let (completion, held) = self.state.withLock { state in
            defer { state = State() }
            return (state.completion, state.held)
        }
        guard let completion else { return }
        self.budget?.giveBack(held)
        completion(outcome)
    }
}
