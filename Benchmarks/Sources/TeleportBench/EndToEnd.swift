import ArgumentParser
import CMallocCount
import Histogram
import NIOCore
import NIOPosix
import Synchronization
import Teleport
import TeleportCompress

/// Client and server in one process over loopback TCP, each on an event loop of its own.
///
/// Every request is encoded, framed, sent, parsed, handled, answered and checked.
struct EndToEnd: AsyncParsableCommand {
    enum Payload: String, ExpressibleByArgument, CaseIterable { case hello, corpus }
    enum Placement: String, ExpressibleByArgument, CaseIterable { case loop, pool, sync }

    @Option(help: "The version of the protocol: v0 or v1.") var wire = "v1"
    @Option(help: "What is sent.") var payload = Payload.hello
    @Option(help: "Folder with rtb-requests.jsonl and rtb-responses.jsonl.") var corpus = "Benchmarks/Corpus"
    @Option(help: "Calls in flight, over all connections.") var inFlight = 100
    @Option(help: "Connections.") var connections = 1
    @Option(help: "Compression of both directions: none, flate, snappy, lz4 or zstd.") var codec = "none"
    @Option(help: "Level of flate, 1 to 9, or of zstd, 1 to 19.") var level: Int?
    @Option(help: "Batching delay in microseconds; 0 flushes once a turn of the loop.") var batchDelay = 0
    @Option(help: "Callers and handlers: async on the loop, async on the pool, or loop callers and a sync handler.")
    var placement = Placement.loop
    @Option(help: "Seconds to measure.") var seconds = 3.0
    @Flag(help: "Print one JSON object.") var json = false

    func validate() throws {
        guard self.version != nil else { throw ValidationError("--wire is v0 or v1.") }
        guard self.inFlight > 0, self.connections > 0, self.seconds > 0, self.batchDelay >= 0 else {
            throw ValidationError(
                "--in-flight, --connections and --seconds are positive, --batch-delay is not negative.")
        }
    }

    func run() async throws {
        let workload = self.payload == .hello ? .hello() : try Workload.corpus(directory: self.corpus)
        let compression = try self.compression()
        let serverGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let clientGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let server = self.makeServer(workload, compression, serverGroup)
        guard let address = try await server.start().first else { throw BenchError("The server does not listen.") }

        var result = try await self.measure(workload, compression, address, clientGroup, serverGroup)
        result.wireBytes = try await self.wireBytes(workload, compression, address, clientGroup)
        await server.shutDown(limit: .seconds(2))
        print(self.json ? result.json(self) : result.text(self))
        try await clientGroup.shutdownGracefully()
        try await serverGroup.shutdownGracefully()
    }

    private func compression() throws -> CompressionCodec {
        guard let level = self.level else { return try CompressionCodec(name: self.codec) }
        switch self.codec {
        case "flate": return try .flate(level: level)
        case "zstd": return try .zstd(level: level)
        default: throw ValidationError("--level is for flate and zstd.")
        }
    }

    private var version: WireVersion? { self.wire == "v0" ? .v0 : self.wire == "v1" ? .v1 : nil }

    private func makeServer(
        _ workload: Workload, _ compression: CompressionCodec, _ group: any EventLoopGroup
    ) -> TeleportServer {
        var configuration = ServerConfiguration(addresses: [.tcp(host: "127.0.0.1", port: 0)])
        configuration.compression = compression
        configuration.eventLoopGroup = group
        configuration.maxConcurrent = Swift.max(10_000, self.inFlight)
        configuration.limits.maxConcurrent = configuration.maxConcurrent
        configuration.batching.delay = .microseconds(Int64(self.batchDelay))
        switch self.placement {
        case .sync:
            return TeleportServer(
                configuration: configuration, immediate: { request, _ in workload.answer(to: request) },
                handler: { request, _ in workload.answer(to: request) })
        case .loop, .pool:
            return TeleportServer(
                configuration: configuration, placement: self.placement == .pool ? .pool : .eventLoop,
                handler: { request, _ in workload.answer(to: request) })
        }
    }

    private func makeClient(
        _ compression: CompressionCodec, _ address: TransportAddress, _ group: any EventLoopGroup
    ) -> TeleportClient {
        var configuration = ClientConfiguration(address: address)
        configuration.compression = compression
        configuration.eventLoopGroup = group
        configuration.connections = self.connections
        configuration.wire = self.version ?? .v1
        configuration.limits.maxPending = Swift.max(1000, self.inFlight)
        configuration.timeout = .seconds(30)
        configuration.batching.delay = .microseconds(Int64(self.batchDelay))
        return TeleportClient(configuration: configuration)
    }

