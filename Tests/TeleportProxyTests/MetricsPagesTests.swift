import Foundation
import NIOCore
import Synchronization
import Teleport
import Testing

@testable import TeleportProxy

@Suite("The pages of metrics", .timeLimit(.minutes(10)))
struct MetricsPagesTests {
    /// The names of the reference, with the numbers that ``statistics`` has for them.
    private static let expected: [(String, Int)] = [
        ("expvarHandlerCalls", 1), ("expvarRegexpErrors", 0), ("inAcceptError", 2), ("inAcceptSuccess", 1),
        ("inBytesRead", 4), ("inBytesWritten", 5), ("inConns", 3), ("inReadCalls", 6), ("inReadError", 7),
        ("inRequestNon200", 22), ("inRequestOtherError", 24), ("inRequestStart", 20), ("inRequestSuccess", 21),
        ("inRequestTimeoutError", 23), ("inWriteCalls", 8), ("inWriteError", 9), ("outBytesRead", 14),
        ("outBytesWritten", 15), ("outConns", 13), ("outDialError", 12), ("outDialSuccess", 11), ("outReadCalls", 16),
        ("outReadError", 17), ("outWriteCalls", 18), ("outWriteError", 19), ("prometheusHandlerCalls", 0),
    ]

    private static func traffic(from first: Int) -> Traffic {
        var traffic = Traffic()
        traffic.connectionsOpened = first
        traffic.connectionsFailed = first + 1
        traffic.connectionsOpen = first + 2
        traffic.bytesRead = first + 3
        traffic.bytesWritten = first + 4
        traffic.readCalls = first + 5
        traffic.readErrors = first + 6
        traffic.writeCalls = first + 7
        traffic.writeErrors = first + 8
        return traffic
    }

    private let pages = AdminPages(
        statistics: {
            ProxyStatistics(
                clients: Self.traffic(from: 1), servers: Self.traffic(from: 11), requestsStarted: 20,
                requestsSucceeded: 21, requestsNon200: 22, requestsTimedOut: 23, requestsFailed: 24)
        }, readiness: { .ready },
        sampler: LiveSampler(statistics: { fatalError("nobody samples") }, durations: RequestDurations()))

    private func response(_ target: String, _ method: HTTPMethod = .get) -> Response {
        self.pages.response(to: Request(method, target, host: "localhost"))
    }

    private func text(_ response: Response) -> String { String(buffer: response.body.buffer ?? ByteBuffer()) }

    private func variables(_ target: String) throws -> [String: Int] {
        let response = self.response(target)
        #expect(response.status == .ok)
        let json = try JSONSerialization.jsonObject(with: Data(self.text(response).utf8))
        return try #require(json as? [String: Int])
    }

    @Test("/expvar is a JSON object with the reference's names, sorted, each with its own number")
    func expvar() throws {
        let response = self.response("/expvar")
        #expect(response.status == .ok)
        #expect(response.fields.first(.contentType) == "application/json; charset=utf-8")
        let lines = Self.expected.map { "\t\"\($0)\": \($1)" }
        #expect(self.text(response) == "{\n" + lines.joined(separator: ",\n") + "\n}\n")
        #expect(try self.variables("/expvar").count == Self.expected.count)
        #expect(Self.expected.map(\.0) == Self.expected.map(\.0).sorted())
    }

    @Test("r keeps the names that match, percent-decoded")
    func filter() throws {
        #expect(try self.variables("/expvar?r=Conns").keys.sorted() == ["inConns", "outConns"])
        #expect(try self.variables("/expvar?r=%5Ein(Conns%7CBytes)").count == 3)
        #expect(try self.variables("/expvar?x=1&r=^outDial&r=no").keys.sorted() == ["outDialError", "outDialSuccess"])
        #expect(try self.variables("/expvar?r=nothing").isEmpty)
        #expect(try self.variables("/expvar?r=").count == Self.expected.count)
        #expect(try self.variables("/expvar?").count == Self.expected.count)
        #expect(try self.variables("/expvar?R=Conns&q").count == Self.expected.count)
        #expect(try self.variables("/expvar?r=a+b").isEmpty)
        #expect(try self.variables("/expvar?r=%ff").isEmpty)
    }

