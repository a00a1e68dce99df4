import ArgumentParser
import TeleportReport
import NIOCore
import NIOPosix
import Synchronization
import Teleport
import TeleportTransport

/// `teleport-bench count`.
struct Count: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes a fixed number of calls in memory, both ends on one thread, and counts heap allocations.",
        discussion: """
            The same work each time, whatever the machine does meanwhile: Scripts/gate runs it under callgrind, with two \
            numbers of calls, and takes the difference for what one call costs in instructions.
            """)

    @OptionGroup(title: "Work") var work: WorkloadOptions
    @OptionGroup(title: "Both ends") var link: LinkOptions
    @OptionGroup(title: "Client") var load: LoadOptions
    @Option(help: "Calls that are made before anything is counted.") var warmUp = 2000
    @Option(help: "Calls that are counted.") var requests = 10_000
    @Flag(help: "Print one JSON object.") var json = false

    func validate() throws {
        guard self.warmUp >= 0, self.requests > 0 else { throw ValidationError("--requests is positive.") }
    }

    /// Whichever thread let go of it last would free it, or be overtaken by the end of the process: callgrind would count it
    /// in one run and not in the next.
    private static let kept = Mutex<Workload?>(nil)

    func run() throws {
        let workload = try self.work.load()
        Self.kept.withLock { $0 = workload }
        var setup = try self.link.setup()
        self.load.apply(to: &setup)
        setup.transport = .memory
        // Never shut down: that would need the concurrency pool.
        let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
        let finished = setup
        try Waiting.wait(on: EventLoopExecutor(eventLoop: loop)) { () async throws in
            let counted = try await self.count(finished, workload, on: loop)
            self.report(finished, workload, counted)
        }
    }

    private func report(_ setup: Setup, _ workload: Workload, _ counted: (allocations: Double, bytes: Double)) {
        if self.json {
            let members: [JSON.Member] = [
                .init("requests", .integer(self.requests)),
                .init("allocations_per_request", .number(counted.allocations)),
                .init("allocated_bytes_per_request", .number(counted.bytes)),
            ]
            print("\(JSON.object(setup.json(workload.name) + members))")
        } else {
            print(
                """
                \(setup.title(workload.name)), both ends on one thread
                  \(counted.allocations) heap allocations a call, of \(counted.bytes) bytes together
                """)
        }
    }

    private func count(
        _ setup: Setup, _ workload: Workload, on loop: any EventLoop
    ) async throws -> (allocations: Double, bytes: Double) {
        let server = try setup.makeServer(workload, at: setup.transport.freshAddress(), on: loop)
        guard let address = try await server.start().first else { throw BenchError("The server does not listen.") }
        let client = try setup.makeClient(workload, to: address, on: loop)
        let driver = CallDriver(client, workload, setup)
        _ = try await driver.run(count: self.warmUp)
        let counted = try await AllocationCount.measure { try await driver.run(count: self.requests).count }
        await client.shutDown(limit: .seconds(2))
        await server.shutDown(limit: .seconds(2))
        return counted
    }
}
