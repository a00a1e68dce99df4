internal import NIOCore
internal import NIOPosix

/// What is to be done on a loop as soon as a connection has looked at the bytes that just came: in front of the flush that
/// ends its reading, so that what comes of it leaves at once, and the loop is not asked for a turn of its own.
///
/// Where nothing is being read, the loop is asked. Confined to its loop.
final class LoopTurn: Sendable {
    /// Not the closure itself, which an array would wrap in another.
    private struct Work {
        let run: @Sendable () -> Void
    }

    private struct State {
        var isReading = false
        var waiting: [Work] = []
        /// Kept for its memory.
        var due: [Work] = []
    }

    private let eventLoop: any EventLoop
    private let state: NIOLoopBoundBox<State>

    private init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        self.state = NIOLoopBoundBox(State(), eventLoop: eventLoop)
    }

    private static let current = ThreadSpecificVariable<LoopTurn>()

    /// That of a loop. Call on the loop.
    static func of(_ eventLoop: any EventLoop) -> LoopTurn {
        // Loops made for tests share a thread.
        if let turn = self.current.currentValue, turn.eventLoop === eventLoop { return turn }
        let turn = LoopTurn(eventLoop)
        self.current.currentValue = turn
        return turn
    }

    /// Does `work` behind the reading, or in a turn of the loop.
    func afterReading(_ work: @escaping @Sendable () -> Void) {
        guard self.state.value.isReading else { return self.eventLoop.execute(work) }
        self.state.value.waiting.append(Work(run: work))
    }

    /// A connection has received bytes.
    func readingBegan() { self.state.value.isReading = true }

    /// It has looked at all of them. What is added meanwhile waits for a turn of the loop: sockets have theirs first.
    func readingEnded() {
        self.state.value.isReading = false
        guard !self.state.value.waiting.isEmpty else { return }
        var due: [Work] = []
        swap(&due, &self.state.value.due)
        swap(&due, &self.state.value.waiting)
        for work in due { work.run() }
        due.removeAll(keepingCapacity: true)
        swap(&due, &self.state.value.due)
    }

    /// It is closed, maybe while it looks at them: what waits has a turn of the loop.
    func readingBrokeOff() {
        self.state.value.isReading = false
        let waiting = self.state.value.waiting
        self.state.value.waiting.removeAll()
        for work in waiting { self.eventLoop.execute(work.run) }
    }
}
