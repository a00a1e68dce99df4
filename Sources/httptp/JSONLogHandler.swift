import Foundation
import Logging
import TeleportReport

/// Logs a JSON object a line on standard error, for those who collect logs:
///
/// ```json
/// {"time":"2026-07-01T12:00:00.123Z","level":"warning","message":"request failed","cause":"…","upstream":"10.0.0.9:80"}
/// ```
struct JSONLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = self.metadata.merging(event.metadata ?? [:]) { $1 }
        FileHandle.standardError.write(Data((Self.line(event.level, "\(event.message)", all, at: Date()) + "\n").utf8))
    }

    /// Keys in a fixed order first, then those of the metadata, sorted.
    static func line(_ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata, at time: Date) -> String {
        let own = ["time", "level", "message"]
        let stamp = time.formatted(
            .iso8601.year().month().day().time(includingFractionalSeconds: true).timeZone(separator: .omitted))
        var pairs = [("time", stamp), ("level", level.rawValue), ("message", message)]
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            // Nothing of the metadata takes the place of what every line has.
            pairs.append((own.contains(key) ? "\(key)_" : key, "\(value)"))
        }
        return JSON.object(pairs.map { JSON.Member($0.0, .string($0.1)) }).description
    }
}
