import TeleportReport
import NIOCore
import Teleport

/// The client's half of a run whose server is another process.
struct TwoProcessRun: Sendable {
    let setup: Setup
    let workload: Workload
    let address: TransportAddress

    func figures() async throws -> Figures {
        try await withLoops(1) { loops in
            let client = try self.setup.makeClient(self.workload, to: self.address, on: loops[0])
            let driver = CallDriver(client, self.workload, self.setup)
            do {
                _ = try await driver.run(seconds: Swift.min(1, self.setup.seconds / 2))
            } catch let error as RPCError {
                throw BenchError(
                    """
                    \(error)
                    Is `teleport-bench serve` listening there, with --tls if and only if --ca is given here?
                    """)
            }
            var figures = try await self.measure(driver)
            try await self.countAllocations(driver, into: &figures)
            await client.shutDown(limit: .seconds(2))
            figures.wireBytes = try await RelayedRun(
                setup: self.setup, workload: self.workload, target: self.address
            ).run().bytes
            return figures
        }
    }

    private func measure(_ driver: CallDriver) async throws -> Figures {
        let serverBefore = try await ServerBook.ask(.usage, driver.client)
        let (cpuBefore, start) = (Resources.processCPU(), Resources.monotonicNanoseconds())
        let run = try await driver.run(seconds: self.setup.seconds)
        let elapsed = Double(Resources.monotonicNanoseconds() - start) / 1e9
        let clientCPU = Resources.processCPU() - cpuBefore
        let serverAfter = try await ServerBook.ask(.usage, driver.client)

        let answered = Swift.max(1, serverAfter.requests - serverBefore.requests)
        if answered > run.count + run.count / 100 {
            Notes.say("The server answered \(answered) requests, \(run.count) of them ours: others use it as well.")
        }
        var figures = Figures()
        let client = clientCPU / Double(Swift.max(1, run.count))
        // All that it answered, whoever asked.
        let server = (serverAfter.cpuMicroseconds - serverBefore.cpuMicroseconds) / Double(answered)
        figures.clientCPU = client
        figures.serverCPU = server
        figures.cpu = client + server
        figures.requestsPerSecond = Double(run.count) / elapsed
        figures.latency = run.latencies.figures
        figures.residentBytes = Resources.residentBytes() + serverAfter.residentBytes
        return figures
    }

    /// Both ends at the same time, each its own.
    private func countAllocations(_ driver: CallDriver, into figures: inout Figures) async throws {
        let before = try await ServerBook.ask(.countAllocations, driver.client)
        let (client, bytes) = try await AllocationCount.measure {
            try await driver.run(seconds: Swift.min(0.5, self.setup.seconds)).count
        }
        let after = try await ServerBook.ask(.stopCounting, driver.client)
        let server =
            Double(after.allocations - before.allocations) / Double(Swift.max(1, after.requests - before.requests))
        figures.clientAllocations = client
        figures.serverAllocations = server
        figures.allocations = client + server
        figures.allocatedBytes = bytes
    }
}
