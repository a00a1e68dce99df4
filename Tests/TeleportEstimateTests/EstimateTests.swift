import Foundation
import NIOCore
import TeleportCompress
import TeleportHTTP
import TeleportReport
import TeleportTestKit
import Testing

@testable import TeleportEstimate

@Suite("What a link would carry", .timeLimit(.minutes(10)))
struct EstimateTests {
    /// Requests with a cookie and a body, and answers whose bodies are of many sizes.
    private static func traffic(_ count: Int, noise: Bool = false) -> RecordedTraffic {
        var random = SeededRandom(seed: 1)
        var traffic = RecordedTraffic()
        for index in 0..<count {
            let size = [0, 300, 5000, 100_000][index % 4]
            let body =
                noise
                ? ByteBuffer(bytes: (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) })
                : ByteBuffer(string: String(repeating: "{\"number\": \(index)}, ", count: size / 15))
            traffic.append(
                RecordedExchange(
                    request: Request(
                        method: .post, target: "/items/\(index)",
                        fields: [.host: "a.example", "Cookie": "session=\(index)"],
                        body: Body(ByteBuffer(string: "{\"id\": \(index)}"))),
                    response: Response(
                        status: index % 4 == 0 ? .noContent : .ok, fields: ["X-Number": "\(index)"], body: Body(body))))
        }
        return traffic
    }

    @Test("a replay goes through a real link, and the more a batch holds the fewer bytes")
    func replay() async throws {
        let traffic = Self.traffic(40)
        let steps = Flags()
        let estimate = try await Estimate(of: traffic, codecs: [.none, .zstd], batches: [1, 20]) { done, what in
            steps.add(done, what)
        }
        #expect(estimate.rows.map { "\($0.codec.name) \($0.batch)" } == ["none 1", "none 20", "zstd 1", "zstd 20"])
        let totals = estimate.rows.map(\.outcome.link.total)
        #expect(totals[1] < totals[0])
        #expect(estimate.rows[3].outcome.link.requests < estimate.rows[2].outcome.link.requests)
        #expect(Swift.max(totals[2], totals[3]) < totals[1] / 100)
        // Without a codec a link carries what was recorded, with heads of its own that are shorter.
        #expect(totals[0] > traffic.plain.total * 95 / 100 && totals[0] < traffic.plain.total)
        #expect(estimate.rows.allSatisfy { $0.outcome.microseconds > 0 })
        #expect(estimate.recommended?.codec == .zstd)
        #expect(steps.values == steps.values.sorted() && steps.values.last == 1)
        #expect(steps.texts.contains("zstd, 20 a batch"))
    }

    private final class Flags: @unchecked Sendable {
        private let lock = NSLock()
        private var seen: [(Double, String)] = []
        var values: [Double] { self.lock.withLock { self.seen.map(\.0) } }
        var texts: Set<String> { self.lock.withLock { Set(self.seen.map(\.1)) } }
        func add(_ done: Double, _ what: String) { self.lock.withLock { self.seen.append((done, what)) } }
    }

    @Test("every codec brings back what was recorded", arguments: CodecKind.allCases)
    func codecs(codec: CodecKind) async throws {
        let outcome = try await LinkReplay(codec: CompressionCodec(codec), batch: 7).run(Self.traffic(30))
        #expect(outcome.link.requests > 0 && outcome.link.responses > 0)
    }

    @Test("for traffic that does not shrink no codec is recommended")
    func noise() async throws {
        let estimate = try await Estimate(of: Self.traffic(12, noise: true), codecs: [.none, .zstd], batches: [10])
        #expect(estimate.recommended?.codec == CodecKind.none)
        #expect(estimate.advice.hasPrefix("Recommended: no codec."))
    }

    /// Rows without a replay.
    private static func row(_ codec: CodecKind, _ batch: Int, _ bytes: Int, _ cost: Double) -> Estimate.Row {
        Estimate.Row(
            codec: codec, batch: batch,
            outcome: .init(link: Volume(requests: bytes / 4, responses: bytes - bytes / 4), microseconds: cost))
    }

    @Test("recommended is what leaves the fewest bytes, or nearly so for less CPU, at batches of about ten")
    func recommendation() {
        func choice(_ rows: Estimate.Row...) -> String? {
            Estimate(traffic: Self.traffic(4), rows: rows).recommended.map { "\($0.codec.name) \($0.batch)" }
        }
        #expect(choice() == nil)
        #expect(choice(Self.row(.none, 10, 1000, 5), Self.row(.zstd, 10, 300, 9)) == "zstd 10")
        #expect(choice(Self.row(.zstd, 10, 300, 9), Self.row(.lz4, 10, 330, 7)) == "lz4 10")
        #expect(choice(Self.row(.zstd, 10, 300, 9), Self.row(.lz4, 10, 331, 7)) == "zstd 10")
        #expect(
            choice(Self.row(.zstd, 1, 100, 1), Self.row(.flate, 8, 300, 9), Self.row(.lz4, 100, 50, 1)) == "flate 8")
        #expect(choice(Self.row(.none, 10, 1000, 5), Self.row(.zstd, 10, 920, 9)) == "none 10")
    }

    @Test("the report says what there was, what it comes to, and what to do")
    func report() {
        var traffic = Self.traffic(4)
        traffic.remark("left out: a reason")
        let estimate = Estimate(
            traffic: traffic, rows: [Self.row(.none, 10, 104_000, 12.345), Self.row(.zstd, 10, 26_500, 20)])
        let requests = Double(traffic.plain.requests) / 4
        let answers = Double(traffic.plain.responses) / 4
        let ratios = [104_000.0, 26_500].map {
            NumberFormat.decimal($0 / Double(traffic.plain.total) * 100, digits: 1)
        }
        #expect(
            estimate.text(of: "a.har") == """
                a.har: 4 exchanges; as HTTP/1.1 \(NumberFormat.decimal(requests, digits: 1)) bytes a request and \
                \(NumberFormat.decimal(answers, digits: 1)) an answer
                  1 x left out: a reason

                What a link carries, in bytes each, and the CPU of both its ends for one exchange:

                codec  batch  request   answer  of HTTP      CPU
                none      10   6500.0  19500.0   \(ratios[0]) %  12.3 µs
                zstd      10   1656.3   4968.8   \(ratios[1]) %  20.0 µs

                \(estimate.advice)

                """)
        #expect(estimate.advice.hasPrefix("Recommended: -outCompress zstd near the clients, -inCompress zstd far"))
        let json = "\(estimate.json)"
        #expect(json.contains(#""exchanges":4,"http_bytes":{"requests":\#(traffic.plain.requests),"#))
        #expect(
            json.contains(
                #"{"codec":"zstd","batch":10,"link_bytes":{"requests":6625,"responses":19875},"cpu_us_per_exchange":20.00}"#
            ))
        #expect(json.hasSuffix(#""recommended":"zstd"}"#))
        let svg = estimate.plot(of: "a.har").svg
        #expect(svg.contains("What a link carries of a.har") && svg.contains(">zstd<") && svg.contains(">HTTP/1.1<"))
    }
}
