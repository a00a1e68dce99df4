import NIOCore
import TeleportEndpoint
import Testing

@testable import TeleportProxy

@Suite("TunnelClock")
struct TunnelClockTests {
    private typealias Flow = BodyPipe.Flow

    @Test("only a tunnel through which nothing moves, either way, is over after its time")
    func silence() {
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
        var clock = TunnelClock(limit: .seconds(8), now: start)
        func isOver(_ upload: Flow, _ download: Flow, after seconds: Int64) -> Bool {
            clock.isOver(upload: upload, download: download, now: start + .seconds(seconds))
        }
        #expect(!isOver(Flow(), Flow(), after: 7))
        // Given, taken, and given the other way.
        #expect(!isOver(Flow(given: 9, held: 9), Flow(), after: 8))
        #expect(!isOver(Flow(given: 9, held: 4), Flow(), after: 15))
        let (upload, download) = (Flow(given: 9, held: 4), Flow(given: 1, held: 1))
        #expect(!isOver(upload, download, after: 22))
        #expect(!isOver(upload, download, after: 29))
        #expect(isOver(upload, download, after: 30))
    }
}
