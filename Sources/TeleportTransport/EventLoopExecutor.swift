public import NIOCore
internal import Synchronization

/// Runs Swift tasks on a NIO event loop.
///
/// A task that prefers this executor runs where its connection lives: no thread hop between a call, its bytes and its
/// answer. Never block in such a task, and keep it short: everything else on the loop waits for it.
///
/// Jobs are queued here and run in batches, one wake-up of the loop a batch; none where a connection of the loop is being
/// read, behind which they run.
public final class EventLoopExecutor: TaskExecutor {
    /// The loop that the jobs run on.
    public let eventLoop: any EventLoop
    private let queue = Mutex(Queue())

    private struct Queue {
        var jobs: [UnownedJob] = []
        var isScheduled = false
    }

    public init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let mustSchedule = self.queue.withLock { queue in
            queue.jobs.append(job)
            defer { queue.isScheduled = true }
            return !queue.isScheduled
        }
        if mustSchedule { self.perform(self.runBatch) }
    }

    /// Does `work` on the loop, soon and never before this returns: behind the bytes that a connection of the loop is looking
    /// at, so that what comes of it leaves with the answers to those, or in a turn of the loop. From any thread.
    public func perform(_ work: @escaping @Sendable () -> Void) {
        guard self.eventLoop.inEventLoop else { return self.eventLoop.execute(work) }
        LoopTurn.of(self.eventLoop).afterReading(work)
    }

    /// Runs what is queued now. What these jobs enqueue waits for the next batch, so the loop's sockets get their turn.
    @Sendable
    private func runBatch() {
        var jobs = self.takeQueue()
        self.run(&jobs)
        let mustScheduleAgain = self.queue.withLock { queue in
            guard queue.jobs.isEmpty else { return true }
            // The emptied array goes back: a steady load allocates no queue.
            queue.jobs = jobs
            queue.isScheduled = false
            return false
        }
        if mustScheduleAgain { self.perform(self.runBatch) }
    }

    private func takeQueue() -> [UnownedJob] {
        self.queue.withLock { queue in
            var jobs: [UnownedJob] = []
            swap(&jobs, &queue.jobs)
            return jobs
        }
    }

    /// Runs the jobs and empties the array, which keeps its memory.
    private func run(_ jobs: inout [UnownedJob]) {
        let executor = self.asUnownedTaskExecutor()
        for job in jobs { job.runSynchronously(on: executor) }
        jobs.removeAll(keepingCapacity: true)
    }
}
