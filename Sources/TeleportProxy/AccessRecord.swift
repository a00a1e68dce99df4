internal import NIOCore

/// What an ``AccessLog`` keeps of one request.
///
/// Never a field, a body, or the query of the target: those hold passwords, sessions and people's data, and logs are
/// read, copied and kept by more hands than they are meant for.
public struct AccessRecord: Sendable, Hashable {
    /// When the request was read, in nanoseconds since 1970-01-01 00:00 UTC.
    public var start: Int64
    /// From then to the last byte of the answer, in nanoseconds.
    public var duration: Int64
    /// The IP address of the client without its port, or `unix`.
    public var client: String
    /// The method.
    public var method: String
    /// The path of the target. It ends before the query, and a scheme and an authority before it are left out.
    public let path: String
    /// Whether there was a query.
    public let hasQuery: Bool
    /// What the client spoke: `HTTP/1.1`, `HTTP/1.0` or `teleport/0`.
    public var version: String
    /// The status the client was given.
    public var status: Int
    /// Bytes of the request's body.
    public var requestBytes: Int
    /// Bytes of the answer's body.
    public var responseBytes: Int
    /// The server that was asked last, `nil` if none was.
    public var upstream: String?
    /// How many servers were asked, or one how often.
    public var attempts: Int
    /// A word for what went wrong, `nil` if the server's answer was passed on.
    public var failure: String?

    /// A record of a request for `target`, of which only the path is kept.
    public init(
        start: Int64, duration: Int64, client: String, method: String, target: String, version: String,
        status: Int, requestBytes: Int, responseBytes: Int, upstream: String?, attempts: Int, failure: String?
    ) {
        self.start = start
        self.duration = duration
        self.client = client
        self.method = method
        (self.path, self.hasQuery) = Self.split(target)
        self.version = version
        self.status = status
        self.requestBytes = requestBytes
        self.responseBytes = responseBytes
        self.upstream = upstream
        self.attempts = attempts
        self.failure = failure
    }

    private static func split(_ target: String) -> (path: String, hasQuery: Bool) {
        let bytes = target.utf8
        var start = bytes.startIndex
        // A fragment has no place in a target (RFC 9112 §3.2); if one is there it is as private as a query.
        let end = bytes.firstIndex { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") } ?? bytes.endIndex
        let hasQuery = bytes[end...].contains(UInt8(ascii: "?"))
        guard bytes.first != UInt8(ascii: "/") else { return (String(target[..<end]), hasQuery) }
        // Absolute form: the authority may hold a name and a password (RFC 9110 §4.2.4).
        if let scheme = bytes[..<end].firstIndex(of: UInt8(ascii: ":")), bytes[scheme..<end].starts(with: "://".utf8) {
            start = bytes.index(scheme, offsetBy: 3)
            start = bytes[start..<end].firstIndex(of: UInt8(ascii: "/")) ?? end
            return (start == end ? "/" : String(target[start..<end]), hasQuery)
        }
        if let at = bytes[..<end].lastIndex(of: UInt8(ascii: "@")) { start = bytes.index(after: at) }
        return (String(target[start..<end]), hasQuery)
    }
}

/// Lines of an ``AccessLog``.
enum AccessLine {
    static let end = UInt8(ascii: "\n")
    private static let droppedStart: StaticString = "{\"dropped\":"

    /// Appends the line of a record.
    static func write(_ record: AccessRecord, into buffer: inout ByteBuffer) {
        buffer.writeStaticString("{\"time\":\"")
        self.writeTime(record.start, into: &buffer)
        buffer.writeStaticString("\",\"duration_ms\":")
        self.writeMilliseconds(record.duration, into: &buffer)
        buffer.writeStaticString(",\"client\":")
        self.writeText(record.client, into: &buffer)
        buffer.writeStaticString(",\"method\":")
        self.writeText(record.method, into: &buffer)
        buffer.writeStaticString(",\"path\":")
        self.writeText(record.path, into: &buffer)
        buffer.writeStaticString(record.hasQuery ? ",\"has_query\":true" : ",\"has_query\":false")
        buffer.writeStaticString(",\"version\":")
        self.writeText(record.version, into: &buffer)
        self.writeNumber(record.status, named: ",\"status\":", into: &buffer)
        self.writeNumber(record.requestBytes, named: ",\"request_bytes\":", into: &buffer)
        self.writeNumber(record.responseBytes, named: ",\"response_bytes\":", into: &buffer)
        buffer.writeStaticString(",\"upstream\":")
        self.writeText(record.upstream, into: &buffer)
        self.writeNumber(record.attempts, named: ",\"attempts\":", into: &buffer)
        buffer.writeStaticString(",\"failure\":")
        self.writeText(record.failure, into: &buffer)
        buffer.writeStaticString("}\n")
    }

    /// Appends the line that stands for records left out.
    static func writeDropped(_ count: Int, into buffer: inout ByteBuffer) {
        self.writeNumber(count, named: self.droppedStart, into: &buffer)
        buffer.writeStaticString("}\n")
    }

