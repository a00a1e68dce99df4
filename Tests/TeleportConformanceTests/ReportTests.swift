import Foundation
import Testing

@testable import TeleportConformance

@Suite("How outcomes are reported")
struct ReportTests {
    private static func outcome(_ verdict: Verdict, _ seen: String) -> Outcome {
        let check = Check.server("V1-50", "word", "A \"title\"", expected: "much") { _ in "" }
        return Outcome(check: check, verdict: verdict, seen: seen, duration: .microseconds(1500))
    }

    @Test("a line has verdict, name, milliseconds, title, expected and seen")
    func line() {
        let outcome = Self.outcome(.fail, "little")
        let line = ResultTable([outcome.check]).line(outcome)
        #expect(line == "FAIL     V1-50/word      2  A \"title\" · much · little")
    }

    @Test("a check that was not made says why, and what was expected of it is left out")
    func notObserved() {
        let outcome = Self.outcome(.notObserved, "needs TLS")
        let line = ResultTable([outcome.check]).line(outcome)
        #expect(line.hasPrefix("–  ") && line.hasSuffix("A \"title\" · not observed: needs TLS"))
    }

    @Test("the last line counts, and names the rules that are broken once each")
    func summary() {
        let outcomes = [Self.outcome(.fail, "a"), Self.outcome(.fail, "b"), Self.outcome(.pass, "c")]
        #expect(ResultTable.summary(outcomes) == "1 passed, 2 failed, 0 not observed. Broken: V1-50")
        #expect(ResultTable.summary([outcomes[2]]) == "1 passed, 0 failed, 0 not observed")
    }

    @Test("the JSON is JSON, whatever a peer sent")
    func json() throws {
        let seen = "a \"quote\", a \\, a line\nbreak and \u{1}"
        let text = JSONReport.text([Self.outcome(.notObserved, seen)], side: .client, address: "[::1]:80")
        let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(object["tool"] as? String == "teleport-conformance")
        #expect(object["side"] as? String == "client")
        #expect(object["notObserved"] as? Int == 1)
        let result = try #require((object["results"] as? [[String: Any]])?.first)
        #expect(result["rule"] as? String == "V1-50")
        #expect(result["check"] as? String == "V1-50/word")
        #expect(result["verdict"] as? String == "not-observed")
        #expect(result["seen"] as? String == seen)
        #expect(result["milliseconds"] as? Double == 1.5)
    }
}