    @Test("a bad expression is refused and counted")
    func badExpression() throws {
        for pattern in ["(", "%5B", "a**", "*", "%zz("] {
            let response = self.response("/expvar?r=\(pattern)")
            #expect(response.status == 400)
            #expect(self.text(response).contains("regular expression"))
        }
        let counts = try self.variables("/expvar?r=^expvar")
        #expect(counts == ["expvarHandlerCalls": 6, "expvarRegexpErrors": 5])
    }

    @Test("/prometheus keeps to the text format and tells counters from gauges")
    func prometheus() throws {
        let response = self.response("/prometheus")
        #expect(response.status == .ok)
        #expect(response.fields.first(.contentType) == "text/plain; version=0.0.4; charset=utf-8")
        let samples = try PrometheusText.parse(self.text(response))
        #expect(samples.map(\.name) == Self.expected.map(\.0))
        for (sample, expected) in zip(samples, Self.expected.map(\.1)) {
            switch sample.name {
            case "expvarHandlerCalls": #expect(sample.value == 0)
            case "prometheusHandlerCalls": #expect(sample.value == 1)
            default: #expect(sample.value == Double(expected), "\(sample.name)")
            }
            #expect(sample.type == (["inConns", "outConns"].contains(sample.name) ? "gauge" : "counter"))
        }
    }

    @Test("targets may have a query or be absolute")
    func targets() {
        for target in [
            "/prometheus?", "/prometheus?x=/expvar", "http://localhost:8040/prometheus", "HTTP://h/prometheus?a=b",
        ] {
            #expect(self.text(self.response(target)).hasPrefix("# TYPE "), "\(target)")
        }
        #expect(self.response("http://localhost/expvar?r=Conns").status == .ok)
    }

    @Test(
        "other paths get 404 with the names of the pages",
        arguments: [
            "*", "/expvar/", "//expvar", "/Expvar", "/expvar%20", "/metrics/", "//", "/live", "http://localhost",
            "expvar", "x/expvar", "localhost:80", "http:///x/expvar", "",
        ])
    func otherPaths(target: String) {
        for method in [HTTPMethod.get, .post] {
            let response = self.response(target, method)
            #expect(response.status == 404)
            #expect(self.text(response) == "The pages are /, /metrics, /prometheus, /expvar, /healthz and /readyz.\n")
        }
    }

    @Test("HEAD is GET, other methods are refused with Allow")
    func methods() {
        #expect(self.response("/expvar?r=out", .head).status == .ok)
        #expect(self.response("/prometheus", .head).fields.first(.contentType)?.hasPrefix("text/plain") == true)
        for method in [HTTPMethod.post, .put, .delete, .options, .connect] {
            let response = self.response("/prometheus", method)
            #expect(response.status == 405)
            #expect(response.fields.first(.allow) == "GET, HEAD")
        }
        #expect(self.text(self.response("/expvar?r=prom")) == "{\n\t\"prometheusHandlerCalls\": 1\n}\n")
    }

