import TeleportRPC
import TeleportTestKit
import TeleportWire
import Testing

@Suite("Abuse bucket (V1-77)")
struct AbuseBucketTests {
    /// Takes until there is no more, at most `limit`.
    func drain(_ bucket: inout AbuseBucket, now: Nanoseconds, limit: Int = 10_000) -> Int {
        for count in 0..<limit {
            do throws(WireError) {
                try bucket.take(now: now)
            } catch {
                #expect(error.code == .violation(.abuse))
                return count
            }
        }
        return limit
    }

    @Test("it begins full: a capacity of N admits N", arguments: [0, 1, 2, 1000])
    func capacity(count: Int) {
        var bucket = AbuseBucket(capacity: count)
        #expect(self.drain(&bucket, now: 7) == count)
        #expect(self.drain(&bucket, now: 7) == 0)
    }

    @Test("the defaults are 1000 tokens and 100 a second")
    func defaults() {
        var bucket = AbuseBucket()
        let clock = ManualClock(now: 5)
        #expect(self.drain(&bucket, now: clock.now) == 1000)
        clock.advance(by: .seconds(1))
        #expect(self.drain(&bucket, now: clock.now) == 100)
        clock.advance(by: .seconds(1_000_000))
        #expect(self.drain(&bucket, now: clock.now) == 1000)
    }

    @Test("a token comes when its time has come, not before, and parts of one are kept")
    func exact() {
        var bucket = AbuseBucket(capacity: 10, perSecond: 100)
        let clock = ManualClock()
        #expect(self.drain(&bucket, now: 0) == 10)
        #expect(self.drain(&bucket, now: clock.advance(by: 9_999_999)) == 0)
        #expect(self.drain(&bucket, now: clock.advance(by: 1)) == 1)
        // 15 ms: one token, and half of the next.
        #expect(self.drain(&bucket, now: clock.advance(by: .milliseconds(15))) == 1)
        #expect(self.drain(&bucket, now: clock.advance(by: .milliseconds(5))) == 1)
    }

    @Test("looking often costs nothing: as many tokens come as with looking once", arguments: [1, 3, 7, 100, 999])
    func often(perSecond: Int) {
        var bucket = AbuseBucket(capacity: 5, perSecond: perSecond)
        var random = SeededRandom(seed: UInt64(perSecond))
        let clock = ManualClock()
        var taken = self.drain(&bucket, now: 0)
        // Never so long that the bucket is full and loses something.
        let longest = 1_000_000_000 / UInt64(perSecond) * 4
        var looks: UInt64 = 0
        while clock.now < .seconds(20) {
            clock.advance(by: UInt64.random(in: 1...longest, using: &random))
            taken += self.drain(&bucket, now: clock.now)
            looks += 1
        }
        // Each look may lose less than a nanosecond.
        let expected = { (time: UInt64) in 5 + Int(time * UInt64(perSecond) / 1_000_000_000) }
        #expect(taken <= expected(clock.now), "\(random)")
        #expect(taken >= expected(clock.now - looks), "\(random)")
    }

    @Test("it holds no more than its capacity, however long nobody takes any")
    func full() {
        var bucket = AbuseBucket(capacity: 3, perSecond: 1_000_000)
        #expect(self.drain(&bucket, now: 0) == 3)
        #expect(self.drain(&bucket, now: .seconds(3600)) == 3)
        #expect(self.drain(&bucket, now: .seconds(3600)) == 0)
    }

    @Test("huge times and sizes overflow nothing")
    func huge() {
        for (capacity, perSecond) in [(1000, 100), (Int.max, 100), (Int.max, Int.max), (1, Int.max), (2, 1)] {
            var bucket = AbuseBucket(capacity: capacity, perSecond: perSecond)
            for now in [0, .seconds(1), .seconds(10_000), .max / 2, .max] as [Nanoseconds] {
                let taken = self.drain(&bucket, now: now, limit: 3)
                #expect(taken >= 1)
            }
        }
    }

    @Test("a bucket that never fills, and one of no size, are what they say")
    func empty() {
        var never = AbuseBucket(capacity: 2, perSecond: 0)
        #expect(self.drain(&never, now: 0) == 2)
        #expect(self.drain(&never, now: .max) == 0)
        var negative = AbuseBucket(capacity: -1, perSecond: -1)
        #expect(self.drain(&negative, now: 0) == 0)
        #expect(self.drain(&negative, now: .max) == 0)
        var nothing = AbuseBucket(capacity: -1, perSecond: 5)
        #expect(self.drain(&nothing, now: 0) == 0)
        #expect(self.drain(&nothing, now: .max) == 0)
    }

    @Test("a clock that goes back gives nothing and takes nothing")
    func backwards() {
        var bucket = AbuseBucket(capacity: 2, perSecond: 1)
        #expect(self.drain(&bucket, now: .seconds(10)) == 2)
        #expect(self.drain(&bucket, now: .seconds(5)) == 0)
        #expect(self.drain(&bucket, now: .seconds(11)) == 1)
    }
}
