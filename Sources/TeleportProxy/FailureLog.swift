internal import Logging
internal import NIOCore
internal import Synchronization

/// Tells the log about requests that have no answer of a server, without drowning it: a server that is down fails
/// thousands a second, all alike.
///
/// Failures of the same kind at the same server are logged at once if none was within the last second; those left out
/// are told by number in `suppressed` of the next one.
final class FailureLog: Sendable {
    private struct Key: Hashable {
        let kind: String
        let upstream: String

        /// Shared by all that the table has no room for.
        static let other = Key(kind: "other", upstream: "other")
    }

    private struct Entry {
        var lastLogged: NIODeadline
        var suppressed = 0
    }

    /// Kinds are few and servers are configured, so this is never reached, unless somebody makes kinds up.
    static let maximumKeys = 256
    static let interval = TimeAmount.seconds(1)
    /// Unicode scalars of a cause that are logged.
    static let maximumCauseLength = 300

    private let logger: Logger
    private let logsAll: Bool
    private let now: @Sendable () -> NIODeadline
    private let entries = Mutex<[Key: Entry]>([:])

    /// - Parameters:
    ///   - logsAll: whether each failure is logged.
    ///   - now: the clock.
    init(logger: Logger, logsAll: Bool, now: @escaping @Sendable () -> NIODeadline = { .now() }) {
        self.logger = logger
        self.logsAll = logsAll
        self.now = now
    }

    /// A request failed.
    ///
    /// - Parameters:
    ///   - kind: a word out of few, such as `timed-out`.
    ///   - upstream: the server that was asked.
    ///   - cause: what happened; made only if it is logged. Its first 300 characters are, without control characters.
    func failed(kind: String, upstream: String, cause: @autoclosure () -> String) {
        var metadata: Logger.Metadata = [:]
        if !self.logsAll {
            guard let suppressed = self.admit(Key(kind: kind, upstream: upstream)) else { return }
            if suppressed > 0 { metadata["suppressed"] = "\(suppressed)" }
        }
        metadata["kind"] = "\(kind)"
        metadata["upstream"] = "\(upstream)"
        metadata["cause"] = "\(Self.printable(cause()))"
        self.logger.warning("request failed", metadata: metadata)
    }

    /// How many were left out since the last one, if this one is to be logged.
    private func admit(_ key: Key) -> Int? {
        let now = self.now()
        return self.entries.withLock { entries in
            let isKnown = entries[key] != nil
            // One place is kept for all others.
            let key = isKnown || entries.count < Self.maximumKeys - 1 ? key : .other
            guard let entry = entries[key] else {
                entries[key] = Entry(lastLogged: now)
                return 0
            }
            guard now - entry.lastLogged >= Self.interval else {
                entries[key]?.suppressed += 1
                return nil
            }
            entries[key] = Entry(lastLogged: now)
            return entry.suppressed
        }
    }

    /// The text on one line and of bounded length: causes may repeat what a server sent.
    private static func printable(_ text: String) -> String {
        let scalars = text.unicodeScalars.prefix(Self.maximumCauseLength)
        var result = String(
            String.UnicodeScalarView(
                scalars.map { scalar in
                    switch scalar.properties.generalCategory {
                    case .control, .lineSeparator, .paragraphSeparator: "\u{FFFD}"
                    default: scalar
                    }
                }))
        if scalars.endIndex != text.unicodeScalars.endIndex { result += "…" }
        return result
    }
}
