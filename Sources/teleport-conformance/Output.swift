import Foundation
import TeleportConformance

/// What is printed, and where: the report on standard output, all else on standard error.
struct Output: Sendable {
    private let table: ResultTable
    private let isJSON: Bool

    init(checks: [Check], isJSON: Bool) {
        self.table = ResultTable(checks)
        self.isJSON = isJSON
    }

    func begin(_ text: String) {
        guard !self.isJSON else { return Self.complain(text) }
        Self.say(text)
        Self.say(self.table.header)
    }

    func report(_ outcome: Outcome) {
        guard !self.isJSON else { return }
        Self.say(self.table.line(outcome))
    }

    /// Says what a client is waited for, to people who wait with it.
    func wait(_ check: Check, _ text: String) {
        guard isatty(STDERR_FILENO) != 0 else { return }
        FileHandle.standardError.write(Data("\(check.name): waiting for \(text)\u{1B}[K\r".utf8))
    }

    func finish(_ outcomes: [Outcome], side: Side, address: String) {
        Self.say(
            self.isJSON
                ? JSONReport.text(outcomes, side: side, address: address) : ResultTable.summary(outcomes))
    }

    static func list(_ checks: [Check]) {
        let table = ResultTable(checks)
        for check in checks { Self.say(table.line(check)) }
    }

    /// Unbuffered: lines are read while the run goes on.
    private static func say(_ text: String) {
        FileHandle.standardOutput.write(Data("\(text)\n".utf8))
    }

    static func complain(_ text: String) {
        FileHandle.standardError.write(Data("\(text)\n".utf8))
    }
}
