/// Said once: stop. Whoever waits for it, in however many tasks, goes on.
package final class StopSignal: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    package init() { (self.stream, self.continuation) = AsyncStream.makeStream(of: Void.self) }

    /// Returns once ``stop()`` was called, or the task is cancelled, which is taken for a stop.
    package func wait() async {
        for await _ in self.stream {}
    }

    package func stop() { self.continuation.finish() }
}
