import NIOCore
import TeleportProxy
import Testing

@Suite("Durations as options spell them")
struct DurationGrammarTests {
    @Test(
        "are numbers with units, added up",
        arguments: [
            ("0", 0), ("3s", 3_000_000_000), ("1m30s", 90_000_000_000), ("100us", 100_000), ("100µs", 100_000),
            ("1.5h", 5_400_000_000_000), ("2ms", 2_000_000), ("7ns", 7), ("0s", 0), (".5s", 500_000_000),
            ("1.s", 1_000_000_000), ("0.000000001s", 1),
        ])
    func accepted(text: String, nanoseconds: Int64) {
        #expect(DurationGrammar.parse(text) == .nanoseconds(nanoseconds))
    }

    @Test(
        "and nothing else",
        arguments: [
            "", "3", "s", "-5ms", "+5ms", "3x", "3 s", "1m 30s", "1.2.3s", ".s", "3S", "٣s", "9999999999h", "1e3s",
        ])
    func refused(text: String) {
        #expect(DurationGrammar.parse(text) == nil)
    }
}
