import Dispatch
import NIOCore
import NIOEmbedded
import NIOPosix
import Synchronization
import TeleportTransport
import Testing

@Suite("Tasks on an event loop", .timeLimit(.minutes(10)))
struct EventLoopExecutorTests {
    @Test("a task that prefers the executor runs on its loop, also after it waited elsewhere")
    func runsOnLoop() async {
        let loop = EventLoops.shared.next()
        let executor = EventLoopExecutor(eventLoop: loop)
        await withTaskExecutorPreference(executor) {
            #expect(loop.inEventLoop)
            await Task.detached {}.value
            #expect(loop.inEventLoop)
            await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<10 { group.addTask { loop.inEventLoop } }
                for await isOnLoop in group { #expect(isOnLoop) }
            }
        }
    }

    @Test("jobs that are queued together cost one wake-up of the loop")
    func batches() async {
        let loop = CountingLoop()
        let executor = EventLoopExecutor(eventLoop: loop)
        for _ in 0..<10 { Task(executorPreference: executor) {} }
        #expect(loop.executions == 1)
        loop.run()
        #expect(loop.executions == 1)
    }

    @Test("jobs that jobs queue wait for the next batch, so the loop's sockets get their turn")
    func nextBatch() async {
        let loop = CountingLoop()
        let executor = EventLoopExecutor(eventLoop: loop)
        let inner = Counter()
        await withTaskGroup(of: Void.self) { group in
            group.addTask(executorPreference: executor) {
                for _ in 0..<5 {
                    Task(executorPreference: executor) { inner.increment() }
                }
                #expect(inner.value == 0)
            }
            loop.runOnce()
            #expect(loop.executions == 2)
            #expect(inner.value == 0)
            loop.runOnce()
            #expect(inner.value == 5)
        }
    }

    @Test("jobs from many threads all run, on the loop")
    func manyThreads() async {
        let loop = EventLoops.shared.next()
        let executor = EventLoopExecutor(eventLoop: loop)
        let count = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var count = 0
                    for _ in 0..<500 {
                        count += await Task(executorPreference: executor) { loop.inEventLoop ? 1 : 0 }.value
                    }
                    return count
                }
            }
            return await group.reduce(0, +)
        }
        #expect(count == 4000)
    }

    @Test("the loop of the thread is known on a loop, and only there")
    func current() async throws {
        let loop = EventLoops.shared.next()
        #expect(try await loop.submit { EventLoops.current === loop }.get())
        #expect(await Task.detached { EventLoops.current == nil }.value)
    }
}

/// A number that threads share.
final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    var value: Int { self.count.load(ordering: .relaxed) }
    func increment() { self.count.add(1, ordering: .relaxed) }
}

/// A loop that counts how often it is asked to run something, and runs only when told.
final class CountingLoop: EventLoop, @unchecked Sendable {
    private let queue = Mutex<[@Sendable () -> Void]>([])
    private let count = Atomic<Int>(0)
    private let base = EmbeddedEventLoop()

    var executions: Int { self.count.load(ordering: .relaxed) }

    /// Runs what is queued now, not what that queues.
    func runOnce() {
        let jobs = self.queue.withLock { jobs in
            defer { jobs = [] }
            return jobs
        }
        for job in jobs { job() }
    }

    func run() {
        while self.queue.withLock({ !$0.isEmpty }) { self.runOnce() }
    }

    var inEventLoop: Bool { true }
    func execute(_ task: @escaping @Sendable () -> Void) {
        self.count.add(1, ordering: .relaxed)
        self.queue.withLock { $0.append(task) }
    }

    @discardableResult
    func scheduleTask<T>(deadline: NIODeadline, _ task: @escaping @Sendable () throws -> T) -> Scheduled<T> {
        self.base.scheduleTask(deadline: deadline, task)
    }

    @discardableResult
    func scheduleTask<T>(in time: TimeAmount, _ task: @escaping @Sendable () throws -> T) -> Scheduled<T> {
        self.base.scheduleTask(in: time, task)
    }

    func shutdownGracefully(queue: DispatchQueue, _ callback: @escaping @Sendable ((any Error)?) -> Void) {
        callback(nil)
    }
}
