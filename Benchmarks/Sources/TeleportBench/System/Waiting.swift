import Dispatch
import Synchronization

/// From the main thread to what is asynchronous. An asynchronous `main` would end the main thread, which callgrind does not
/// survive.
enum Waiting {
    /// Runs `body` in a task and waits for its end.
    ///
    /// - Parameter executor: where it runs. By default on the concurrency pool, whose threads never start under callgrind.
    static func wait<Failure: Error>(
        on executor: (any TaskExecutor)? = nil, _ body: @escaping @Sendable () async throws(Failure) -> Void
    ) throws(Failure) {
        let isOver = DispatchSemaphore(value: 0)
        let failure = Box<Failure>()
        Task(executorPreference: executor) {
            do throws(Failure) {
                try await body()
            } catch {
                failure.value.withLock { $0 = error }
            }
            isOver.signal()
        }
        isOver.wait()
        if let error = failure.value.withLock({ $0 }) { throw error }
    }

    private final class Box<Failure: Error>: Sendable {
        let value = Mutex<Failure?>(nil)
    }
}
