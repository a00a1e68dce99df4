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
        health.succeeded(now: now)
        #expect(health.standing(now: now) == .trusted(share: 1), "it begins with little")
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
        #expect(health.standing(now: self.start) == .trusted(share: 16))
        health.succeeded(now: self.start)
        for _ in 0..<2 { health.failed(atOnce: false, now: self.start, jitter: 0) }
        #expect(health.standing(now: self.start) == .trusted(share: 16))
        health.failed(atOnce: false, now: self.start, jitter: 0)
        #expect(health.standing(now: self.start) == .aside)
    }

    @Test("a hundred requests that fail together count once")
    func together() {
        var health = UpstreamHealth()
        for _ in 0..<100 { health.failed(atOnce: true, now: self.start, jitter: 0) }
        #expect(health.setAsideUntil == self.start + .milliseconds(100))
    }

    @Test("who comes back has a sixteenth of its share at first, and all of it after the slow start")
    func slowStart() {
        var health = UpstreamHealth(slowStart: .seconds(16))
        health.failed(atOnce: true, now: self.start, jitter: 0)
        let back = self.start + .milliseconds(100)
        let isTried = health.takeTrial(now: back)
        #expect(isTried)
        health.succeeded(now: back)
        for (seconds, share) in [(0, 1), (1, 1), (2, 2), (8, 8), (15, 15), (16, 16), (1000, 16)] {
            #expect(health.standing(now: back + .seconds(Int64(seconds))) == .trusted(share: share))
            #expect(health.isForgotten(now: back + .seconds(Int64(seconds))) == (share == 16))
        }
        // Answers that follow begin nothing anew.
        health.succeeded(now: back + .seconds(8))
        #expect(health.standing(now: back + .seconds(8)) == .trusted(share: 8))
        var bold = UpstreamHealth(slowStart: .zero)
        bold.failed(atOnce: true, now: self.start, jitter: 0)
        bold.succeeded(now: back)
        #expect(bold.standing(now: back) == .trusted(share: 16))
        let fresh = UpstreamHealth()
        #expect(fresh.standing(now: self.start) == .trusted(share: 16) && fresh.isForgotten(now: self.start))
    }

    @Test("three checks in a row that fail set it aside, two that pass bring it back; answers to requests do not")
    func checks() {
        var health = UpstreamHealth()
        func isAside() -> Bool { health.standing(now: self.start) == .aside }
        for outcome in [false, false, true, false, false] {
            health.checked(isGood: outcome, now: self.start)
            #expect(!isAside(), "not in a row")
        }
        health.checked(isGood: false, now: self.start)
        #expect(isAside() && health.isEjected)
        health.succeeded(now: self.start)
        let isTried = health.takeTrial(now: self.start + .hours(1))
        #expect(isAside() && !isTried)
        for outcome in [true, false, true] {
            health.checked(isGood: outcome, now: self.start)
            #expect(isAside(), "not in a row")
        }
        health.checked(isGood: true, now: self.start)
        #expect(health.standing(now: self.start) == .trusted(share: 1), "and slowly")
        #expect(health.standing(now: self.start + .seconds(10)) == .trusted(share: 16))
    }
}
