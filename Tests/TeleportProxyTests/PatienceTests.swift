import NIOCore
import Teleport
import Testing

@testable import TeleportProxy

@Suite("Patience with clients, on a manual clock")
struct PatienceTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    private func settings() -> FrontSettings {
        var configuration = FrontConfiguration(.http, at: [])
        configuration.idleTimeout = .seconds(60)
        configuration.headTimeout = .seconds(15)
        configuration.minimumRate = 100
        configuration.rateGrace = .seconds(10)
        return FrontSettings(configuration, gathered: GatheredBytes(limit: 1 << 20))
    }

    private func after(_ seconds: Double) -> NIODeadline { self.start + .nanoseconds(Int64(seconds * 1e9)) }

    @Test("an idle connection is closed after the idle timeout, counted from its last answer")
    func idle() {
        var patience = Patience(self.settings(), now: self.start)
        #expect(patience.waits(for: .request, now: self.after(1)) == self.after(60))
        #expect(patience.waits(for: .nothing, now: self.after(50)) == .distantFuture)
        #expect(patience.waits(for: .request, now: self.after(55)) == self.after(115))
        #expect(patience.judge(unsent: 0, now: self.after(114)) == .patient)
        #expect(patience.judge(unsent: 0, now: self.after(115)) == .idle)
    }

    @Test(
        "an answer begins the idle time anew, also if nobody said that the client was not waited for; a head gets none")
    func answered() {
        var patience = Patience(self.settings(), now: self.start)
        #expect(patience.waits(for: .request, now: self.after(1)) == self.after(60))
        patience.answered(now: self.after(50))
        #expect(patience.waits(for: .request, now: self.after(50)) == self.after(110))
        #expect(patience.judge(unsent: 0, now: self.after(109)) == .patient)
        #expect(patience.judge(unsent: 0, now: self.after(110)) == .idle)
        #expect(patience.waits(for: .head, now: self.after(120)) == self.after(135))
        patience.answered(now: self.after(130))
        #expect(patience.waits(for: .head, now: self.after(130)) == self.after(135))
    }

    @Test("a head has its time from the first byte, however its bytes drip")
    func head() {
        var patience = Patience(self.settings(), now: self.start)
        for second in 0..<14 {
            patience.read(1, now: self.after(Double(second)))
            #expect(patience.waits(for: .head, now: self.after(Double(second))) == self.after(15))
        }
        #expect(patience.judge(unsent: 0, now: self.after(14.9)) == .patient)
        #expect(patience.judge(unsent: 0, now: self.after(15)) == .slowRequest)
    }

    @Test("a body may be slow for the time of grace, and then has to keep the rate")
    func body() {
        var patience = Patience(self.settings(), now: self.start)
        #expect(patience.waits(for: .body, now: self.start) == self.after(10))
        // Two seconds' worth in nine, and as much again.
        patience.read(200, now: self.after(9))
        #expect(patience.waits(for: .body, now: self.after(9)) == self.after(12))
        patience.read(200, now: self.after(11))
        #expect(patience.waits(for: .body, now: self.after(11)) == self.after(14))
        #expect(patience.judge(unsent: 0, now: self.after(13.9)) == .patient)
        #expect(patience.judge(unsent: 0, now: self.after(14)) == .slowRequest)
    }

    @Test("who moves a lot at once earns no more than the time of grace")
    func noSavings() {
        var patience = Patience(self.settings(), now: self.start)
        _ = patience.waits(for: .body, now: self.start)
        patience.read(1 << 30, now: self.after(5))
        #expect(patience.waits(for: .body, now: self.after(5)) == self.after(15))
    }

    @Test("while reading is paused the client's clock stands still")
    func paused() {
        var patience = Patience(self.settings(), now: self.start)
        _ = patience.waits(for: .body, now: self.start)
        #expect(patience.waits(for: .nothing, now: self.after(5)) == .distantFuture)
        #expect(patience.waits(for: .body, now: self.after(100)) == self.after(105))
    }

    @Test("the next body has a clock of its own")
    func nextBody() {
        var patience = Patience(self.settings(), now: self.start)
        _ = patience.waits(for: .body, now: self.start)
        _ = patience.waits(for: .request, now: self.after(1))
        #expect(patience.waits(for: .body, now: self.after(30)) == self.after(40))
    }

    @Test("who takes an answer too slowly is cut off; who keeps the rate is not; and one who has it all is never")
    func reader() {
        var slow = Patience(self.settings(), now: self.start)
        #expect(slow.wrote(100_000, now: self.start) == true)
        #expect(slow.wrote(0, now: self.start) == false)
        #expect(slow.waits(for: .nothing, now: self.start) == self.after(10))
        #expect(slow.judge(unsent: 99_900, now: self.after(10)) == .patient)
        #expect(slow.waits(for: .nothing, now: self.after(10)) == self.after(11))
        #expect(slow.judge(unsent: 99_900, now: self.after(11)) == .slowReader)

        var done = Patience(self.settings(), now: self.start)
        #expect(done.wrote(100_000, now: self.start) == true)
        #expect(done.judge(unsent: 0, now: self.after(10)) == .patient)
        #expect(done.waits(for: .nothing, now: self.after(10)) == .distantFuture)
    }
}
