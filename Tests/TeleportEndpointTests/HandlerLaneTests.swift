import NIOCore
import NIOEmbedded
import NetworkTestSupport
import Synchronization
import TeleportRPC
import TeleportTestKit
import TeleportTransport
import TeleportWire
import Testing

@testable import TeleportEndpoint

/// A handler whose requests wait, or not, as their names say: `wait…` until the test lets them go or they are cancelled.
/// `quit…` cancels the task that it runs in.
private final class Desk: Sendable {
    private struct State: Sendable {
        var waiting: [String: CheckedContinuation<Void, Never>] = [:]
        var begun: [String] = []
        var cancelled: [String] = []
    }

    private let state = Mutex(State())

    var begun: [String] { self.state.withLock { $0.begun } }
    var cancelled: [String] { self.state.withLock { $0.cancelled } }

    func release(_ name: String) { self.state.withLock { $0.waiting.removeValue(forKey: name) }?.resume() }

    func handle(_ name: String) async -> String {
        self.state.withLock { $0.begun.append(name) }
        if name.hasPrefix("quit") {
            withUnsafeCurrentTask { $0?.cancel() }
            return "\(name) done"
        }
        guard name.hasPrefix("wait") else { return Task.isCancelled ? "\(name) cancelled" : "\(name) done" }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isCancelled = self.state.withLock { state in
                    guard !state.cancelled.contains(name) else { return true }
                    state.waiting[name] = continuation
                    return false
                }
                if isCancelled { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.cancelled.append(name) }
            self.release(name)
        }
        return Task.isCancelled ? "\(name) cancelled" : "\(name) done"
    }
}

@Suite("Lanes of handlers", .timeLimit(.minutes(10)))
struct HandlerLaneTests {
    private struct Work: RequestWork {
        let desk: Desk

        func response(to request: PieceMessage, _ context: RequestContext) async throws -> PieceMessage {
            PieceMessage(await self.desk.handle(request.text))
        }
    }

    /// A server on one embedded loop, whose handlers run on it: what happens is decided by the order of events alone.
    private final class Served {
        let desk = Desk()
        let server: MemoryServer<PieceCodec>
        private var log = FrameLog()

        init() throws {
            var configuration = ServerConfiguration(addresses: [], identity: PieceCodec.identity)
            configuration.wire = .v1
            self.server = try MemoryServer(
                PieceCodec(), configuration: configuration,
                handler: TaskHandler(codec: PieceCodec(), placement: .eventLoop, work: Work(desk: self.desk)))
            self.server.receive(FrameBytes.opening().all)
            #expect(try self.frames() == ["settings"])
        }

        func frames() throws -> [String] { try self.log.read(self.server.sent()).map(\.short) }

        func receive(_ bytes: FrameBytes) throws -> [String] {
            self.server.receive(bytes.all)
            return try self.frames()
        }

        func release(_ name: String) throws -> [String] {
            self.desk.release(name)
            return try self.frames()
        }
    }

    @Test("on the loop, the handlers of a batch begin in its order, and their answers leave in it")
    func order() throws {
        let served = try Served()
        var batch = FrameBytes()
        for id in 1...100 { batch = batch.request(UInt32(id), "\(id)") }
        #expect(try served.receive(batch) == (1...100).map { "response \($0) END \($0) done" })
        #expect(served.desk.begun == (1...100).map { "\($0)" })
    }