    /// The records among whole lines, and how many more the others stand for.
    static func count(in lines: ByteBuffer) -> (records: Int, dropped: Int) {
        var records = 0
        var dropped = 0
        for line in lines.readableBytesView.split(separator: self.end) {
            let start = self.droppedStart.withUTF8Buffer { $0.count }
            if line.count > start, self.droppedStart.withUTF8Buffer({ line.starts(with: $0) }) {
                dropped += Int(String(decoding: line.dropFirst(start).dropLast(), as: UTF8.self)) ?? 0
            } else {
                records += 1
            }
        }
        return (records, dropped)
    }

    // MARK: Values

    private static func writeNumber(_ number: Int, named name: StaticString, into buffer: inout ByteBuffer) {
        buffer.writeStaticString(name)
        buffer.writeString(String(number))
    }

    /// A JSON string (RFC 8259 §7), or `null`. Besides what has to be escaped, so are DEL and the control characters
    /// U+0080 to U+009F: terminals that show the file obey them.
    static func writeText(_ text: String?, into buffer: inout ByteBuffer) {
        guard var text else {
            buffer.writeStaticString("null")
            return
        }
        buffer.writeStaticString("\"")
        text.withUTF8 { bytes in
            var start = 0
            for (index, byte) in bytes.enumerated() where byte < 0x20 || byte == 0x22 || byte == 0x5C || byte >= 0x7F {
                // Strings are valid UTF-8: 0xC2 has a successor, which is the character itself.
                let isLongControl = byte == 0xC2 && bytes[index + 1] < 0xA0
                guard byte <= 0x7F || isLongControl else { continue }
                buffer.writeBytes(bytes[start..<index])
                if byte == 0x22 || byte == 0x5C {
                    buffer.writeInteger(UInt8(ascii: "\\"))
                    buffer.writeInteger(byte)
                } else {
                    self.writeEscape(isLongControl ? bytes[index + 1] : byte, into: &buffer)
                }
                start = index + (isLongControl ? 2 : 1)
            }
            buffer.writeBytes(bytes[start...])
        }
        buffer.writeStaticString("\"")
    }

    private static func writeEscape(_ byte: UInt8, into buffer: inout ByteBuffer) {
        buffer.writeStaticString("\\u00")
        for digit in [byte >> 4, byte & 15] { buffer.writeInteger(digit < 10 ? 0x30 + digit : 0x57 + digit) }
    }

    /// Milliseconds with three places; what is below a microsecond is cut off.
    private static func writeMilliseconds(_ nanoseconds: Int64, into buffer: inout ByteBuffer) {
        let (whole, rest) = (max(nanoseconds, 0) / 1000).quotientAndRemainder(dividingBy: 1000)
        buffer.writeString(String(whole))
        buffer.writeStaticString(".")
        self.writeDigits(Int(rest), 3, into: &buffer)
    }

    /// A time of RFC 3339 §5.6 in UTC, milliseconds cut off.
    private static func writeTime(_ nanoseconds: Int64, into buffer: inout ByteBuffer) {
        let (days, inDay) = Self.divide(Int(nanoseconds), by: 86_400_000_000_000)
        let (year, month, day) = Self.civil(days)
        let second = inDay / 1_000_000_000
        self.writeDigits(year, 4, into: &buffer)
        buffer.writeStaticString("-")
        self.writeDigits(month, 2, into: &buffer)
        buffer.writeStaticString("-")
        self.writeDigits(day, 2, into: &buffer)
        buffer.writeStaticString("T")
        self.writeDigits(second / 3600, 2, into: &buffer)
        buffer.writeStaticString(":")
        self.writeDigits(second / 60 % 60, 2, into: &buffer)
        buffer.writeStaticString(":")
        self.writeDigits(second % 60, 2, into: &buffer)
        buffer.writeStaticString(".")
        self.writeDigits(inDay / 1_000_000 % 1000, 3, into: &buffer)
        buffer.writeStaticString("Z")
    }

    private static func writeDigits(_ number: Int, _ count: Int, into buffer: inout ByteBuffer) {
        var scale = 1
        for _ in 1..<count { scale *= 10 }
        while scale > 0 {
            buffer.writeInteger(0x30 + UInt8(number / scale % 10))
            scale /= 10
        }
    }

    /// Rounds down, so that the rest is never negative.
    private static func divide(_ number: Int, by divisor: Int) -> (Int, Int) {
        let (quotient, rest) = number.quotientAndRemainder(dividingBy: divisor)
        return rest < 0 ? (quotient - 1, rest + divisor) : (quotient, rest)
    }

    /// The date of a day counted from 1970-01-01, in years that begin in March, which a leap day ends.
    private static func civil(_ day: Int) -> (year: Int, month: Int, day: Int) {
        // From 0000-03-01; 64 bits of nanoseconds reach back to 1677, so it is never negative.
        let shifted = day + 719_468
        let (era, dayOfEra) = shifted.quotientAndRemainder(dividingBy: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let year = era * 400 + yearOfEra + (month >= 10 ? 1 : 0)
        return (year, month < 10 ? month + 3 : month - 9, dayOfYear - (153 * month + 2) / 5 + 1)
    }
}
