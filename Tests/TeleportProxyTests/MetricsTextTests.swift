import Foundation
import Histogram
import NIOCore
import Teleport
import Testing

@testable import TeleportProxy

@Suite("/metrics and what the live page is told")
struct MetricsTextTests {
    private static var statistics: ProxyStatistics {
        var clients = Traffic()
        clients.bytesRead = 1000
        clients.bytesWritten = 9000
        var link = Traffic()
        link.bytesRead = 500
        link.bytesWritten = 250
        link.plainBytesRead = 5000
        link.plainBytesWritten = 1000
        link.batchSizes = [1, 2, 0, 0, 0, 0, 3]
        link.compressionNanoseconds = 1_500_000_000
        link.plainBytesByStep = [5, 6, 7, 0, 0]
        var statistics = ProxyStatistics(
            clients: clients, servers: link, requestsStarted: 12, requestsSucceeded: 9, requestsTimedOut: 1,
            requestsFailed: 1)
        statistics.serverLinks = link
        statistics.requestsActive = 1
        statistics.retries = 4
        statistics.retriesDenied = 2
        let durations = RequestDurations()
        for (method, status, milliseconds) in [
            (HTTPMethod.get, Status.ok, Int64(1)), (.get, .ok, 20_000), (.get, .badGateway, 3), (.post, .ok, 40),
            (HTTPMethod("BREW") ?? .get, .ok, 5), (HTTPMethod("STIR") ?? .get, .ok, 5),
        ] {
            durations.record(method, status, .milliseconds(milliseconds))
        }
        statistics.durations = durations.total
        statistics.upstreams = [
            UpstreamStatistics(
                address: "a:1", weight: 2, state: .up, pending: 3, answered: 4, failed: 5, latency: 0.25),
            UpstreamStatistics(address: #"unix:/x"y\z"#, state: .failsChecks),
        ]
        return statistics
    }

    /// The samples of a page by name and labels; `nil` if it breaks the format.
    private func samples(_ text: String) throws -> [String: Double] {
        var samples: [String: Double] = [:]
        var types: [String: String] = [:]
        let sample = /([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*\})? (\S+)/
        for line in text.split(separator: "\n") {
            if line.hasPrefix("# TYPE ") {
                let words = line.split(separator: " ")
                #expect(types.updateValue(String(words[3]), forKey: String(words[2])) == nil, "twice: \(line)")
                continue
            }
            guard !line.hasPrefix("#") else { continue }
            let match = try #require(line.wholeMatch(of: sample), "\(line)")
            let family = String(match.1).replacing(/_(bucket|sum|count)$/, with: "")
            #expect(types[String(match.1)] != nil || types[family] == "histogram", "no type: \(line)")
            let key = String(match.1) + String(match.2 ?? "")
            #expect(samples.updateValue(try #require(Double(match.3)), forKey: key) == nil, "twice: \(line)")
        }
        return samples
    }

    @Test("every number is where it belongs, in a text that Prometheus reads")
    func numbers() throws {
        let text = MetricsText(Self.statistics).text
        let samples = try self.samples(text)
        for (key, value) in [
            (
                #"http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200"}"#,
                2.0
            ),
            (
                #"http_server_request_duration_seconds_sum{http_request_method="GET",http_response_status_code="200"}"#,
                20.001
            ),
            (
                #"http_server_request_duration_seconds_bucket{http_request_method="GET",http_response_status_code="200",le="10.0"}"#,
                1
            ),
            (
                #"http_server_request_duration_seconds_bucket{http_request_method="GET",http_response_status_code="200",le="+Inf"}"#,
                2
            ),
            (
                #"http_server_request_duration_seconds_count{http_request_method="_OTHER",http_response_status_code="200"}"#,
                2
            ),
            (
                #"http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="502"}"#,
                1
            ),
            ("http_server_active_requests", 1), ("httptp_retries_total", 4), ("httptp_retries_denied_total", 2),
            (#"httptp_network_io_bytes_total{side="clients",protocol="http",network_io_direction="transmit"}"#, 9000),
            (#"httptp_network_io_bytes_total{side="servers",protocol="http",network_io_direction="receive"}"#, 0),
            (#"httptp_network_io_bytes_total{side="servers",protocol="teleport",network_io_direction="receive"}"#, 500),
            (#"httptp_link_plain_bytes_total{side="servers",network_io_direction="receive"}"#, 5000),
            (#"httptp_link_compression_ratio{side="servers",network_io_direction="receive"}"#, 0.1),
            (#"httptp_link_compression_ratio{side="servers",network_io_direction="transmit"}"#, 0.25),
            (#"httptp_link_batch_size_bytes_bucket{side="servers",le="1024"}"#, 3),
            (#"httptp_link_compression_seconds_total{side="servers"}"#, 1.5),
            (#"httptp_link_compression_seconds_total{side="clients"}"#, 0),
            (#"httptp_link_compression_step_bytes_total{side="servers",step="stored"}"#, 5),
            (#"httptp_link_compression_step_bytes_total{side="servers",step="2"}"#, 7),
            (#"httptp_link_batch_size_bytes_count{side="servers"}"#, 6),
            (#"httptp_upstream_pending_requests{server_address="a:1"}"#, 3),
            (#"httptp_upstream_answers_total{server_address="a:1"}"#, 4),
            (#"httptp_upstream_failures_total{server_address="a:1"}"#, 5),
            (#"httptp_upstream_latency_seconds{server_address="a:1"}"#, 0.25),
            (#"httptp_upstream_weight{server_address="a:1"}"#, 2),
            (#"httptp_upstream_state{server_address="a:1",state="up"}"#, 1),
            (#"httptp_upstream_state{server_address="unix:/x\"y\\z",state="fails_checks"}"#, 1),
            (#"httptp_upstream_state{server_address="unix:/x\"y\\z",state="up"}"#, 0),
        ] {
            let seen = try #require(samples[key], "\(key) is not in\n\(text)")
            #expect(abs(seen - value) < 1e-9, "\(key): \(seen)")
        }
        #expect(samples[#"httptp_link_compression_ratio{side="clients",network_io_direction="receive"}"#] == nil)
        for state in ["up", "fails_checks"] {
            #expect(text.ranges(of: #"state="\#(state)"} 1"#).count == 1)
        }
    }

    @Test("methods and statuses that somebody makes up make no memory")
    func bounded() {
        let durations = RequestDurations()
        for number in 0..<1000 {
            durations.record(HTTPMethod("M\(number)") ?? .get, Status(code: 200 + number % 100) ?? .ok, .seconds(1))
        }
        #expect(durations.total.count == 100)
        #expect(durations.total.allSatisfy { $0.method == "_OTHER" && $0.sum == 10 && $0.buckets.reduce(0, +) == 10 })
    }

    @Test("what is looked at once is not seen again; totals stay")
    func recent() {
        let durations = RequestDurations()
        for _ in 0..<99 { durations.record(.get, .ok, .milliseconds(2)) }
        durations.record(.get, .ok, .milliseconds(500))
        let recent = durations.takeRecent()
        #expect(recent.totalCount == 100)
        #expect((1900...2100).contains(recent.valueAtPercentile(50)))
        #expect((495_000...505_000).contains(recent.valueAtPercentile(99.9)))
        #expect(durations.takeRecent().totalCount == 0)
        durations.record(.get, .ok, .milliseconds(2))
        #expect(durations.takeRecent().totalCount == 1)
        #expect(durations.total.first?.buckets.reduce(0, +) == 101)
    }

    @Test("the live page asks for the moments that it has not seen; only the last ten minutes are kept")
    func samples() throws {
        let sampler = LiveSampler(statistics: { Self.statistics }, durations: RequestDurations())
        for _ in 0..<605 { sampler.take() }
        func numbers(after number: Int) throws -> [Int] {
            let json = try JSONSerialization.jsonObject(with: Data(sampler.json(after: number).utf8))
            let object = try #require(json as? [String: Any])
            let upstreams = try #require(object["upstreams"] as? [[String: Any]])
            #expect(upstreams.map { $0["address"] as? String } == ["a:1", #"unix:/x"y\z"#])
            return try #require(object["samples"] as? [[String: Any]]).compactMap { $0["n"] as? Int }
        }
        #expect(try numbers(after: 0) == Array(6...605))
        #expect(try numbers(after: 603) == [604, 605])
        #expect(try numbers(after: 605) == [])
        #expect(try numbers(after: 9999) == Array(6...605), "they were another process's")
        let json = try JSONSerialization.jsonObject(with: Data(sampler.json(after: 604).utf8)) as? [String: Any]
        let sample = try #require((json?["samples"] as? [[String: Any]])?.first)
        #expect(sample["http"] as? Int == 10000 && sample["link"] as? Int == 750 && sample["plain"] as? Int == 6000)
        #expect(sample["failed"] as? Int == 2 && sample["ok"] as? Int == 9 && sample["active"] as? Int == 1)
        #expect(sample["p50"] is NSNull)
    }

    @Test("the live page has nothing from elsewhere, and says so to the browser")
    func page() throws {
        let response = LivePage.response
        let text = String(buffer: response.body.buffer ?? ByteBuffer())
        #expect(!text.contains("http://") && !text.contains("https://") && !text.contains("src="))
        let policy = try #require(response.fields.first("Content-Security-Policy"))
        #expect(policy.contains("default-src 'none'") && policy.contains("connect-src 'self'"))
    }
}
