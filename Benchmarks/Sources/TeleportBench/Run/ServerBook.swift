import TeleportReport
import CMallocCount
import NIOCore
import Synchronization
import Teleport

/// What a server of its own process tells its client: usage, over the protocol itself.
final class ServerBook: Sendable {
    /// Targets that are answered with ``ServerUsage`` instead of the workload's answer.
    enum Question: String, CaseIterable {
        case usage = "/.bench/usage"
        case countAllocations = "/.bench/count-allocations"
        case stopCounting = "/.bench/stop-counting"

        var request: Request { Request(.get, self.rawValue, host: "localhost") }
    }

    private let requests = Atomic<Int>(0)

    /// Answers questions about usage; counts everything else, and leaves it to the workload.
    func answer(to request: Request) -> Response? {
        let target = request.head.targetBytes.readableBytesView
        // One byte tells nearly always: no target of a workload has a point there.
        guard target.count > 1, target[target.startIndex + 1] == UInt8(ascii: "."),
            let question = Question(rawValue: request.target)
        else {
            self.requests.wrappingAdd(1, ordering: .relaxed)
            return nil
        }
        switch question {
        case .usage: break
        case .countAllocations: malloc_count_enable(1)
        case .stopCounting: malloc_count_enable(0)
        }
        return .text("\(self.usage.json)\n")
    }

    var usage: ServerUsage {
        ServerUsage(
            cpuMicroseconds: Resources.processCPU(), requests: self.requests.load(ordering: .relaxed),
            allocations: Int(malloc_count_total()), residentBytes: Resources.residentBytes())
    }

    /// Asks the server at the other end.
    static func ask(_ question: Question, _ client: TeleportClient) async throws -> ServerUsage {
        let response = try await client.execute(question.request)
        let text = String(buffer: try await response.body.collect(upTo: 4096))
        guard response.status == .ok, let usage = ServerUsage(parsing: text) else {
            throw BenchError(
                """
                The server does not say what it spends: it answered \(question.rawValue) with \(response.status). \
                `drive` works with `teleport-bench serve` only.
                """)
        }
        return usage
    }
}
