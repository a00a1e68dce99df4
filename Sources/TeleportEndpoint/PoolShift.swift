import Synchronization

/// What a task of a ``PoolLane`` has under way: one request after the other, each of which may be cancelled, from any
/// thread and also when it has ended, without harm to the next.
@usableFromInline
final class PoolShift: Sendable {
    private struct State: Sendable {
        var task: Task<Void, Never>?
        /// Which request it is, counted from 1.
        var number = 0
        var isIdle = true
        var isCancelled = false
    }

    private let state = Mutex(State())

    @usableFromInline
    init() {}

    /// Which task it is; it may be at work already.
    @usableFromInline
    func began(in task: Task<Void, Never>) {
        let isCancelled = self.state.withLock { state in
            state.task = task
            return state.isCancelled
        }
        if isCancelled { task.cancel() }
    }

    /// The task has another request.
    ///
    /// - Returns: its number, for ``cancel(_:)``.
    @usableFromInline
    func begin() -> Int {
        self.state.withLock { state in
            state.number += 1
            state.isIdle = false
            return state.number
        }
    }

    /// Its request was answered. False if the task was cancelled: then it may take no other.
    @usableFromInline
    func ended() -> Bool {
        self.state.withLock { state in
            state.isIdle = true
            return !state.isCancelled
        }
    }

    /// Cancels the task if it still has that request.
    @usableFromInline
    func cancel(_ number: Int) {
        let task = self.state.withLock { state -> Task<Void, Never>? in
            guard state.number == number, !state.isIdle else { return nil }
            state.isCancelled = true
            return state.task
        }
        task?.cancel()
    }
}
