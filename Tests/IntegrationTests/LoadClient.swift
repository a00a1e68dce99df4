import NIOCore
import NIOPosix
import Synchronization
import Teleport

/// A thousand requests a second over keep-alive connections, each a strict client that counts what becomes of its
/// requests.
///
/// A connection that the server ends in an orderly way, between two requests, is made anew: that loses nothing. A request
/// that was written and gets no whole answer is lost.
final class LoadClient: Sendable {
    struct Outcome: Sendable {
        var answered: [UInt16: Int] = [:]
        /// Written, and never answered.
        var lost = 0
        /// Not written: nobody accepts connections any more.
        var refused = 0
        /// From writing a request to the end of its answer, the longest there was.
        var slowest = Duration.zero
        var total: Int { self.answered.values.reduce(0, +) + self.lost + self.refused }
    }

    private let port: Int
    private let connections: Int
    private let interval: Duration
    private let outcome = Mutex(Outcome())
    private let isStopped = Atomic<Bool>(false)

    init(port: Int, requestsPerSecond: Int = 1000, connections: Int = 50) {
        self.port = port
        self.connections = connections
        self.interval = .microseconds(1_000_000 * connections / requestsPerSecond)
    }

    var current: Outcome { self.outcome.withLock { $0 } }

    func stop() { self.isStopped.store(true, ordering: .relaxed) }

    /// Runs until ``stop()``, or until nobody accepts connections.
    func run(target: String) async -> Outcome {
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<self.connections {
                group.addTask { await self.runConnections(target) }
            }
        }
        return self.current
    }

    private func runConnections(_ target: String) async {
        while !self.isStopped.load(ordering: .relaxed) {
            let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>
            do {
                channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .connect(host: "127.0.0.1", port: self.port) { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try NIOAsyncChannel(wrappingChannelSynchronously: channel)
                        }
                    }
            } catch {
                self.outcome.withLock { $0.refused += 1 }
                return
            }
            try? await channel.executeThenClose { inbound, outbound in
                try await self.drive(inbound, outbound, target)
            }
        }
    }

    private func drive(
        _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>,
        _ target: String
    ) async throws {
        var iterator = inbound.makeAsyncIterator()
        var decoder = ResponseDecoder(profile: .http1)
        var received = ByteBuffer()
        while !self.isStopped.load(ordering: .relaxed) {
            let start = ContinuousClock.now
            let next = start + self.interval
            decoder.expect(.get)
            var answer: Response?
            do {
                try await outbound.write(ByteBuffer(string: "GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n"))
                while answer == nil {
                    answer = try decoder.nextMessage(from: &received)
                    guard answer == nil else { break }
                    guard var bytes = try await iterator.next() else { break }
                    received.writeBuffer(&bytes)
                }
            } catch {
                answer = nil
            }
            guard let answer else {
                self.outcome.withLock { $0.lost += 1 }
                return
            }
            let duration = ContinuousClock.now - start
            self.outcome.withLock { outcome in
                outcome.answered[answer.status.code, default: 0] += 1
                outcome.slowest = max(outcome.slowest, duration)
            }
            guard answer.head.keepsAlive else { return }
            try await Task.sleep(until: next)
        }
    }
}
