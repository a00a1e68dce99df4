package import TeleportCompress
import Dispatch
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Teleport
import TeleportEndpoint
import TeleportHTTP
import TeleportTransport

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Sends recorded traffic through a link, a real one between two ends in this process, and counts what it carries.
///
/// Requests leave in waves, as many as there are in a batch; when all answers are back, the next wave leaves.
package struct LinkReplay: Sendable {
    package let codec: CompressionCodec
    /// Messages in a batch, each way.
    package let batch: Int

    package init(codec: CompressionCodec, batch: Int) {
        self.codec = codec
        self.batch = batch
    }

    /// What a replay came to.
    package struct Outcome: Sendable {
        /// At the socket, the handshake included.
        package var link = Volume()
        /// CPU of both ends together, the kernel's part included, for one exchange, in µs.
        package var microseconds = 0.0
    }

    /// An answer was not the one that was recorded: the replay says nothing.
    package struct Mismatch: Error, CustomStringConvertible {
        package let description: String
    }

    /// - Parameter progress: told after each wave how many exchanges were made of how many.
    package func run(
        _ traffic: RecordedTraffic, progress: @Sendable (Int, Int) -> Void = { _, _ in }
    ) async throws -> Outcome {
        let counters = TrafficCounters()
        let exchanges = traffic.exchanges
        let next = Atomic(0)
        let server = TeleportServer(
            configuration: self.serverConfiguration(), limits: Self.limits, addsDate: false, placement: .eventLoop
        ) { request, _ in
            // A wave is handled in its order; a body that is still coming changes nothing about that.
            let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
            _ = try await request.body.collect(upTo: .max)
            return exchanges[index % exchanges.count].response
        }
        let address = try await server.start()[0]
        var configuration = ClientConfiguration(address: address, logger: Self.logger)
        configuration.wire = .v1
        configuration.compression = self.codec
        configuration.traffic = counters
        configuration.timeout = .minutes(5)
        configuration.limits.maxPending = Swift.max(self.batch, configuration.limits.maxPending)
        configuration.maxOutboundBytes = .max
        configuration.maxHeadSize = Self.limits.headSizeOnWire
        // As a proxy sends it.
        let client = RPCClient(
            codec: HTTPCodec(limits: Self.limits, via: Via("httptp"), addsDate: false), configuration: configuration)
        let outcome: Outcome
        do {
            outcome = try await client.withLoop {
                try await self.exchange(exchanges, through: client, counters, progress)
            }
        } catch {
            await client.shutDown(limit: .zero)
            await server.shutDown(limit: .zero)
            throw error
        }
        await client.shutDown(limit: .seconds(5))
        await server.shutDown(limit: .seconds(5))
        return outcome
    }

    private func exchange(
        _ exchanges: [RecordedExchange], through client: RPCClient<HTTPCodec>, _ counters: TrafficCounters,
        _ progress: @Sendable (Int, Int) -> Void
    ) async throws -> Outcome {
        let start = Self.cpuTime()
        for first in stride(from: 0, to: exchanges.count, by: self.batch) {
            let wave = exchanges[first..<Swift.min(first + self.batch, exchanges.count)]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for exchange in wave {
                    group.addTask {
                        let answer = try await client.call(exchange.request)
                        let body = try await answer.body.collect(upTo: .max)
                        try Self.check(answer, body, against: exchange)
                    }
                }
                try await group.waitForAll()
            }
            progress(wave.endIndex, exchanges.count)
        }
        let seen = counters.snapshot
        return Outcome(
            link: Volume(requests: seen.bytesWritten, responses: seen.bytesRead),
            microseconds: Double(Self.cpuTime() - start) / 1000 / Double(exchanges.count))
    }

    private static func check(_ answer: Response, _ body: ByteBuffer, against exchange: RecordedExchange) throws {
        guard answer.status == exchange.response.status, body == exchange.response.body.buffer ?? ByteBuffer() else {
            throw Mismatch(
                description: """
                    \(exchange.request.method) \(exchange.request.target) came back as \(answer.status) with \
                    \(body.readableBytes) bytes, and not as it was recorded.
                    """)
        }
    }

    private func serverConfiguration() -> ServerConfiguration {
        var configuration = ServerConfiguration(
            addresses: [.tcp(host: "127.0.0.1", port: 0)], logger: Self.logger)
        configuration.wire = .v1
        configuration.compression = self.codec
        configuration.maxConcurrent = Swift.max(self.batch, configuration.maxConcurrent)
        configuration.limits.maxConcurrent = Swift.max(self.batch, configuration.limits.maxConcurrent)
        return configuration
    }

    /// Traffic that somebody else accepted.
    private static let limits = HTTPLimits(maxBodySize: 1 << 30)
    private static let logger = Logger(label: "estimate") { _ in SwiftLogNoOpLogHandler() }

    /// CPU of this process so far, in nanoseconds.
    private static func cpuTime() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Int(time.tv_sec) * 1_000_000_000 + Int(time.tv_nsec)
    }
}
