import Foundation
import Logging
import NIOCore
import Synchronization
import Testing

@testable import TeleportProxy

@Suite("The access log", .timeLimit(.minutes(10)))
struct AccessLogTests {
    private static func record(
        _ target: String = "/", start: Int64 = 0, duration: Int64 = 0, failure: String? = nil
    ) -> AccessRecord {
        AccessRecord(
            start: start, duration: duration, client: "10.0.0.7", method: "GET", target: target, version: "HTTP/1.1",
            status: 200, requestBytes: 0, responseBytes: 12, upstream: "10.0.0.9:80", attempts: 1, failure: failure)
    }

    private static func line(_ record: AccessRecord) -> String {
        var buffer = ByteBuffer()
        AccessLine.write(record, into: &buffer)
        return String(buffer: buffer)
    }

    private static func object(_ line: some StringProtocol) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }

    // MARK: Lines

    @Test("a line is what the documentation says")
    func exactLines() {
        let answered = AccessRecord(
            start: 1_782_907_200_123_999_999, duration: 1_250_999, client: "2001:db8::1", method: "POST",
            target: "/a/b?token=secret", version: "teleport/0", status: 201, requestBytes: 17, responseBytes: 5120,
            upstream: "10.0.0.9:80", attempts: 2, failure: nil)
        #expect(
            Self.line(answered) == """
                {"time":"2026-07-01T12:00:00.123Z","duration_ms":1.250,"client":"2001:db8::1","method":"POST",\
                "path":"/a/b","has_query":true,"version":"teleport/0","status":201,"request_bytes":17,\
                "response_bytes":5120,"upstream":"10.0.0.9:80","attempts":2,"failure":null}

                """)
        let refused = AccessRecord(
            start: 0, duration: 999, client: "unix", method: "GET", target: "/", version: "HTTP/1.0", status: 429,
            requestBytes: 0, responseBytes: 0, upstream: nil, attempts: 0, failure: "overloaded")
        #expect(
            Self.line(refused) == """
                {"time":"1970-01-01T00:00:00.000Z","duration_ms":0.000,"client":"unix","method":"GET",\
                "path":"/","has_query":false,"version":"HTTP/1.0","status":429,"request_bytes":0,\
                "response_bytes":0,"upstream":null,"attempts":0,"failure":"overloaded"}

                """)
    }

    @Test(
        "dates are those of another implementation",
        arguments: [
            Int64.min, -62_135_596_800, -1, 0, 951_782_399_999_000_000, 951_782_400_000_000_000,
            951_868_800_000_000_000,
            1_709_164_800_000_000_000, 1_735_689_599_999_999_999, 4_107_542_400_000_000_000, Int64.max,
        ])
    func dates(start: Int64) throws {
        let time = try #require(try Self.object(Self.line(Self.record(start: start)))["time"] as? String)
        let milliseconds = start >= 0 ? start / 1_000_000 : (start + 1) / 1_000_000 - 1
        // Whole seconds apart, which a Double holds exactly.
        let second = (milliseconds - (milliseconds % 1000 + 1000) % 1000) / 1000
        let style = Date.ISO8601FormatStyle(timeZone: .gmt)
        let expected = style.format(Date(timeIntervalSince1970: Double(second))).dropLast()
        #expect(time == "\(expected).\(String(1000 + milliseconds - second * 1000).dropFirst())Z")
    }

    @Test("durations have microseconds, and are never negative")
    func durations() throws {
        for (duration, expected) in [
            (Int64(0), "0.000"), (1000, "0.001"), (999_999, "0.999"), (1_000_000, "1.000"), (-5, "0.000"),
            (3_600_000_000_000, "3600000.000"), (Int64.max, "9223372036854.775"),
        ] {
            #expect(Self.line(Self.record(duration: duration)).contains(",\"duration_ms\":\(expected),"))
        }
    }

    @Test("texts are escaped so that a line stays one, and terminals obey nothing")
    func escapes() throws {
        for (text, expected) in [
            ("plain", "plain"), ("", ""), ("a\"b\\c", "a\\\"b\\\\c"), ("\n\r\t\u{0}", "\\u000a\\u000d\\u0009\\u0000"),
            ("\u{1B}[31m\u{7F}", "\\u001b[31m\\u007f"), ("\u{80}\u{9B}\u{9F}\u{A0}", "\\u0080\\u009b\\u009f\u{A0}"),
            ("é漢😀", "é漢😀"), ("\"", "\\\""), ("x\u{1F}", "x\\u001f"),
        ] {
            var buffer = ByteBuffer()
            AccessLine.writeText(text, into: &buffer)
            #expect(String(buffer: buffer) == "\"\(expected)\"")
            #expect(try Self.object("{\"x\":\(String(buffer: buffer))}")["x"] as? String == text)
        }
        var every = ""
        for value in UInt32(0)...0x2FF { every.unicodeScalars.append(Unicode.Scalar(value)!) }
        let line = Self.line(Self.record(failure: every))
        #expect(try Self.object(line)["failure"] as? String == every)
        #expect(line.utf8.filter { $0 == UInt8(ascii: "\n") }.count == 1)
    }

    @Test("bytes that are not UTF-8 become U+FFFD")
    func invalidText() throws {
        let target = String(decoding: [0x2F, 0xFF, 0xC3, 0x28, 0xED, 0xA0, 0x80, 0x41], as: UTF8.self)
        let path = try #require(try Self.object(Self.line(Self.record(target)))["path"] as? String)
        #expect(path.hasPrefix("/\u{FFFD}\u{FFFD}(") && path.hasSuffix("A"))
    }

    @Test(
        "neither the query nor a password in the target is ever recorded",
        arguments: [
            ("/a?secret", "/a", true), ("/?secret=?", "/", true), ("?secret", "", true), ("/a?", "/a", true),
            ("/a#secret?secret", "/a", true), ("/a#secret", "/a", false), ("/a/b", "/a/b", false), ("*", "*", false),
            ("http://me:secret@host/a?secret", "/a", true), ("http://me:secret@host", "/", false),
            ("http://me:secret@host?secret", "/", true), ("http://host/x@y", "/x@y", false),
            ("host:443", "host:443", false),
            ("me:secret@host:443", "host:443", false), ("", "", false), ("/http://a@b/c", "/http://a@b/c", false),
            ("/%3Fa", "/%3Fa", false), ("//me@host/a", "//me@host/a", false),
        ])
    func query(target: String, path: String, hasQuery: Bool) throws {
        let line = Self.line(Self.record(target))
        let object = try Self.object(line)
        #expect(object["path"] as? String == path)
        #expect(object["has_query"] as? Bool == hasQuery)
        #expect(!line.contains("secret"))
    }

    // MARK: Files

    private func withDirectory<R>(_ body: (String) throws -> R) throws -> R {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("access-\(UUID())").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try body(path)
    }

    private func wholeLines(_ path: String) throws -> [Substring] {
        try self.wholeLines(of: String(decoding: Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self))
    }

    private func wholeLines(of text: String) throws -> [Substring] {
        #expect(text.isEmpty || text.hasSuffix("\n"))
        let lines = text.split(separator: "\n")
        for line in lines { _ = try Self.object(line) }
        return lines
    }

    private func makeLog(
        _ path: String, lines: LogLines = LogLines(), _ configure: (inout AccessLog.Limits) -> Void = { _ in }
    ) throws -> AccessLog {
        var limits = AccessLog.Limits()
        configure(&limits)
        return try AccessLog(path: path, logger: lines.logger, limits: limits)
    }

    /// Waits for something that another thread does; the time limit of the suite ends it.
    private func wait(until condition: () throws -> Bool) rethrows {
        while try !condition() { usleep(1000) }
    }

    @Test("records are in the file after closing, which is appended to and not for everybody")
    func appends() throws {
        try self.withDirectory { directory in
            let path = directory + "/log"
            for number in 0..<2 {
                let log = try AccessLog(path: path)
                log.record(Self.record("/\(number)"))
                log.close()
                log.close()
                log.record(Self.record("/late"))
                #expect(log.droppedCount == 1)
            }
            let lines = try self.wholeLines(path)
            #expect(try lines.map { try Self.object($0)["path"] as? String } == ["/0", "/1"])
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(try #require(mode) & 0o137 == 0)
        }
    }

    @Test("lines are written a while after they were recorded, without closing")
    func delay() throws {
        try self.withDirectory { directory in
            let path = directory + "/log"
            let log = try AccessLog(path: path)
            for number in 1...3 {
                log.record(Self.record())
                try self.wait { try self.wholeLines(path).count == number }
            }
            log.close()
        }
    }

    @Test("a full batch does not wait")
    func batch() throws {
        try self.withDirectory { directory in
            let path = directory + "/log"
            let log = try self.makeLog(path) { $0.delay = .hours(1) }
            let size = Self.line(Self.record()).utf8.count
            for _ in 0..<(64 << 10) / size + 1 { log.record(Self.record()) }
            try self.wait { try self.wholeLines(path).count > 0 }
            log.close()
        }
    }

    @Test("a path that cannot be opened is told with the reason", arguments: ["/nonexistent/log", "/", ""])
    func cannotOpen(path: String) {
        let error = #expect(throws: AccessLogError.self) { try AccessLog(path: path) }
        #expect(error?.path == path)
        #expect(error?.description.contains("Expected a path") == true)
    }

    @Test("after rotation new lines are in a new file, and all lines are whole")
    func rotation() throws {
        try self.withDirectory { directory in
            let path = directory + "/log"
            let log = try self.makeLog(path)
            for _ in 0..<1000 { log.record(Self.record("/old")) }
            try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
            log.reopen()
            self.wait { FileManager.default.fileExists(atPath: path) }
            for _ in 0..<1000 { log.record(Self.record("/new")) }
            log.close()
            let old = try self.wholeLines(path + ".1")
            let new = try self.wholeLines(path)
            #expect(old.count == 1000 && old.allSatisfy { $0.contains("\"/old\"") })
            #expect(new.count == 1000 && new.allSatisfy { $0.contains("\"/new\"") })
            #expect(log.droppedCount == 0 && log.failureCount == 0)
        }
    }

    @Test("rotation under load loses and tears nothing")
    func rotationUnderLoad() throws {
        try self.withDirectory { directory in
            let path = directory + "/log"
            let log = try self.makeLog(path) { $0.batch = 4096 }
            let isDone = Atomic(0)
            DispatchQueue.concurrentPerform(iterations: 4) { thread in
                if thread > 0 {
                    for number in 0..<2000 { log.record(Self.record("/\(thread)/\(number)")) }
                    isDone.wrappingAdd(1, ordering: .relaxed)
                    return
                }
                for number in 0..<1000 where isDone.load(ordering: .relaxed) < 3 {
                    guard (try? FileManager.default.moveItem(atPath: path, toPath: "\(path).\(number)")) != nil else {
                        continue
                    }
                    log.reopen()
                }
            }
            log.close()
            let files = try FileManager.default.contentsOfDirectory(atPath: directory)
            #expect(try files.reduce(0) { try $0 + self.wholeLines("\(directory)/\($1)").count } == 6000)
        }
    }

    @Test("a path that cannot be opened again keeps the old file, and is told")
    func cannotReopen() throws {
        try self.withDirectory { directory in
            let folder = directory + "/folder"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            let lines = LogLines()
            let log = try self.makeLog(folder + "/log", lines: lines)
            try FileManager.default.moveItem(atPath: folder, toPath: directory + "/moved")
            log.reopen()
            self.wait { log.failureCount == 1 }
            log.record(Self.record())
            log.close()
            #expect(try self.wholeLines(directory + "/moved/log").count == 1)
            #expect(lines.all == ["access log cannot be opened again"])
        }
    }

    @Test("a disk that is full drops records, counts them, and is told once")
    func full() throws {
        guard FileManager.default.fileExists(atPath: "/dev/full") else { return }
        let lines = LogLines()
        let log = try self.makeLog("/dev/full", lines: lines) { $0.delay = .milliseconds(1) }
        for number in 1...3 {
            for _ in 0..<10 { log.record(Self.record()) }
            self.wait { log.droppedCount == number * 10 }
        }
        log.close()
        #expect(log.failureCount >= 3)
        #expect(log.droppedCount == 30)
        #expect(lines.all == ["access log cannot be written, records are dropped"])
    }

    @Test("while nobody reads, memory is bounded, and the lines behind say how many are missing")
    func stuck() throws {
        try self.withDirectory { directory in
            let path = directory + "/pipe"
            try #require(mkfifo(path, 0o600) == 0)
            let reader = open(path, O_RDONLY | O_NONBLOCK)
            try #require(reader >= 0)
            defer { close(reader) }
            let log = try self.makeLog(path) { limits in
                limits.buffered = 256 << 10
                limits.batch = 16 << 10
                limits.closing = .minutes(2)
            }
            var recorded = 0
            while log.droppedCount < 100 {
                log.record(Self.record("/\(recorded)"))
                recorded += 1
            }
            // A pipe holds 64 KiB unless told otherwise; nothing else left the log.
            let size = Self.line(Self.record()).utf8.count
            #expect(recorded - 100 < ((256 + 128) << 10) / size)
            let text = Mutex("")
            DispatchQueue.concurrentPerform(iterations: 2) { thread in
                guard thread == 0 else { return log.close() }
                text.withLock { $0 = self.readToEnd(reader) }
            }
            let lines = try self.wholeLines(of: text.withLock { $0 }).map { try Self.object($0) }
            let missing = lines.compactMap { $0["dropped"] as? Int }
            #expect(missing.reduce(0, +) == log.droppedCount)
            #expect(lines.count - missing.count + log.droppedCount == recorded)
            #expect(missing.count >= 1)
            let paths = lines.compactMap { $0["path"] as? String }
            #expect(paths == paths.sorted { Int($0.dropFirst())! < Int($1.dropFirst())! })
        }
    }

    /// Reads until the last writer has closed.
    private func readToEnd(_ descriptor: Int32) -> String {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4000)
        while true {
            var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            _ = poll(&request, 1, -1)
            let count = read(descriptor, &chunk, chunk.count)
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            if count > 0 { bytes += chunk[..<count] }
        }
    }

    @Test("closing gives up a pipe that nobody reads")
    func closesStuck() throws {
        try self.withDirectory { directory in
            let path = directory + "/pipe"
            try #require(mkfifo(path, 0o600) == 0)
            #expect(throws: AccessLogError.self) { try AccessLog(path: path) }
            let reader = open(path, O_RDONLY | O_NONBLOCK)
            try #require(reader >= 0)
            defer { close(reader) }
            let log = try self.makeLog(path) { $0.closing = .milliseconds(1) }
            for _ in 0..<5000 { log.record(Self.record()) }
            log.close()
            #expect(log.droppedCount > 0)
            #expect(log.failureCount > 0)
        }
    }

    @Test("lines of eight threads are never mixed")
    func threads() throws {
        try self.withDirectory { directory in
            let path = directory + "/log"
            let log = try self.makeLog(path) { $0.buffered = 64 << 20 }
            DispatchQueue.concurrentPerform(iterations: 8) { thread in
                for number in 0..<2000 {
                    log.record(Self.record("/\(thread)/\(number)?secret", failure: "x\n\(thread)"))
                }
            }
            log.close()
            let paths = try self.wholeLines(path).map { try #require(try Self.object($0)["path"] as? String) }
            #expect(paths.count == 16_000)
            #expect(Set(paths).count == 16_000)
            for thread in 0..<8 {
                let own = paths.filter { $0.hasPrefix("/\(thread)/") }
                #expect(own == (0..<2000).map { "/\(thread)/\($0)" })
            }
        }
    }
}

/// Messages that were logged.
private final class LogLines: Sendable {
    private let messages = Mutex<[String]>([])

    var all: [String] { self.messages.withLock { $0 } }
    var logger: Logger { Logger(label: "test") { _ in Handler(lines: self) } }

    private struct Handler: LogHandler {
        let lines: LogLines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        init(lines: LogLines) { self.lines = lines }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            self.lines.messages.withLock { $0.append(event.message.description) }
        }
    }
}