    private func measure(
        _ workload: Workload, _ compression: CompressionCodec, _ address: TransportAddress,
        _ clientGroup: MultiThreadedEventLoopGroup, _ serverGroup: MultiThreadedEventLoopGroup
    ) async throws -> Result {
        let client = self.makeClient(compression, address, clientGroup)
        // Warm up: connections, buffers, tables, code.
        _ = try await self.drive(client, workload, seconds: Swift.min(1, self.seconds / 2))

        var result = Result()
        let clientLoop = clientGroup.next()
        let serverLoop = serverGroup.next()
        let cpuBefore = Resources.processCPU()
        let clientBefore = try await clientLoop.submit { Resources.threadCPU() }.get()
        let serverBefore = try await serverLoop.submit { Resources.threadCPU() }.get()
        let start = Resources.monotonicNanoseconds()
        let run = try await self.drive(client, workload, seconds: self.seconds)
        let elapsed = Double(Resources.monotonicNanoseconds() - start) / 1e9
        let cpu = Resources.processCPU() - cpuBefore
        let clientCPU = try await clientLoop.submit { Resources.threadCPU() }.get() - clientBefore
        let serverCPU = try await serverLoop.submit { Resources.threadCPU() }.get() - serverBefore

        let count = Double(run.count)
        result.requestsPerSecond = count / elapsed
        result.cpu = cpu / count
        if self.placement != .pool {
            result.clientCPU = clientCPU / count
            result.serverCPU = serverCPU / count
        }
        result.histogram = run.histogram
        result.residentBytes = Resources.residentBytes()

        let allocationsBefore = malloc_count_total()
        malloc_count_enable(1)
        let counted = try await self.drive(client, workload, seconds: 0.5)
        malloc_count_enable(0)
        result.allocations = Double(malloc_count_total() - allocationsBefore) / Double(counted.count)
        await client.shutDown(limit: .seconds(2))
        return result
    }

    /// The same traffic through a relay that counts.
    private func wireBytes(
        _ workload: Workload, _ compression: CompressionCodec, _ address: TransportAddress, _ group: any EventLoopGroup
    ) async throws -> (request: Double, response: Double) {
        let meter = ByteMeter()
        let relayGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let (relay, relayAddress) = try await meter.start(to: address, group: relayGroup)
        let client = self.makeClient(compression, relayAddress, group)
        _ = try await self.drive(client, workload, seconds: 0.2)
        let (sentBefore, receivedBefore) = (
            meter.upstream.load(ordering: .relaxed), meter.downstream.load(ordering: .relaxed)
        )
        let run = try await self.drive(client, workload, seconds: 0.5)
        let sent = Double(meter.upstream.load(ordering: .relaxed) - sentBefore)
        let received = Double(meter.downstream.load(ordering: .relaxed) - receivedBefore)
        await client.shutDown(limit: .seconds(2))
        try await relay.close()
        try await relayGroup.shutdownGracefully()
        return (sent / Double(run.count), received / Double(run.count))
    }

    struct Run: Sendable {
        var count = 0
        var histogram = Histogram<UInt64>(highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)
    }

    /// Keeps `inFlight` calls going for `seconds`.
    private func drive(_ client: TeleportClient, _ workload: Workload, seconds: Double) async throws -> Run {
        let deadline = Resources.monotonicNanoseconds() + UInt64(seconds * 1e9)
        let total = Total()
        let callers = self.inFlight
        @Sendable func callAll() async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for caller in 0..<callers {
                    group.addTask {
                        try await Self.call(
                            client, workload, first: caller &* 7919, deadline: deadline, total: total)
                    }
                }
                try await group.waitForAll()
            }
        }
        if self.placement == .pool {
            try await callAll()
        } else {
            try await client.withLoop { try await callAll() }
        }
        return total.run.withLock { $0 }
    }

    private static func call(
        _ client: TeleportClient, _ workload: Workload, first: Int, deadline: UInt64, total: Total
    ) async throws {
        var index = first % workload.requests.count
        // Short, so that a thousand callers do not sweep the caches with their notes.
        var latencies: [UInt64] = []
        latencies.reserveCapacity(16)
        var now = Resources.monotonicNanoseconds()
        while now < deadline {
            let response = try await client.execute(workload.requests[index])
            guard response.status == .ok, response.body.buffer == workload.answers[index].body.buffer else {
                throw BenchError("A wrong answer: \(response.status), \(response.body).")
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

    final class Total: Sendable {
        let run = Mutex(Run())

        func add(_ latencies: [UInt64]) {
            self.run.withLock { run in
                run.count += latencies.count
                for latency in latencies { run.histogram.record(latency) }
            }
        }
    }
}
