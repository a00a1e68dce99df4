internal import Synchronization

/// Runs one thing after the other, in the order they were asked for.
final class SerialTasks: Sendable {
    private let last = Mutex<Task<Void, Never>?>(nil)

    /// Waits for what was asked for before, then runs `body`.
    func run<Value: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let task = self.last.withLock { last in
            let before = last
            let task = Task { () -> Result<Value, Failure> in
                await before?.value
                do throws(Failure) { return .success(try await body()) } catch { return .failure(error) }
            }
            last = Task { _ = await task.value }
            return task
        }
        return try await task.value.get()
    }
}