    @Test("requests that many threads count add up")
    func counters() async {
        let counters = RequestCounters()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for number in 0..<1000 {
                        counters.started()
                        switch number % 4 {
                        case 0: counters.succeeded(is200: true)
                        case 1: counters.succeeded(is200: false)
                        case 2: counters.timedOut()
                        default: counters.failed()
                        }
                    }
                }
            }
        }
        #expect(
            counters.statistics(clients: Traffic(), servers: Self.traffic(from: 3))
                == ProxyStatistics(
                    clients: Traffic(), servers: Self.traffic(from: 3), requestsStarted: 8000, requestsSucceeded: 4000,
                    requestsNon200: 2000, requestsTimedOut: 2000, requestsFailed: 2000))
    }

    // MARK: Expressions

    @Test(
        "expressions match what Swift's match",
        arguments: [
            "", ".", "in", "^in", "Error$", "^inConns$", "in|out", "^(in|out)Conns$", "^(?:in|out)(Read|Write)", "x*",
            "n+", "Co?n", "Co??n", "[A-Z][a-z]*[0-9]", "[^a-z]{2}", "^.{7}$", "^.{7,8}$", "^.{25,}$", "\\d+", "\\D\\d",
            "\\w{24}", "\\W", "\\s", "\\S", "[\\d]", "[\\w-]", "[-a]", "[a-]", "\\.", "a\\|b", "\\(", "^$", "$^", "()",
            "a||b", "(|in)C",
            "(^|t)Conns", "(s|$)$", "(a*)*", "(a*)+$", "((in|out)?Dial){1,2}", "(e|xp|var)+H", ".*Request.*Error",
            "in{2}", "(in){0}Conns", "[^\\d]$", "((((s))))$", "é", "ns|é",
        ])
    func matching(pattern: String) throws {
        let own = try KeyPattern(parsing: pattern)
        let reference = try Regex(pattern)
        for name in Self.expected.map(\.0) + ["", "a", "aaa", "a|b", "a.b", "("] {
            #expect(own.matches(name) == (name.firstMatch(of: reference) != nil), "\(name)")
        }
    }

    @Test(
        "what is no expression is refused",
        arguments: [
            "(", ")", "a)", "(a", "[", "[a", "[]", "[^]", "[z-a]", "*", "+a", "?", "a**", "a+*", "a|*", "(*)", "{2}",
            "a{", "a{}", "a{,2}",
            "a{3,2}", "a{2", "a{1001}", "a{99999999999999999999}", "\\", "\\b", "\\1", "(?=a)", "(?i)a", "(?<n>a)",
            String(repeating: "a", count: 257),
        ])
    func refused(pattern: String) {
        #expect(throws: KeyPattern.Failure.self) { try KeyPattern(parsing: pattern) }
    }

    @Test(
        "no expression takes long",
        arguments: [
            "(.*)*x", "(a|[a-zA-Z]|.)*(.|.)*x$", "(([a-zA-Z])+)+x$", "(.*.*.*.*.*.*.*.*)*x",
            String(repeating: "(", count: 80) + "." + String(repeating: ")*", count: 60)
                + String(repeating: ")", count: 20),
            String(repeating: "(", count: 31) + ".?" + String(repeating: "){999}", count: 31),
            String(repeating: "(", count: 50) + "^|." + String(repeating: "){2}", count: 50),
            String(repeating: "(.|.)", count: 50),
            String(repeating: "(", count: 60) + "a" + String(repeating: "|.)?", count: 45)
                + String(repeating: ")", count: 15),
        ])
    func bounded(pattern: String) throws {
        let pattern = try KeyPattern(parsing: pattern)
        for (name, _) in Self.expected { _ = pattern.matches(name) }
        _ = pattern.matches(String(repeating: "a", count: 1000))
    }
}

/// The text exposition format 0.0.4, as far as metrics without labels go, read strictly.
private enum PrometheusText {
    struct Sample {
        let name: String
        let type: String
        let value: Double
    }

    struct Malformed: Error {
        let line: String
    }

    static func parse(_ text: String) throws -> [Sample] {
        var types: [String: String] = [:]
        var samples: [Sample] = []
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        // "The last line must end with a line feed character."
        guard lines.popLast() == "" else { throw Malformed(line: "the last one") }
        for line in lines where !line.isEmpty {
            if let match = line.wholeMatch(of: /#[ \t]+TYPE[ \t]+([a-zA-Z_:][a-zA-Z0-9_:]*)[ \t]+([a-z]+)/) {
                let (name, type) = (String(match.1), String(match.2))
                // One TYPE for a name, before its first sample.
                guard ["counter", "gauge", "histogram", "summary", "untyped"].contains(type), types[name] == nil,
                    !samples.contains(where: { $0.name == name })
                else { throw Malformed(line: String(line)) }
                types[name] = type
            } else if line.hasPrefix("#") {
                guard line.hasPrefix("# HELP ") || !line.hasPrefix("# TYPE") else {
                    throw Malformed(line: String(line))
                }
            } else {
                guard let match = line.wholeMatch(of: /([a-zA-Z_:][a-zA-Z0-9_:]*)[ \t]+([-+0-9.eE]+)([ \t]+-?[0-9]+)?/),
                    let value = Double(match.2), !samples.contains(where: { $0.name == String(match.1) })
                else { throw Malformed(line: String(line)) }
                let name = String(match.1)
                samples.append(Sample(name: name, type: types[name] ?? "untyped", value: value))
            }
        }
        return samples
    }
}
