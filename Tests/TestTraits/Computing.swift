import Dispatch
public import Testing

/// For tests that compute for longer than a tenth of a second without waiting for anything.
///
/// Tests run on the threads of Swift's concurrency pool, of which there are as many as processors. Two such tests would keep
/// both of a small machine, and every other test would get its next turn when they are done: late enough to miss its
/// deadlines. With this trait a test has a thread of its own instead, and the operating system shares the processors out.
public struct Computing: TestTrait, SuiteTrait, TestScoping {
    public var isRecursive: Bool { true }

    public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        guard testCase != nil else { return try await function() }
        try await withTaskExecutorPreference(OwnThread(), operation: function)
    }
}

extension Trait where Self == Computing {
    /// The test computes for long: it gets a thread of its own.
    public static var computing: Self { Computing() }
}

/// A serial queue: Dispatch gives those a thread each, beyond the number of processors.
private final class OwnThread: TaskExecutor {
    private let queue = DispatchQueue(label: "computing test")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
