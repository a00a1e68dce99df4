import TeleportReport
import NIOCore
import Teleport

/// What a run cannot beat: the same bytes echoed with no protocol, and its codec alone on the same batches.
struct FloorRun: Sendable {
    let setup: Setup
    let workload: Workload
    /// What a request and its answer have on the wire.
    let wireBytes: Figures.Directions

    init(_ setup: Setup, _ workload: Workload, wireBytes: Figures.Directions) {
        self.setup = setup
        self.workload = workload
        self.wireBytes = wireBytes
    }

    /// In a third of the setup's time, but not so little that it means nothing; `nil` in memory, where there is no
    /// socket to compare with.
    func floor() async throws -> Figures.Floor? {
        guard self.setup.transport != .memory else { return nil }
        let isCompressed = self.setup.codec.kind != .none
        let seconds = self.setup.seconds / 3
        var floor = try await EchoFloor(
            self.setup, requestBytes: Self.whole(self.wireBytes.request),
            responseBytes: Self.whole(self.wireBytes.response)
        ).run(seconds: Swift.max(0.2, isCompressed ? seconds / 2 : seconds))
        if isCompressed {
            let traffic = try await PlainTraffic.record(self.setup, self.workload)
            let cost = try CodecFloor(self.setup.codecOnWire, self.setup.wire)
                .cost(of: traffic, seconds: Swift.max(0.1, seconds / 2))
            floor.codecCPU = cost.cpu
        }
        return floor
    }

    /// Of a part of a byte there is none to be sent.
    private static func whole(_ bytes: Double) -> Int { Swift.max(1, Int(bytes.rounded())) }
}
