import Foundation
import TeleportHTTP
import Testing

@Suite struct HTTPDateTests {
    @Test(arguments: [
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"), (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        (253_402_300_800, "Fri, 31 Dec 9999 23:59:59 GMT"), (-5, "Thu, 01 Jan 1970 00:00:00 GMT"),
    ])
    func formats(_ second: Int64, _ text: String) {
        #expect(HTTPDate(second: second).description == text)
    }

    @Test func agreesWithFoundationOverTwoCenturies() {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "GMT")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        var date = HTTPDate()
        for second in stride(from: Int64(0), to: 6_400_000_000, by: 86_400 * 9 + 4_321) {
            date.update(to: second)
            #expect(date.description == formatter.string(from: Date(timeIntervalSince1970: Double(second))))
            #expect(date.withBytes { $0.byteCount } == 29)
        }
    }
}
