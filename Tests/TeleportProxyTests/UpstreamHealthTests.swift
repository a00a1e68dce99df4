import NIOCore
import Teleport
import Testing

@testable import TeleportProxy

@Suite("Servers that fail are set aside, on a manual clock")
struct UpstreamHealthTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    @Test("at once if nobody is there, for longer each time, until it answers")
    func unreachable() {
        var health = UpstreamHealth()
        var now = self.start
        var waits: [Int64] = []
        for _ in 0..<12 {
            health.failed(atOnce: true, now: now, jitter: 0)
            let until = health.setAsideUntil ?? now
            waits.append((until - now).nanoseconds / 1_000_000)
            #expect(health.standing(now: until - .nanoseconds(1)) == .aside)
            #expect(health.standing(now: until) == .onTrial)
            now = until
        }
        #expect(waits == [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000, 30000])
        health.succeeded()
        #expect(health.standing(now: now) == .trusted)
        health.failed(atOnce: true, now: now, jitter: 0)
        #expect(health.setAsideUntil == now + .milliseconds(100))
    }

    @Test("a trial is one request, and the next comes no sooner than the last wait again")
    func trial() {
        var health = UpstreamHealth()
        health.failed(atOnce: true, now: self.start, jitter: 0)
        let due = self.start + .milliseconds(100)
        #expect(health.takeTrial(now: due - .nanoseconds(1)) == false)
        #expect(health.takeTrial(now: due) == true)
        #expect(health.takeTrial(now: due) == false)
        #expect(health.standing(now: due) == .aside)
        #expect(health.takeTrial(now: due + .milliseconds(100)) == true)
    }

    @Test("a trial that fails at once makes the wait grow all the same")
    func failedTrial() {
        var health = UpstreamHealth()
        health.failed(atOnce: true, now: self.start, jitter: 0)
        var now = self.start + .milliseconds(100)
        for wait in [200, 400, 800] as [Int64] {
            #expect(health.takeTrial(now: now) == true)
            health.failed(atOnce: true, now: now + .milliseconds(1), jitter: 0)
            #expect(health.setAsideUntil == now + .milliseconds(1 + wait))
            // One that was under way before says nothing new.
            health.failed(atOnce: true, now: now + .milliseconds(2), jitter: 0)
            #expect(health.setAsideUntil == now + .milliseconds(1 + wait))
            now = now + .milliseconds(1 + wait)
        }
    }

    @Test("other failures are forgiven twice in a row")
    func forgiven() {
        var health = UpstreamHealth()
        for _ in 0..<2 { health.failed(atOnce: false, now: self.start, jitter: 0) }
        #expect(health.standing(now: self.start) == .trusted)
        health.succeeded()
        for _ in 0..<2 { health.failed(atOnce: false, now: self.start, jitter: 0) }
        #expect(health.standing(now: self.start) == .trusted)
        health.failed(atOnce: false, now: self.start, jitter: 0)
        #expect(health.standing(now: self.start) == .aside)
    }

    @Test("a hundred requests that fail together count once")
    func together() {
        var health = UpstreamHealth()
        for _ in 0..<100 { health.failed(atOnce: true, now: self.start, jitter: 0) }
        #expect(health.setAsideUntil == self.start + .milliseconds(100))
    }
}
