import NIOCore
import Synchronization
import Teleport

/// Keeps calls in flight, and checks and times every answer.
struct CallDriver: Sendable {
    let client: TeleportClient
    let workload: Workload
    let inFlight: Int
    /// Whether callers are on the concurrency pool instead of the connection's loop.
    let isOnPool: Bool
    /// Nanoseconds between two calls of one caller; `nil` if each follows its answer.
    let interval: UInt64?

    init(_ client: TeleportClient, _ workload: Workload, _ setup: Setup) {
        self.client = client
        self.workload = workload
        self.inFlight = setup.inFlight
        self.isOnPool = setup.placement == .pool
        self.interval = setup.rate.map { UInt64(1e9 * Double(setup.inFlight) / Double($0)) }
    }

    /// What came of it.
    struct Run: Sendable {
        var count = 0
        /// Nanoseconds.
        var latencies = LatencyHistogram()
    }

    /// Calls for `seconds`; returns when the last answer has come.
    func run(seconds: Double) async throws -> Run {
        let deadline = Resources.monotonicNanoseconds() + UInt64(seconds * 1e9)
        return try await self.run { now in now >= deadline }
    }

    /// Makes exactly so many calls.
    func run(count: Int) async throws -> Run {
        let left = Countdown(count)
        return try await self.run { _ in !left.take() }
    }

    /// - Parameter isOver: asked before each call, with the time.
    private func run(until isOver: @escaping @Sendable (UInt64) -> Bool) async throws -> Run {
        let total = Total()
        @Sendable func callAll() async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for caller in 0..<self.inFlight {
                    group.addTask { try await self.call(first: caller &* 7919, until: isOver, total: total) }
                }
                try await group.waitForAll()
            }
        }
        if self.isOnPool {
            try await callAll()
        } else {
            try await self.client.withLoop { try await callAll() }
        }
        return total.run.withLock { $0 }
    }

    private func call(
        first: Int, until isOver: @Sendable (UInt64) -> Bool, total: Total
    ) async throws {
        let workload = self.workload
        var index = first % workload.requests.count
        // Short, so that a thousand callers do not sweep the caches with their notes.
        var latencies: [UInt64] = []
        latencies.reserveCapacity(16)
        var now = Resources.monotonicNanoseconds()
        // Evenly between the turns of the others.
        var turn = now + (self.interval ?? 0) / UInt64(self.inFlight) * UInt64(first / 7919)
        while !isOver(now) {
            if let interval = self.interval {
                if turn > now { try await Task.sleep(nanoseconds: turn - now) }
                turn = Swift.max(turn, now) + interval
                now = Resources.monotonicNanoseconds()
            }
            let response = try await self.client.execute(workload.requests[index])
            if !self.isRight(response, at: index) {
                try await self.checkSlowly(response, workload.answers[index])
            }
            let after = Resources.monotonicNanoseconds()
            latencies.append(after - now)
            if latencies.count == 16 {
                total.add(latencies)
                latencies.removeAll(keepingCapacity: true)
            }
            now = after
            index += 1
            if index == workload.requests.count { index = 0 }
        }
        total.add(latencies)
    }

    /// The usual case; everything else the slow way. Not in the frame of the caller, which a thousand of them have.
    @inline(never)
    private func isRight(_ response: borrowing Response, at index: Int) -> Bool {
        guard let body = response.body.buffer else { return false }
        return response.status == .ok && body == self.workload.bodies[index]
    }

    /// A large body comes piece by piece, and what is wrong gets a sentence.
    private func checkSlowly(_ response: Response, _ expected: Response) async throws {
        let body = try await response.body.collect(upTo: Swift.max(65536, self.workload.largestBody))
        guard response.status == .ok, body == expected.body.buffer else {
            throw BenchError(
                """
                A wrong answer: status \(response.status), \(body.readableBytes) bytes. If the server is another \
                process, start it with the same --payload and --corpus.
                """)
        }
    }

    /// Calls that are left to be made.
    private final class Countdown: Sendable {
        private let left: Atomic<Int>
        init(_ count: Int) { self.left = Atomic(count) }
        func take() -> Bool { self.left.wrappingSubtract(1, ordering: .relaxed).newValue >= 0 }
    }

    private final class Total: Sendable {
        let run = Mutex(Run())

        func add(_ latencies: [UInt64]) {
            self.run.withLock { run in
                run.count += latencies.count
                for latency in latencies { run.latencies.add(latency) }
            }
        }
    }
}
