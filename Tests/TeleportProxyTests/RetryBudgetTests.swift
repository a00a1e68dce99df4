import NIOCore
import Testing

@testable import TeleportProxy

@Suite("The budget of retries, on a manual clock")
struct RetryBudgetTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    /// How many are allowed in a row.
    private func allowed(_ budget: inout RetryBudget, requests: Int, now: NIODeadline) -> Int {
        (0..<100_000).first { _ in !budget.take(requests: requests, now: now) } ?? -1
    }

    @Test("a thousand in any case, and a share of the requests of the window; each window begins anew")
    func windows() {
        var budget = RetryBudget(percent: 20)
        #expect(self.allowed(&budget, requests: 5000, now: self.start) == 1000, "what came before does not count")
        #expect(self.allowed(&budget, requests: 6000, now: self.start + .seconds(5)) == 200)
        #expect(self.allowed(&budget, requests: 6004, now: self.start + .seconds(9)) == 0)
        #expect(self.allowed(&budget, requests: 6100, now: self.start + .seconds(10)) == 1000)
        #expect(self.allowed(&budget, requests: 6600, now: self.start + .seconds(19)) == 100)
    }

    @Test("all, or none")
    func ends() {
        var all = RetryBudget(percent: 100)
        #expect(self.allowed(&all, requests: 0, now: self.start) == 1000)
        #expect(self.allowed(&all, requests: 700, now: self.start) == 700)
        var none = RetryBudget(percent: 0)
        #expect(self.allowed(&none, requests: 1000, now: self.start) == 0)
    }
}
