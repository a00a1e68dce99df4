import TeleportReport
import NIOCore
import NIOPosix
import Teleport
import TeleportMeter

/// The same traffic through a relay that counts, for a moment of its own: the measured run pays nothing for it.
struct RelayedRun: Sendable {
    let setup: Setup
    let workload: Workload
    let target: TransportAddress

    struct Outcome: Sendable {
        /// A request, and its answer, on the wire.
        var bytes = Figures.Directions()
        var recording = ByteMeter.Recording()
    }

    /// - Parameters:
    ///   - seconds: how long it is counted.
    ///   - recordedBytes: how many bytes of each direction are kept, connecting and shaking hands included.
    func run(seconds: Double = 0.5, recording recordedBytes: Int = 0) async throws -> Outcome {
        let meter = ByteMeter(recording: recordedBytes)
        let address = self.target.transport.freshAddress()
        return try await withLoops(2) { loops in
            let relay = try await meter.start(at: address, to: self.target, group: loops[0])
            let client = try self.setup.makeClient(self.workload, to: relay.address, on: loops[1])
            let driver = CallDriver(client, self.workload, self.setup)
            _ = try await driver.run(seconds: 0.2)
            let before = meter.count
            let run = try await driver.run(seconds: seconds)
            let after = meter.count
            await client.shutDown(limit: .seconds(2))
            await relay.close()
            let count = Double(Swift.max(1, run.count))
            return Outcome(
                bytes: .init(
                    request: Double(after.sent - before.sent) / count,
                    response: Double(after.received - before.received) / count),
                recording: meter.recording)
        }
    }
}

/// Runs `body` with event loops of its own, one thread each, which are gone when it returns.
func withLoops<Value: Sendable>(
    _ count: Int, _ body: @Sendable ([any EventLoop]) async throws -> Value
) async throws -> Value {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: count)
    do {
        let value = try await body((0..<count).map { _ in group.next() })
        try await group.shutdownGracefully()
        return value
    } catch {
        try? await group.shutdownGracefully()
        throw error
    }
}
