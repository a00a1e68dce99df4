import TeleportReport
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Teleport

/// As many messages, as many bytes each way, as many in flight, as often written: by SwiftNIO and nothing else.
///
/// A client writes requests in one buffer a turn of its loop; the server, for as many as it has the bytes of, writes
/// the bytes of the answers. Nobody looks into them. With TLS, NIOSSL is in between, as it is in the run.
struct EchoFloor: Sendable {
    let setup: Setup
    let requestBytes: Int
    let responseBytes: Int

    init(_ setup: Setup, requestBytes: Int, responseBytes: Int) {
        self.setup = setup
        self.requestBytes = requestBytes
        self.responseBytes = responseBytes
    }

    func run(seconds: Double) async throws -> Figures.Floor {
        try await withLoops(2) { loops in
            let tally = EchoTally()
            let server = try await self.listen(on: loops[0])
            var channels: [any Channel] = []
            for connection in 0..<self.setup.connections {
                // What does not divide goes to the first.
                let extra = connection < self.setup.inFlight % self.setup.connections ? 1 : 0
                let inFlight = self.setup.inFlight / self.setup.connections + extra
                guard inFlight > 0 else { continue }
                channels.append(try await self.connect(server, inFlight: inFlight, tally, on: loops[1]))
            }
            try await Self.waitForAnswers(on: channels.count, tally)
            try await Self.wait(Swift.max(0.1, Swift.min(0.5, seconds / 3)))
            let before = tally.reset()
            let (cpuBefore, start) = (Resources.processCPU(), Resources.monotonicNanoseconds())
            try await Self.wait(seconds)
            let after = tally.now
            let elapsed = Double(Resources.monotonicNanoseconds() - start) / 1e9
            let cpu = Resources.processCPU() - cpuBefore
            for channel in channels { try? await channel.close() }
            try? await server.close()
            if let failure = tally.failure { throw BenchError("The raw echo failed: \(failure).") }
            let count = Double(Swift.max(1, after.count - before))
            return Figures.Floor(
                echoCPU: cpu / count, codecCPU: 0, requestsPerSecond: count / elapsed,
                latency: after.latencies.figures)
        }
    }

    /// All hands are shaken then, those of TLS too.
    private static func waitForAnswers(on connections: Int, _ tally: EchoTally) async throws {
        for _ in 0..<6000 where tally.failure == nil && tally.now.connections < connections {
            try await Self.wait(0.005)
        }
    }

    private static func wait(_ seconds: Double) async throws {
        try await Task.sleep(for: .milliseconds(Int(seconds * 1000)))
    }

    private func listen(on loop: any EventLoop) async throws -> any Channel {
        let context = try self.setup.tls.map { files in
            try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: NIOSSLCertificate.fromPEMFile(files.certificate).map { .certificate($0) },
                    privateKey: .privateKey(NIOSSLPrivateKey(file: files.key, format: .pem))))
        }
        let bootstrap = ServerBootstrap(group: loop)
            .serverChannelOption(.backlog, value: 1024)
            .childChannelOption(.recvAllocator, value: Self.reads)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if self.setup.transport == .tcp {
                        try channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1)
                    }
                    let pipeline = channel.pipeline.syncOperations
                    if let context { try pipeline.addHandler(NIOSSLServerHandler(context: context)) }
                    try pipeline.addHandler(
                        EchoEnd(
                            takes: self.requestBytes, gives: self.responseBytes, delay: self.setup.serverDelay,
                            first: 0, tally: nil))
                }
            }
        guard case .unix(let path) = self.setup.transport.freshAddress() else {
            return try await bootstrap.bind(host: "127.0.0.1", port: 0).get()
        }
        return try await bootstrap.bind(unixDomainSocketPath: path).get()
    }

    private func connect(
        _ server: any Channel, inFlight: Int, _ tally: EchoTally, on loop: any EventLoop
    ) async throws -> any Channel {
        let context = try self.setup.tls.map { files in
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.trustRoots = .file(files.certificate)
            return try NIOSSLContext(configuration: configuration)
        }
        let bootstrap = ClientBootstrap(group: loop)
            .channelOption(.recvAllocator, value: Self.reads)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if self.setup.transport == .tcp {
                        try channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1)
                    }
                    let pipeline = channel.pipeline.syncOperations
                    if let context {
                        try pipeline.addHandler(
                            NIOSSLClientHandler(context: context, serverHostname: CertificateFiles.serverName))
                    }
                    try pipeline.addHandler(
                        EchoEnd(
                            takes: self.responseBytes, gives: self.requestBytes, delay: self.setup.clientDelay,
                            first: inFlight, tally: tally))
                }
            }
        guard let address = server.localAddress else { throw BenchError("The raw echo's server does not listen.") }
        return try await bootstrap.connect(to: address).get()
    }

    private static let reads = AdaptiveRecvByteBufferAllocator(minimum: 2048, initial: 16384, maximum: 262_144)
}

/// What the clients of a raw echo count.
final class EchoTally: Sendable {
    struct State: Sendable {
        /// Connections that have had an answer.
        var connections = 0
        var count = 0
        var latencies = LatencyHistogram()
    }

    private let state = Mutex(State())
    private let broken = Mutex<(any Error)?>(nil)

    var now: State { self.state.withLock { $0 } }
    var failure: (any Error)? { self.broken.withLock { $0 } }

    func add(_ count: Int, nanoseconds: UInt64, isFirst: Bool) {
        self.state.withLock { state in
            if isFirst { state.connections += 1 }
            state.count += count
            state.latencies.add(nanoseconds, count: count)
        }
    }

    /// Forgets the latencies so far, and returns the count.
    func reset() -> Int {
        self.state.withLock { state in
            state.latencies = LatencyHistogram()
            return state.count
        }
    }

    func failed(_ error: any Error) { self.broken.withLock { $0 = $0 ?? error } }
}
