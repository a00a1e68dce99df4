import TeleportReport
import NIOCore
import Teleport
import TeleportMeter

/// What a codec has to work on: the bytes both ends send before compression, and how many messages are in a batch.
struct PlainTraffic: Sendable {
    struct Direction: Sendable {
        /// Some megabytes of what is sent.
        var bytes: ByteBuffer
        var bytesPerMessage: Double
        var messagesPerBatch: Double

        /// As many bytes as a batch has, and no more than a block may have.
        var batchBytes: Int {
            Swift.min(65536, Swift.max(1, Int((self.bytesPerMessage * self.messagesPerBatch).rounded())))
        }
    }

    var requests: Direction
    var responses: Direction

    /// Records the setup's traffic between a client and a server that do not compress, and counts the batches of ones
    /// that do.
    static func record(_ setup: Setup, _ workload: Workload) async throws -> PlainTraffic {
        let batches = try await self.messagesPerBatch(setup, workload)
        var plain = setup
        plain.codec = .none
        plain.tls = nil
        let setup = plain
        let address = setup.transport.freshAddress()
        let outcome = try await withLoops(1) { loops in
            let server = try setup.makeServer(workload, at: address, on: loops[0])
            guard let address = try await server.start().first else { throw BenchError("The server does not listen.") }
            let outcome = try await RelayedRun(setup: setup, workload: workload, target: address)
                .run(seconds: 0.2, recording: 4 << 20)
            await server.shutDown(limit: .seconds(2))
            return outcome
        }
        return PlainTraffic(
            requests: Direction(
                bytes: outcome.recording.sent, bytesPerMessage: outcome.bytes.request,
                messagesPerBatch: batches.requests),
            responses: Direction(
                bytes: outcome.recording.received, bytesPerMessage: outcome.bytes.response,
                messagesPerBatch: batches.responses))
    }

    /// How many messages go into one write at either end, with nothing in between.
    private static func messagesPerBatch(
        _ setup: Setup, _ workload: Workload
    ) async throws -> (requests: Double, responses: Double) {
        let address = setup.transport.freshAddress()
        return try await withLoops(2) { loops in
            let counters = (client: TrafficCounters(), server: TrafficCounters())
            let server = try setup.makeServer(workload, at: address, on: loops[0], traffic: counters.server)
            guard let address = try await server.start().first else { throw BenchError("The server does not listen.") }
            let client = try setup.makeClient(workload, to: address, on: loops[1], traffic: counters.client)
            let driver = CallDriver(client, workload, setup)
            _ = try await driver.run(seconds: 0.1)
            let before = (client: counters.client.snapshot.writeCalls, server: counters.server.snapshot.writeCalls)
            let count = Double(try await driver.run(seconds: 0.2).count)
            let after = (client: counters.client.snapshot.writeCalls, server: counters.server.snapshot.writeCalls)
            await client.shutDown(limit: .seconds(2))
            await server.shutDown(limit: .seconds(2))
            return (
                count / Double(Swift.max(1, after.client - before.client)),
                count / Double(Swift.max(1, after.server - before.server))
            )
        }
    }
}
