import TeleportTransport
import Testing

@Suite("Patience between attempts to connect")
struct ConnectBackoffTests {
    @Test("doubles from 100 ms up to 3 s")
    func doubles() {
        var backoff = ConnectBackoff()
        let waits = (0..<8).map { _ in backoff.failed(jitter: 0) / 1_000_000 }
        #expect(waits == [100, 200, 400, 800, 1600, 3000, 3000, 3000])
    }

    @Test("begins anew after a success")
    func resets() {
        var backoff = ConnectBackoff()
        _ = backoff.failed(jitter: 0)
        _ = backoff.failed(jitter: 0)
        backoff.succeeded()
        #expect(backoff.failures == 0)
        #expect(backoff.failed(jitter: 0) == 100_000_000)
    }

    @Test("is shortened at random by up to a quarter, whatever number is passed", arguments: [-1, 0, 0.5, 1, 7])
    func jitters(jitter: Double) {
        var backoff = ConnectBackoff()
        let wait = backoff.failed(jitter: jitter)
        #expect((75_000_000...100_000_000).contains(wait))
    }

    @Test("never overflows, and never exceeds the maximum")
    func saturates() {
        var backoff = ConnectBackoff(initial: .max / 2, maximum: .max)
        for _ in 0..<100 { #expect(backoff.failed(jitter: 0) > 0) }
        var short = ConnectBackoff(initial: 1000, maximum: 10)
        #expect(short.failed(jitter: 0) == 10)
    }
}