    @Test("a handler that waits holds up none behind it, and is answered when it is done")
    func waiting() throws {
        let served = try Served()
        let batch = FrameBytes().request(1, "a").request(2, "wait b").request(3, "c").request(4, "wait d").request(
            5, "e")
        #expect(
            try served.receive(batch) == ["response 1 END a done", "response 3 END c done", "response 5 END e done"])
        #expect(served.desk.begun == ["a", "wait b", "c", "wait d", "e"])
        #expect(try served.release("wait d") == ["response 4 END wait d done"])
        #expect(try served.receive(FrameBytes().request(6, "f")) == ["response 6 END f done"])
        #expect(try served.release("wait b") == ["response 2 END wait b done"])
    }

    @Test("cancelling a request reaches its handler and no other, behind it or beside it")
    func cancelling() throws {
        let served = try Served()
        #expect(
            try served.receive(FrameBytes().request(1, "wait a").request(2, "wait b").request(3, "c"))
                == ["response 3 END c done"])
        #expect(
            Set(try served.receive(FrameBytes().cancel(1).request(4, "d")))
                == ["response 4 END d done", "cancel 1 CANCELLED"])
        #expect(served.desk.cancelled == ["wait a"])
        #expect(try served.release("wait b") == ["response 2 END wait b done"])
        #expect(try served.receive(FrameBytes().request(5, "e")) == ["response 5 END e done"])
    }

    @Test("a request that is cancelled in the batch that it came in finds its handler cancelled")
    func cancelledInItsBatch() throws {
        let served = try Served()
        let frames = try served.receive(FrameBytes().request(1, "wait a").cancel(1).request(2, "b"))
        #expect(Set(frames) == ["cancel 1 CANCELLED", "response 2 END b done"])
        #expect(served.desk.cancelled == ["wait a"])
    }

    @Test("a handler that cancels its own task leaves those behind it alone")
    func cancellingItself() throws {
        let served = try Served()
        #expect(
            try served.receive(FrameBytes().request(1, "quit a").request(2, "b").request(3, "quit c"))
                == ["response 1 END quit a done", "response 2 END b done", "response 3 END quit c done"])
        #expect(try served.receive(FrameBytes().request(4, "d")) == ["response 4 END d done"])
    }

    @Test("on the pool, a cancelled request leaves those behind it alone")
    func cancellingOnThePool() async throws {
        try await Self.withPool { client in
            let answers = await withTaskGroup(of: String?.self) { group in
                for caller in 0..<8 {
                    group.addTask {
                        for round in 0..<100 {
                            let name = "\(caller) \(round)"
                            let waiting = Task {
                                try await client.call(PieceMessage("wait \(name)"), timeout: .minutes(5))
                            }
                            waiting.cancel()
                            _ = try? await waiting.value
                            guard let answer = try? await client.call(PieceMessage(name), timeout: .minutes(5)).text
                            else {
                                return "\(name): none"
                            }
                            if answer != "\(name) done" { return answer }
                        }
                        return nil
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }.compactMap { $0 }
            }
            #expect(answers == [])
        }
    }

    @Test("on the pool, a handler that cancels its own task leaves those behind it alone")
    func cancellingItselfOnThePool() async throws {
        try await Self.withPool { client in
            let names = (0..<1000).map { $0 % 3 == 0 ? "quit \($0)" : "\($0)" }
            let answers = await withTaskGroup(of: String?.self) { group in
                for name in names {
                    group.addTask { try? await client.call(PieceMessage(name), timeout: .minutes(5)).text }
                }
                return await group.reduce(into: []) { $0.append($1 ?? "none") }
            }
            #expect(Set(answers) == Set(names.map { "\($0) done" }))
        }
    }

    /// A client of a server whose handlers run on the pool.
    private static func withPool(
        _ name: String = #function, _ body: (RPCClient<PieceCodec>) async throws -> Void
    ) async throws {
        let address = TransportAddress.memory(name: name)
        var serverConfiguration = ServerConfiguration(addresses: [address], identity: PieceCodec.identity)
        serverConfiguration.wire = .v1
        serverConfiguration.streamLimits.abuseTokens = 1_000_000
        var clientConfiguration = ClientConfiguration(address: address, identity: PieceCodec.identity)
        clientConfiguration.wire = .v1
        let server = RPCServer(
            codec: PieceCodec(), configuration: serverConfiguration,
            handler: TaskHandler(codec: PieceCodec(), placement: .pool, work: Work(desk: Desk())))
        try await server.start()
        let client = RPCClient(codec: PieceCodec(), configuration: clientConfiguration)
        try await body(client)
        #expect(await client.shutDown(limit: .minutes(5)))
        // Every handler was stopped, or ended by itself: nothing waits.
        #expect(await server.shutDown(limit: .minutes(5)))
    }
}

