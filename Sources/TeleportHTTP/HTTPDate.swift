/// The text of a `Date` field, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7), kept for the second it belongs to.
///
/// It reads no clock: give it the time as often as you like, it only works when the second has changed.
public struct HTTPDate: Sendable, CustomStringConvertible {
    /// The seconds since 1970-01-01 00:00 UTC that ``bytes`` says.
    public private(set) var second: Int64
    private var text: InlineArray<29, UInt8>

    /// The last second of the year 9999: later ones have no four-digit year and are written as this one.
    private static let lastSecond: Int64 = 253_402_300_799
    private static let weekdays: StaticString = "ThuFriSatSunMonTueWed"
    private static let months: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"

    /// The date of that unix second. Seconds before 1970 are taken as 0.
    public init(second: Int64 = 0) {
        self.second = second
        text = InlineArray(repeating: ASCII.space)
        format()
    }

    /// Moves to another second; costs a comparison if it is the same.
    public mutating func update(to second: Int64) {
        guard second != self.second else { return }
        self.second = second
        format()
    }

    /// Calls `body` with the 29 bytes.
    public func withBytes<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        try body(text.span.bytes)
    }

    public var description: String {
        withBytes { ByteScan.string($0, from: 0, to: $0.byteCount) }
    }

    private mutating func format() {
        let time = Int(min(max(second, 0), Self.lastSecond))
        let (day, rest) = time.quotientAndRemainder(dividingBy: 86_400)
        let (year, month, monthDay) = Self.civil(day)
        put(Self.weekdays, (day % 7) * 3, at: 0)
        text[3] = ASCII.comma
        put(monthDay, at: 5)
        put(Self.months, (month - 1) * 3, at: 8)
        put(year / 100, at: 12)
        put(year % 100, at: 14)
        put(rest / 3600, at: 17)
        text[19] = ASCII.colon
        put(rest / 60 % 60, at: 20)
        text[22] = ASCII.colon
        put(rest % 60, at: 23)
        put("GMT", 0, at: 26)
    }

    private mutating func put(_ names: StaticString, _ offset: Int, at index: Int) {
        names.withUTF8Buffer { utf8 in
            for position in 0..<3 { text[index + position] = utf8[offset + position] }
        }
    }

    private mutating func put(_ number: Int, at index: Int) {
        text[index] = 0x30 + UInt8(number / 10)
        text[index + 1] = 0x30 + UInt8(number % 10)
    }

    /// The date of a day counted from 1970-01-01, by years that begin in March, so that a leap day is the last of its
    /// year and months follow one formula.
    private static func civil(_ day: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = day + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }
}
