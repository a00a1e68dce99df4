import NIOCore
import NIOEmbedded
import TeleportTransport
import Testing

@Suite("One timer that can be moved")
struct DeadlineTimerTests {
    let loop = EmbeddedEventLoop()

    private func timer(_ fired: @escaping (UInt64) -> Void) -> DeadlineTimer {
        DeadlineTimer(eventLoop: self.loop) { fired($0.uptimeNanoseconds / 1_000_000) }
    }

    private func at(_ milliseconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .milliseconds(milliseconds) }

    @Test("fires once, at its time and never before")
    func fires() {
        var fired: [UInt64] = []
        let timer = self.timer { fired.append($0) }
        timer.set(self.at(10))
        self.loop.advanceTime(by: .nanoseconds(9_999_999))
        #expect(fired == [])
        self.loop.advanceTime(by: .nanoseconds(1))
        #expect(fired == [10])
        self.loop.advanceTime(by: .seconds(1))
        #expect(fired == [10])
    }

    @Test("moved later, fires at the later time only")
    func later() {
        var fired: [UInt64] = []
        let timer = self.timer { fired.append($0) }
        timer.set(self.at(10))
        timer.set(self.at(30))
        self.loop.advanceTime(by: .milliseconds(29))
        #expect(fired == [])
        self.loop.advanceTime(by: .milliseconds(1))
        #expect(fired == [30])
    }

    @Test("moved earlier, fires at the earlier time only")
    func earlier() {
        var fired: [UInt64] = []
        let timer = self.timer { fired.append($0) }
        timer.set(self.at(30))
        timer.set(self.at(10))
        self.loop.advanceTime(by: .milliseconds(100))
        #expect(fired == [10])
    }

    @Test("moved later and then earlier again, fires at the last time set")
    func laterThenEarlier() {
        var fired: [UInt64] = []
        let timer = self.timer { fired.append($0) }
        timer.set(self.at(10))
        timer.set(self.at(30))
        timer.set(self.at(20))
        self.loop.advanceTime(by: .milliseconds(100))
        #expect(fired == [20])
    }

    @Test("taken back, does not fire; set anew, fires again")
    func cancelled() {
        var fired: [UInt64] = []
        let timer = self.timer { fired.append($0) }
        timer.set(self.at(10))
        timer.set(nil)
        self.loop.advanceTime(by: .milliseconds(20))
        #expect(fired == [])
        timer.set(self.at(30))
        self.loop.advanceTime(by: .milliseconds(20))
        #expect(fired == [30])
    }

    @Test("a time that has passed fires in the next turn")
    func past() {
        var fired: [UInt64] = []
        let timer = self.timer { fired.append($0) }
        self.loop.advanceTime(by: .milliseconds(50))
        timer.set(self.at(10))
        #expect(fired == [])
        self.loop.advanceTime(by: .zero)
        // Not [50]: an embedded loop tells the time that its tasks were scheduled for.
        #expect(fired.count == 1)
    }

    @Test("may be set again from within its own callback")
    func rearmed() {
        var fired: [UInt64] = []
        var timer: DeadlineTimer?
        let made = self.timer { now in
            fired.append(now)
            if now < 30 { timer?.set(self.at(Int64(now) + 10)) }
        }
        timer = made
        made.set(self.at(10))
        for _ in 0..<10 { self.loop.advanceTime(by: .milliseconds(10)) }
        #expect(fired == [10, 20, 30])
        timer = nil
    }

    @Test("ended, calls nothing any more, whatever is set, and lets go of what it would have called")
    func ended() {
        final class Owner {
            var timer: DeadlineTimer?
            var calls = 0
        }
        let loop = EmbeddedEventLoop()
        weak var remembered: Owner?
        do {
            let owner = Owner()
            remembered = owner
            owner.timer = DeadlineTimer(eventLoop: loop) { _ in owner.calls += 1 }
            owner.timer?.set(loop.now + .seconds(1))
            owner.timer?.end()
            owner.timer?.set(loop.now + .seconds(1))
            loop.advanceTime(by: .seconds(5))
            #expect(owner.calls == 0)
        }
        #expect(remembered == nil)
    }
}
