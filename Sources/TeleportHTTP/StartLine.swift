/// The request line, taken apart. Offsets count from the front of the head.
struct RequestLine: Sendable {
    var method = HTTPMethod.get
    var version = HTTPVersion.http11
    var targetStart = 0
    var targetLength = 0

    init() {}

    /// Reads `method SP target SP version` from `bytes[start..<end]`: exactly one space between each (RFC 9112 §3).
    init(_ bytes: RawSpan, from start: Int, to end: Int, maxTargetSize: Int) throws(HTTPError) {
        let methodEnd = ByteScan.spaceStop(bytes, from: start, to: end)
        guard methodEnd < end, methodEnd > start else { throw HTTPError(.invalidRequestLine) }
        guard let method = HTTPMethod(bytes: bytes, from: start, to: methodEnd) else { throw HTTPError(.invalidMethod) }
        let targetEnd = ByteScan.spaceStop(bytes, from: methodEnd &+ 1, to: end)
        targetStart = methodEnd &+ 1
        targetLength = targetEnd &- targetStart
        guard targetLength <= maxTargetSize else { throw HTTPError(.targetTooLong) }
        guard targetLength > 0 else { throw HTTPError(.invalidTarget) }
        guard targetEnd < end, ByteScan.byte(bytes, targetEnd) == ASCII.space,
            ByteScan.byte(bytes, methodEnd) == ASCII.space
        else { throw HTTPError(.invalidRequestLine) }
        switch VersionReading(bytes, from: targetEnd &+ 1, to: end) {
        case .known(let version): self.version = version
        case .other: throw HTTPError(.unsupportedVersion)
        case .malformed: throw HTTPError(.invalidRequestLine)
        }
        self.method = method
    }
}

/// The status line, taken apart. Offsets count from the front of the head.
struct StatusLine: Sendable {
    var version = HTTPVersion.http11
    var status = Status.ok
    var reasonStart = 0
    var reasonLength = 0
    /// The reason phrase is the one of the registry, so it need not be kept.
    var hasStandardReason = true

    init() {}

    /// Reads `version SP status [SP reason]` from `bytes[start..<end]` (RFC 9112 §4). The space behind the status may be
    /// missing if there is no reason phrase: servers in use leave it out, and nothing is ambiguous about it.
    init(_ bytes: RawSpan, from start: Int, to end: Int) throws(HTTPError) {
        guard end &- start >= 12, ByteScan.byte(bytes, start &+ 8) == ASCII.space else {
            throw HTTPError(.invalidStatusLine)
        }
        switch VersionReading(bytes, from: start, to: start &+ 8) {
        case .known(let version): self.version = version
        case .other: throw HTTPError(.unsupportedVersion)
        case .malformed: throw HTTPError(.invalidStatusLine)
        }
        var code = 0
        for index in (start &+ 9)..<(start &+ 12) {
            let digit = ByteScan.byte(bytes, index) &- 0x30
            guard digit < 10 else { throw HTTPError(.invalidStatusLine) }
            code = code &* 10 &+ Int(digit)
        }
        guard let status = Status(code: code), end == start &+ 12 || ByteScan.byte(bytes, start &+ 12) == ASCII.space
        else {
            throw HTTPError(.invalidStatusLine)
        }
        self.status = status
        reasonStart = min(start &+ 13, end)
        reasonLength = end &- reasonStart
        hasStandardReason = bytes.extracting(reasonStart..<end).isIdenticalContent(to: status.standardReason)
    }
}

/// What the version in a start line was found to be.
enum VersionReading {
    case known(HTTPVersion)
    /// A version of HTTP that is not spoken here.
    case other
    case malformed

    /// `HTTP/1.1`, packed with the first character lowest.
    private static let http11: UInt64 = 0x31_2E_31_2F_50_54_54_48
    /// `HTTP/1.0`
    private static let http10: UInt64 = 0x30_2E_31_2F_50_54_54_48

    @inline(__always)
    init(_ bytes: RawSpan, from start: Int, to end: Int) {
        guard end &- start == 8 else {
            self = .malformed
            return
        }
        let word = ByteScan.word(bytes, start)
        switch word {
        case Self.http11: self = .known(.http11)
        case Self.http10: self = .known(.http10)
        default: self = Self.isOther(word) ? .other : .malformed
        }
    }

    /// `HTTP/`, a digit, a point and a digit.
    private static func isOther(_ word: UInt64) -> Bool {
        let major = UInt8(truncatingIfNeeded: word >> 40) &- 0x30
        let minor = UInt8(truncatingIfNeeded: word >> 56) &- 0x30
        return word << 24 == http11 << 24 && UInt8(truncatingIfNeeded: word >> 48) == 0x2E && major < 10 && minor < 10
    }
}
