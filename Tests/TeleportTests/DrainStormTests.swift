import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import TeleportEndpoint
import TeleportRPC
import TeleportTestKit
import Testing

/// Everything that ends calls and connections at once, for long enough that a rare order of events is met.
@Suite("Cancellation while connections drain", .timeLimit(.minutes(10)))
struct DrainStormTests {
    /// What the callers of a storm share.
    private final class Storm: Sendable {
        static let calls = 100_000
        /// The connections that there have to be: the first one, and one after each of ten drains.
        static let connections = 11
        /// If drains fail to come, the storm ends all the same, and the count of connections tells.
        static let mostCalls = 3_000_000

        let made = Atomic<Int>(0)
        let connections = Atomic<Int>(0)
        let answered = Atomic<Int>(0)
        let cancelled = Atomic<Int>(0)
        let begun = Atomic<Int>(0)
        let ended = Meter()
        let surprises = Notes<String>()

        /// The number of the next call; `nil` when it is over.
        func next() -> Int? {
            let number = self.made.wrappingAdd(1, ordering: .relaxed).oldValue
            if number < Self.calls { return number }
            let isShort = self.connections.load(ordering: .relaxed) < Self.connections
            guard isShort, number < Self.mostCalls else {
                self.made.wrappingSubtract(1, ordering: .relaxed)
                return nil
            }
            return number
        }

        /// Makes one call, which is cancelled after a few steps of the scheduler if there are `steps`.
        func call(_ client: TeleportClient, _ number: Int, cancelledAfter steps: Int?) async {
            let call = Task {
                await self.outcome(client, number, mayBeCancelled: steps != nil)
            }
            if let steps {
                for _ in 0..<steps { await Task.yield() }
                call.cancel()
            }
            await call.value
        }

        private func outcome(_ client: TeleportClient, _ number: Int, mayBeCancelled: Bool) async {
            do throws(RPCError) {
                let response = try await client.execute(Request(.get, "/\(number)", host: "a"))
                if response.text == "/\(number)" {
                    self.answered.wrappingAdd(1, ordering: .relaxed)
                } else {
                    self.surprises.add("\(number) got the answer of \(response.text), \(response.status)")
                }
            } catch {
                if mayBeCancelled, error.code == .cancelled {
                    self.cancelled.wrappingAdd(1, ordering: .relaxed)
                } else {
                    self.surprises.add("\(number): \(error)")
                }
            }
        }
    }

    @Test(
        """
        a hundred thousand calls, a third of them cancelled at random moments, while the connection is drained ten times: \
        each caller has one outcome, every handler ends
        """)
    func storm() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("cancellation while connections drain: seed \(seed)")
        let storm = Storm()
        try await withHTTPPair(
            server: {
                $0.streamLimits.maxAge = .milliseconds(300)
                $0.admits = { _ in
                    storm.connections.wrappingAdd(1, ordering: .relaxed)
                    return true
                }
            }
        ) { request, _ in
            storm.begun.wrappingAdd(1, ordering: .relaxed)
            defer { storm.ended.add(1) }
            if request.target.hasSuffix("7") { for _ in 0..<3 { await Task.yield() } }
            return .text(request.target)
        } _: { client, server in
            await withTaskGroup { group in
                for caller in 0..<400 {
                    group.addTask {
                        var random = SeededRandom(seed: seed &+ UInt64(caller))
                        while let number = storm.next() {
                            let steps =
                                Int.random(in: 0..<3, using: &random) == 0 ? Int.random(in: 0..<5, using: &random) : nil
                            await storm.call(client, number, cancelledAfter: steps)
                        }
                    }
                }
            }
            let made = storm.made.load(ordering: .relaxed)
            #expect(storm.surprises.all.prefix(5) == [], "seed \(seed)")
            #expect(storm.answered.load(ordering: .relaxed) + storm.cancelled.load(ordering: .relaxed) == made)
            #expect(storm.answered.load(ordering: .relaxed) > made / 2)
            #expect(storm.cancelled.load(ordering: .relaxed) > made / 100)
            #expect(storm.connections.load(ordering: .relaxed) >= Storm.connections)
            // None of them is forgotten, and the connections that were drained are gone.
            await storm.ended.reached(storm.begun.load(ordering: .relaxed))
            #expect(await client.shutDown(limit: .minutes(5)))
            #expect(await server.shutDown(limit: .minutes(5)))
            #expect(server.connectionCount == 0)
            #expect(storm.ended.count == storm.begun.load(ordering: .relaxed))
            print(
                "\(made) calls, \(storm.cancelled.load(ordering: .relaxed)) of them cancelled, \(storm.connections.load(ordering: .relaxed)) connections"
            )
        }
    }
}