@Suite("Parts of lanes")
struct HandlerLanePartsTests {
    @Test("a queue calls one at a time, and only while requests wait")
    func calling() throws {
        let responder = try Self.responder()
        var queue = HandlerQueue<Int, Int>()
        func put(_ number: Int) -> Bool {
            var job: HandlerJob<Int, Int>? = HandlerJob(number, responder)
            defer { #expect(job == nil, "it was moved") }
            return queue.append(from: &job)
        }
        func call() -> Bool { queue.wantsSomebody() }
        func take() -> Int? { queue.popFirst()?.request }
        #expect(!call())
        #expect(put(1))
        #expect(!put(2))
        queue.arrive()
        #expect(take() == 1)
        #expect(call())
        #expect(!call())
        queue.arrive()
        #expect(take() == 2)
        #expect(!call())
    }

    @Test("a queue gives out what was put in, in its order, whatever the mixture")
    func queue() throws {
        var random = SeededRandom()
        var queue = HandlerQueue<Int, Int>()
        var model: [Int] = []
        let responder = try Self.responder()
        var next = 0
        for _ in 0..<20_000 {
            // It grows to thousands, and then shrinks to nothing, again and again.
            if Int.random(in: 0..<100, using: &random) < (next / 5000 % 2 == 0 ? 80 : 20) {
                var job: HandlerJob<Int, Int>? = HandlerJob(next, responder)
                _ = queue.append(from: &job)
                model.append(next)
            } else {
                let expected = model.isEmpty ? nil : model.removeFirst()
                #expect(queue.popFirst()?.request == expected, "\(random)")
            }
            next += 1
            #expect(queue.isEmpty == model.isEmpty, "\(random)")
            #expect(queue.jobs.count <= 2 * model.count + 1024, "\(random)")
        }
    }

    private static func responder() throws -> Responder<Int> {
        let server = try MemoryServer(
            PieceCodec(), configuration: ServerConfiguration(addresses: [], identity: PieceCodec.identity),
            handler: InlineHandler { _, _ in })
        return Responder<Int>(
            connection: ServerConnection(
                executor: EventLoopExecutor(eventLoop: server.loop), limits: ServerLimits(), batching: BatchingPolicy(),
                load: RequestLoad(limit: 1), encode: { _, _ in true }),
            token: try #require(Self.token()))
    }

    private static func token() -> RequestToken? {
        var machine = ServerStateMachine<Cancellation>(limits: ServerLimits())
        guard case .dispatch(let token) = machine.requestReceived(CallID(rawValue: 1)) else { return nil }
        return token
    }

    @Test("a shift cancels its task for the request that it has, and for no other")
    func shift() async {
        let shift = PoolShift()
        let gate = Gate()
        let task = Task { await gate.wait() }
        shift.began(in: task)
        let first = shift.begin()
        #expect(shift.ended())
        shift.cancel(first)
        #expect(!task.isCancelled)
        let second = shift.begin()
        shift.cancel(first)
        #expect(!task.isCancelled)
        shift.cancel(second)
        #expect(task.isCancelled)
        #expect(!shift.ended())
        await gate.open()
        await task.value
    }

    @Test("a shift that was cancelled before its task was known cancels it then")
    func earlyCancellation() async {
        let shift = PoolShift()
        shift.cancel(shift.begin())
        let gate = Gate()
        let task = Task { await gate.wait() }
        shift.began(in: task)
        #expect(task.isCancelled)
        await gate.open()
        await task.value
    }
}
