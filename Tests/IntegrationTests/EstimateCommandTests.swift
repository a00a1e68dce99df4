import Foundation
import NIOCore
import NetworkTestSupport
import Teleport
import Testing

@testable import httptp

/// `httptp estimate`, and whether what it says comes true.
@Suite("httptp estimate", .timeLimit(.minutes(10)), .serialized)
struct EstimateCommandTests {
    private func run(_ arguments: String...) async throws -> (status: Int32, text: String) {
        try await ChildProcess.run(Programs.httptp, ["estimate"] + arguments)
    }

    /// What a real exchange was: a GET and the bytes of its answer.
    private struct Recorded {
        let target: String
        let fields: [(String, String)]
        let head: [(String, String)]
        let body: Data

        var request: String {
            "GET \(self.target) HTTP/1.1\r\n" + self.fields.map { "\($0.0): \($0.1)\r\n" }.joined() + "\r\n"
        }

        var entry: [String: Any] {
            func headers(_ fields: [(String, String)]) -> [[String: String]] {
                fields.map { ["name": $0.0, "value": $0.1] }
            }
            return [
                "request": ["method": "GET", "url": "http://a\(self.target)", "headers": headers(self.fields)],
                "response": [
                    "status": 200, "headers": headers(self.head),
                    "content": [
                        "size": self.body.count, "encoding": "base64", "text": self.body.base64EncodedString(),
                    ],
                ],
            ]
        }
    }

    /// Sends a request over a connection that stays open, and reads its answer.
    private func exchange(
        _ target: String, _ fields: [(String, String)], through peer: RawPeer
    ) async throws -> Recorded {
        let request = Recorded(target: target, fields: fields, head: [], body: Data())
        peer.write(request.request)
        var bytes = Data()
        while true {
            if let end = bytes.firstRange(of: Data("\r\n\r\n".utf8)) {
                let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
                try #require(lines[0] == "HTTP/1.1 200 OK", "\(lines)")
                let head = lines.dropFirst().map { line -> (String, String) in
                    let parts = line.split(separator: ":", maxSplits: 1)
                    return (String(parts[0]), parts[1].trimmingCharacters(in: .whitespaces))
                }
                let length = try #require(head.first { $0.0.lowercased() == "content-length" }.flatMap { Int($0.1) })
                if bytes.count >= end.upperBound + length {
                    return Recorded(target: target, fields: fields, head: head, body: bytes[end.upperBound...])
                }
            }
            let more = try #require(await peer.readSome(), "the connection ended within an answer")
            bytes.append(contentsOf: more.readableBytesView)
        }
    }

