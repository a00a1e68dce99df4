import Logging
import NIOCore
import Synchronization
import Testing

@testable import TeleportProxy

@Suite("The log of failed requests")
struct FailureLogTests {
    private let lines = RecordedLines()
    private let clock = Clock()

    private func makeLog(logsAll: Bool = false) -> FailureLog {
        let clock = self.clock
        return FailureLog(logger: self.lines.logger, logsAll: logsAll, now: { clock.now })
    }

    @Test("the first failure is logged at once, with a constant message")
    func first() {
        self.makeLog().failed(kind: "timed-out", upstream: "10.0.0.1:80", cause: "It took too long.")
        #expect(
            self.lines.all == [
                .init(
                    level: .warning, message: "request failed",
                    metadata: ["kind": "timed-out", "upstream": "10.0.0.1:80", "cause": "It took too long."])
            ])
    }

    @Test("the same failure is logged once a second, with the number of those left out")
    func suppressed() {
        let log = self.makeLog()
        for _ in 0..<1000 { log.failed(kind: "refused", upstream: "a", cause: "x") }
        self.clock.advance(.milliseconds(999))
        log.failed(kind: "refused", upstream: "a", cause: "x")
        #expect(self.lines.all.count == 1)
        self.clock.advance(.milliseconds(1))
        log.failed(kind: "refused", upstream: "a", cause: "y")
        log.failed(kind: "refused", upstream: "a", cause: "x")
        #expect(self.lines.all.count == 2)
        #expect(self.lines.all[1].metadata["suppressed"] == "1000")
        #expect(self.lines.all[1].metadata["cause"] == "y")
        self.clock.advance(.seconds(5))
        log.failed(kind: "refused", upstream: "a", cause: "x")
        #expect(self.lines.all[2].metadata["suppressed"] == "1")
        self.clock.advance(.seconds(5))
        log.failed(kind: "refused", upstream: "a", cause: "x")
        #expect(self.lines.all[3].metadata["suppressed"] == nil)
    }

    @Test("kinds and servers are told apart")
    func keys() {
        let log = self.makeLog()
        for _ in 0..<3 {
            log.failed(kind: "refused", upstream: "a", cause: "x")
            log.failed(kind: "refused", upstream: "b", cause: "x")
            log.failed(kind: "timed-out", upstream: "a", cause: "x")
        }
        #expect(
            self.lines.all.map { "\($0.metadata["kind"] ?? "") \($0.metadata["upstream"] ?? "")" } == [
                "refused a", "refused b", "timed-out a",
            ])
    }

    @Test("all are logged if asked for")
    func all() {
        let log = self.makeLog(logsAll: true)
        for _ in 0..<5 { log.failed(kind: "refused", upstream: "a", cause: "x") }
        #expect(self.lines.all.count == 5)
        #expect(self.lines.all.allSatisfy { $0.level == .warning && $0.metadata["suppressed"] == nil })
    }

    @Test("the table is bounded: what has no place in it is suppressed together")
    func bounded() {
        let log = self.makeLog()
        for number in 0..<10_000 { log.failed(kind: "refused", upstream: "\(number)", cause: "x") }
        #expect(self.lines.all.count == FailureLog.maximumKeys)
        self.clock.advance(.seconds(1))
        log.failed(kind: "refused", upstream: "9999", cause: "x")
        let last = self.lines.all[FailureLog.maximumKeys]
        #expect(last.metadata["upstream"] == "9999")
        #expect(last.metadata["suppressed"] == "\(10_000 - FailureLog.maximumKeys)")
        log.failed(kind: "refused", upstream: "7", cause: "x")
        #expect(self.lines.all.last?.metadata["upstream"] == "7")
    }

    @Test("a cause cannot break the line, nor fill the log")
    func causes() {
        let log = self.makeLog(logsAll: true)
        log.failed(kind: "k", upstream: "u", cause: "a\r\nb\u{1B}[31m\u{9B}c\u{2028}d\u{0}é")
        log.failed(kind: "k", upstream: "u", cause: String(repeating: "ä", count: 300))
        log.failed(kind: "k", upstream: "u", cause: String(repeating: "ä", count: 100_000))
        log.failed(kind: "k", upstream: "u", cause: "e" + String(repeating: "\u{301}", count: 100_000))
        let causes = self.lines.all.map { $0.metadata["cause"] ?? "" }
        #expect(causes[0] == "a\u{FFFD}\u{FFFD}b\u{FFFD}[31m\u{FFFD}c\u{FFFD}d\u{FFFD}é")
        #expect(causes[1] == String(repeating: "ä", count: 300))
        #expect(causes[2] == String(repeating: "ä", count: 300) + "…")
        #expect(causes[3].unicodeScalars.count == 301)
    }

    @Test("causes that are not logged are not made")
    func lazy() {
        let log = self.makeLog()
        var made = 0
        func cause() -> String {
            made += 1
            return "x"
        }
        for _ in 0..<100 { log.failed(kind: "k", upstream: "u", cause: cause()) }
        #expect(made == 1)
    }

    private final class Clock: Sendable {
        private let time = Mutex(NIODeadline.uptimeNanoseconds(1_000_000_000))

        var now: NIODeadline { self.time.withLock { $0 } }
        func advance(_ amount: TimeAmount) { self.time.withLock { $0 = $0 + amount } }
    }
}

/// What was logged.
private final class RecordedLines: Sendable {
    struct Line: Equatable {
        let level: Logger.Level
        let message: String
        let metadata: [String: String]
    }

    private let lines = Mutex<[Line]>([])

    var all: [Line] { self.lines.withLock { $0 } }
    var logger: Logger { Logger(label: "test") { _ in Handler(lines: self) } }

    private struct Handler: LogHandler {
        let lines: RecordedLines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        init(lines: RecordedLines) { self.lines = lines }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let line = Line(
                level: event.level, message: event.message.description,
                metadata: (event.metadata ?? [:]).mapValues(\.description))
            self.lines.lines.withLock { $0.append(line) }
        }
    }
}
