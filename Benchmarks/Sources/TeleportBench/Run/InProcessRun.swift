import TeleportReport
import NIOCore
import Teleport

/// Client and server in one process, each on an event loop of its own.
///
/// Every request is encoded, framed, sent, parsed, handled, answered and checked.
struct InProcessRun: Sendable {
    let setup: Setup
    let workload: Workload

    init(_ setup: Setup, _ workload: Workload) {
        self.setup = setup
        self.workload = workload
    }

    /// Everything there is to measure.
    ///
    /// - Parameter withFloor: whether the floor is measured right after it, for a third of the time.
    func figures(withFloor: Bool) async throws -> Figures {
        let address = self.setup.transport.freshAddress()
        var figures = try await withLoops(2) { loops in
            let server = try self.setup.makeServer(self.workload, at: address, on: loops[0])
            guard let address = try await server.start().first else { throw BenchError("The server does not listen.") }
            do {
                var figures = try await self.measure(at: address, client: loops[1], server: loops[0])
                let relayed = RelayedRun(setup: self.setup, workload: self.workload, target: address)
                // A level that follows the load is not the same through a relay, nor in a moment.
                if self.setup.codecBudget == nil, self.setup.rate == nil {
                    figures.wireBytes = try await relayed.run().bytes
                }
                await server.shutDown(limit: .seconds(2))
                return figures
            } catch {
                await server.shutDown(limit: .zero)
                throw error
            }
        }
        if withFloor {
            figures.floor = try await FloorRun(self.setup, self.workload, wireBytes: figures.wireBytes).floor()
        }
        return figures
    }

    private func measure(
        at address: TransportAddress, client clientLoop: any EventLoop, server serverLoop: any EventLoop
    ) async throws -> Figures {
        let traffic = TrafficCounters()
        let client = try self.setup.makeClient(self.workload, to: address, on: clientLoop, traffic: traffic)
        let driver = CallDriver(client, self.workload, self.setup)
        // Connections, buffers, tables, code; and time to find a level.
        _ = try await driver.run(seconds: self.setup.codecBudget == nil ? Swift.min(1, self.setup.seconds / 2) : 4)

        var figures = Figures()
        let before = traffic.snapshot
        let cpuBefore = Resources.processCPU()
        let clientBefore = try await clientLoop.submit { Resources.threadCPU() }.get()
        let serverBefore = try await serverLoop.submit { Resources.threadCPU() }.get()
        let start = Resources.monotonicNanoseconds()
        let run = try await driver.run(seconds: self.setup.seconds)
        let elapsed = Double(Resources.monotonicNanoseconds() - start) / 1e9
        let cpu = Resources.processCPU() - cpuBefore
        let clientCPU = try await clientLoop.submit { Resources.threadCPU() }.get() - clientBefore
        let serverCPU = try await serverLoop.submit { Resources.threadCPU() }.get() - serverBefore

        let after = traffic.snapshot
        let count = Double(Swift.max(1, run.count))
        figures.wireBytes = Figures.Directions(
            request: Double(after.bytesWritten - before.bytesWritten) / count,
            response: Double(after.bytesRead - before.bytesRead) / count)
        figures.requestsPerSecond = count / elapsed
        figures.cpu = cpu / count
        // On the pool nobody can tell whose work a thread does.
        if self.setup.placement != .pool {
            figures.clientCPU = clientCPU / count
            figures.serverCPU = serverCPU / count
        }
        figures.latency = run.latencies.figures
        figures.residentBytes = Resources.residentBytes()
        (figures.allocations, figures.allocatedBytes) = try await AllocationCount.measure {
            try await driver.run(seconds: Swift.min(0.5, self.setup.seconds)).count
        }
        await client.shutDown(limit: .seconds(2))
        return figures
    }
}