    /// Numbers of 31 bits that look like chance, and are the same each time.
    private static func random(_ seed: Int, count: Int = 4) -> [Int] {
        var state = UInt64(seed) &+ 1
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33)
        }
    }

    private static func fields(_ number: Int) -> [(String, String)] {
        [
            ("Host", "a"), ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Test/1.0"), ("Accept", "*/*"),
            ("X-Request-ID", "\(UInt64(number) &* 0x9E37_79B9_7F4A_7C15)"),
            // Of everybody another one: so little depends on who is first where several ask at the same time.
            ("Cookie", "session=\(Self.random(number).map { String($0, radix: 16) }.joined())"),
        ]
    }

    /// An answer as services give them: a few hundred bytes to a few thousand, alike in form and not in content.
    ///
    /// What is large and always the same nearly vanishes in a link, and what is left of it depends on the pieces that it
    /// comes in, and on the order; an estimate has answers whole, in the order of their requests.
    private static func record(_ number: Int) -> Data {
        var numbers = Self.random(number, count: 200).makeIterator()
        func next() -> Int { numbers.next() ?? 0 }
        let items = (0..<(2 + next() % 20)).map { _ in
            #"{"id":\#(next()),"price":"\#(next() % 1000).\#(next() % 100)","seller":"\#(String(next(), radix: 36))","inStock":\#(next() % 2 == 0)}"#
        }
        return Data(#"{"query":\#(number),"items":[\#(items.joined(separator: ","))],"next":"/search?page=2"}"#.utf8)
    }

    private static let codecs = ["none", "snappy", "lz4", "zstd", "flate"]

    /// What a pair of `httptp` carries of the traffic, by the count of a relay between them, in waves of `batch` requests.
    ///
    /// Requests leave in the order of the file, and the delays have each wave travel together, as in an estimate.
    private func carried(
        _ recorded: [Recorded], _ codec: String, batch: Int, originPort: Int
    ) async throws -> (requests: Int, responses: Int) {
        let delay = batch == 1 ? "0" : "\(200 + 3 * batch)ms"
        let far = try await HTTPTPProcess([
            "-inType", "teleport", "-inCompress", codec, "-inDelay", delay, "-out", "127.0.0.1:\(originPort)",
            "-outType",
            "http",
        ])
        let relay = try await CountingRelay(to: far.port)
        let near = try await HTTPTPProcess([
            "-out", "127.0.0.1:\(relay.port)", "-outCompress", codec, "-outDelay", delay,
        ])
        var peers: [RawPeer] = []
        for _ in 0..<batch { peers.append(try await RawPeer.connect(to: .tcp(host: "127.0.0.1", port: near.port))) }
        for first in stride(from: 0, to: recorded.count, by: batch) {
            try await withThrowingTaskGroup { group in
                for (exchange, peer) in zip(recorded[first...], peers) {
                    group.addTask { _ = try await self.exchange(exchange.target, exchange.fields, through: peer) }
                    // Behind one another, as far as the system pleases.
                    if batch > 1 { try await Task.sleep(for: .milliseconds(1)) }
                }
                try await group.waitForAll()
            }
        }
        for peer in peers { await peer.close() }
        #expect(try await near.stop() == 0)
        #expect(try await far.stop() == 0)
        await relay.stop()
        return (relay.bytesUp, relay.bytesDown)
    }

    @Test(
        "what it says of a file is what a pair of httptp carries of the same traffic, within 5 %",
        arguments: [1, 10, 100])
    func comesTrue(batch: Int) async throws {
        let nginx = try await Nginx()
        let scratch = try Scratch()
        let direct = try await RawPeer.connect(to: .tcp(host: "127.0.0.1", port: nginx.port))
        var recorded: [Recorded] = []
        let count = batch == 10 ? 100 : 200
        for number in 0..<count {
            let target = batch == 1 ? ["/small.txt", "/\(number).json", "/empty"][number % 3] : "/\(number).json"
            try nginx.scratch.write("html/\(number).json", Self.record(number))
            recorded.append(try await self.exchange("\(target)?number=\(number)", Self.fields(number), through: direct))
        }
        await direct.close()
        let file = ["log": ["entries": recorded.map(\.entry)]]
        try scratch.write("traffic.har", try JSONSerialization.data(withJSONObject: file))

        let (status, text) = try await self.run(
            "\(scratch.path)/traffic.har", "--batches", "\(batch)", "--codecs", Self.codecs.joined(separator: ","),
            "--json")
        try #require(status == 0, "\(text)")
        let json = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(json["exchanges"] as? Int == count)
        let estimates = try #require(json["estimates"] as? [[String: Any]])
        #expect(estimates.map { $0["codec"] as? String } == Self.codecs)
        for (codec, estimate) in zip(Self.codecs, estimates) {
            let said = try #require(estimate["link_bytes"] as? [String: Int])
            let seen = try await self.carried(recorded, codec, batch: batch, originPort: nginx.port)
            for (what, seen) in [("requests", seen.requests), ("responses", seen.responses)] {
                let expected = try #require(said[what])
                let difference = Double(seen - expected) / Double(expected)
                report("estimate of \(what), \(codec), \(batch) a batch: said \(expected), seen \(seen)")
                #expect(abs(difference) < 0.05, "\(what), \(codec): said \(expected), seen \(seen)")
            }
        }
        try await nginx.stop()
    }

    @Test("it prints a table, writes the plot, and says what to do")
    func table() async throws {
        let scratch = try Scratch()
        let lines = (0..<100).map { #"{"id": \#($0), "user": {"name": "someone", "tags": ["a", "b", "c"]}}"# }
        try scratch.write("lines.jsonl", Data(lines.joined(separator: "\n").utf8))
        try scratch.write("answers.jsonl", Data(lines.reversed().joined(separator: "\n").utf8))
        let (status, text) = try await self.run(
            "\(scratch.path)/lines.jsonl", "--answers", "\(scratch.path)/answers.jsonl", "--svg",
            "\(scratch.path)/plot.svg")
        #expect(status == 0)
        #expect(text.hasPrefix("lines.jsonl: 100 exchanges; as HTTP/1.1 "), "\(text)")
        #expect(text.matches(of: #/\n(none|snappy|lz4|zstd|flate) +(1|10|100) /#).count == 15, "\(text)")
        #expect(text.contains("\nRecommended: -outCompress "))
        let plot = String(
            decoding: try Data(contentsOf: URL(fileURLWithPath: "\(scratch.path)/plot.svg")), as: UTF8.self)
        #expect(plot.hasPrefix("<svg") && plot.contains("lines.jsonl"))
    }

    @Test("mistakes are told in a sentence, with the exit code of whose they are")
    func mistakes() async throws {
        let scratch = try Scratch()
        try scratch.write("bad", Data("1\nno\n".utf8))
        try scratch.write("good", Data("1\n".utf8))
        let (bad, good) = ("\(scratch.path)/bad", "\(scratch.path)/good")
        for (arguments, code, part) in [
            ([], 64, "Missing expected argument '<file>'"),
            (["--bogus", good], 64, "Unknown option '--bogus'"),
            ([good, "--codecs", "gzip"], 64, "--codecs: "),
            ([good, "--batches", "0"], 64, "--batches: expected numbers from 1 to 10000"),
            ([good, "--batches", "1,,2"], 64, "got \"\""),
            ([bad], 1, "\(bad):2: expected a JSON text in each line, or a HAR file"),
            (["/nowhere/at/all"], 1, "/nowhere/at/all: cannot be read: "),
            (
                [good, "--svg", "/nowhere/at/all", "--codecs=none", "--batches=1"], 1,
                "/nowhere/at/all cannot be written: "
            ),
        ] as [([String], Int32, String)] {
            let (status, text) = try await ChildProcess.run(Programs.httptp, ["estimate"] + arguments)
            #expect(status == code && text.contains(part), "\(arguments): \(status) \(text)")
        }
        let (status, help) = try await self.run("--help")
        #expect(status == 0 && help.contains("USAGE: httptp estimate <file>"))
    }
}
