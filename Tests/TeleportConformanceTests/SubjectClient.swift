import NIOCore
import Synchronization
import Teleport

/// A client of ours that does what checks ask of one: it goes on sending requests of all kinds, each with a target of its
/// own, and connects again whenever its connection ends.
final class SubjectClient: Sendable {
    private let client: TeleportClient
    private let count = Atomic<Int>(0)
    private let tasks = Mutex<[Task<Void, Never>]>([])

    init(to address: TransportAddress, _ configure: (inout ClientConfiguration) -> Void = { _ in }) {
        var configuration = ClientConfiguration(address: address)
        // Servers of other tests may have had its port.
        configuration.memory = WireMemory()
        // What counts is what it does on its connections, not how long it waits for them.
        configuration.backoff = ConnectBackoff(initial: 5_000_000, maximum: 20_000_000)
        configure(&configuration)
        self.client = TeleportClient(configuration: configuration)
    }

    /// One that speaks v1.
    static func v1(to address: TransportAddress) -> SubjectClient {
        SubjectClient(to: address) { $0.wire = .v1 }
    }

    /// Begins to send requests.
    func start() {
        for lane in Lane.allCases {
            let task = Task {
                while !Task.isCancelled { await self.send(lane) }
            }
            self.tasks.withLock { $0.append(task) }
        }
    }

    /// Cancels all requests, and returns when each has its outcome: never, if a caller is not told.
    func stop() async {
        let tasks = self.tasks.withLock { $0 }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
        await self.client.shutDown(limit: .milliseconds(100))
    }

    /// Kinds of requests; each waits for its answer before the next.
    private enum Lane: CaseIterable {
        case plain, another, body, streamed, secret, sensitive, oneWay
    }

    private func send(_ lane: Lane) async {
        let number = self.count.add(1, ordering: .relaxed).newValue
        var request = Request(.get, "/\(lane)/\(number)", host: "conformance.test")
        var timeout = TimeAmount.milliseconds(1500)
        switch lane {
        case .plain, .another: break
        case .body:
            request.method = .post
            request.body = Body(ByteBuffer(repeating: UInt8(ascii: "b"), count: 3000))
        case .streamed:
            request.method = .post
            request.body = Self.stream(pieces: 12, of: 32768)
            timeout = .seconds(10)
        case .secret:
            // Worth compressing, for those who would.
            try? request.fields.append("Cookie", "session=\(number)" + String(repeating: "-secret", count: 60))
            try? request.fields.append("Authorization", "Bearer token-\(number)")
        case .sensitive: request.isSensitive = true
        case .oneWay:
            try? self.client.sendOneWay(request)
            // Nobody would hold it back.
            try? await Task.sleep(for: .milliseconds(20))
            return
        }
        do {
            _ = try await self.client.execute(request, timeout: timeout).body.collect(upTo: 64 << 20)
        } catch {
            // Without a connection every call fails at once.
            try? await Task.sleep(for: .milliseconds(2))
        }
    }

    private static func stream(pieces: Int, of size: Int) -> Body {
        Body(
            stream: AsyncStream<ByteBuffer> { continuation in
                for _ in 0..<pieces { continuation.yield(ByteBuffer(repeating: UInt8(ascii: "s"), count: size)) }
                continuation.finish()
            })
    }
}
