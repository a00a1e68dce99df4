import Foundation
import NetworkTestSupport
import Testing

/// The live page of a running `httptp`, as Chromium shows it, and its numbers against an independent count.
@Suite("The live page", .timeLimit(.minutes(10)), .serialized)
struct LivePageTests {
    /// The page as it is after a few seconds, or a picture of it.
    ///
    /// Chromium itself was seen to hang once: then it is started again.
    private func chromium(_ port: Int, _ arguments: [String]) async throws -> String {
        for _ in 0..<3 {
            let scratch = try Scratch()
            let chromium = try ChildProcess(
                try Programs.find("chromium"),
                [
                    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                    "--user-data-dir=\(scratch.path)", "--virtual-time-budget=5000",
                ] + arguments + ["http://127.0.0.1:\(port)/"])
            let guardian = Task {
                try await Task.sleep(for: .seconds(60))
                chromium.endNow()
            }
            let status = try await chromium.ended()
            guardian.cancel()
            if status == 0 { return chromium.text }
        }
        throw Hung()
    }

    private struct Hung: Error, CustomStringConvertible {
        let description = "Chromium did not end by itself, three times in a row."
    }

    /// The text of the element with that id.
    private func text(_ id: String, in page: String) throws -> String {
        let expression = try Regex(#"id="\#(id)"[^>]*>([^<]*)<"#, as: (Substring, Substring).self)
        return String(try #require(page.firstMatch(of: expression), "no \(id) in \(page)").1)
    }

    /// `1.2 MB` in bytes.
    private func bytes(_ text: String) throws -> Double {
        let parts = text.split(separator: " ")
        let exponent = try #require(["B", "kB", "MB", "GB"].firstIndex(of: String(parts[1])))
        return try #require(Double(parts[0])) * pow(1000, Double(exponent))
    }

    /// The value of a metric at `/metrics`.
    private func metric(_ name: String, at port: Int) async throws -> Double {
        let (_, text) = try await ChildProcess.run(
            try Programs.find("curl"), ["-sS", "http://127.0.0.1:\(port)/metrics"])
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(name + " ") }, "no \(name) in \(text)")
        return try #require(Double(line.dropFirst(name.count + 1)))
    }

    /// The numbers of the last moment at `/live.json`.
    private func live(at port: Int) async throws -> [String: Double] {
        let (_, text) = try await ChildProcess.run(
            try Programs.find("curl"), ["-sS", "http://127.0.0.1:\(port)/live.json"])
        let page = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
        let last = try #require((page["samples"] as? [[String: Any]])?.last, "\(text)")
        return last.compactMapValues { $0 as? Double }
    }

    private func isNear(_ seen: Double, _ truth: Int, within part: Double = 0.01) -> Bool {
        abs(seen - Double(truth)) <= Double(truth) * part
    }

    @Test("the page and the metrics agree with what passed, within 1 %", arguments: ["zstd", "none"])
    func agrees(codec: String) async throws {
        let nginx = try await Nginx()
        let far = try await HTTPTPProcess([
            "-inType", "teleport", "-inCompress", codec, "-out", "127.0.0.1:\(nginx.port)", "-outType", "http",
        ])
        let link = try await CountingRelay(to: far.port)
        let page = try unusedPort()
        let near = try await HTTPTPProcess(
            ["-out", "127.0.0.1:\(link.port)", "-outCompress", codec], statistics: "127.0.0.1:\(page)")
        let clients = try await CountingRelay(to: near.port)
        let count = 300
        let curl = try await ChildProcess.run(
            try Programs.find("curl"),
            ["-sS", "-m", "60", "--fail", "-o", "/dev/null", "http://127.0.0.1:\(clients.port)/text.html?[1-\(count)]"])
        #expect(curl.status == 0, "\(curl.text)")
        // The page shows moments, one a second: the next one has all of it.
        let isSampled = try await eventually {
            let live = try await self.live(at: page)
            return live["ok"] == Double(count)
                && self.isNear(live["http"] ?? 0, clients.bytesUp + clients.bytesDown)
        }
        #expect(isSampled)
        let before = (link.bytesUp, link.bytesDown)
        let html = try await self.chromium(page, ["--dump-dom"])
        // Nothing but what the link itself has to say from time to time.
        #expect((link.bytesUp, link.bytesDown) == before)

        #expect(try self.text("state", in: html) == "live")
        let passed = (link: link.bytesUp + link.bytesDown, http: clients.bytesUp + clients.bytesDown)
        // The page rounds to three digits at worst.
        #expect(self.isNear(try self.bytes(try self.text("link", in: html)), passed.link), "\(passed) \(html)")
        #expect(self.isNear(try self.bytes(try self.text("http", in: html)), passed.http), "\(passed) \(html)")
        let saved = try #require(Double(try self.text("saved", in: html).split(separator: " ")[0]))
        #expect(abs(saved - 100 * (1 - Double(passed.link) / Double(passed.http))) < 0.5, "\(saved) \(passed)")
        #expect(try self.text("failed", in: html).hasSuffix("0 failed of \(count)"))
        #expect(html.contains("127.0.0.1:\(link.port)</td>") && html.contains(">up</td>"))
        let live = try await self.live(at: page)
        #expect(live["started"] == Double(count) && live["ok"] == Double(count) && live["failed"] == 0, "\(live)")
        #expect(self.isNear(live["link"] ?? 0, passed.link) && self.isNear(live["http"] ?? 0, passed.http), "\(live)")
        // Seven in the three charts, and one in the script that draws them.
        #expect(html.ranges(of: "<path ").count == 8)

        func io(_ side: String, _ kind: String, _ direction: String) -> String {
            "httptp_network_io_bytes_total{side=\"\(side)\",protocol=\"\(kind)\",network_io_direction=\"\(direction)\"}"
        }
        for (name, truth) in [
            (io("servers", "teleport", "transmit"), link.bytesUp),
            (io("servers", "teleport", "receive"), link.bytesDown),
            (io("clients", "http", "receive"), clients.bytesUp), (io("clients", "http", "transmit"), clients.bytesDown),
        ] {
            #expect(self.isNear(try await self.metric(name, at: page), truth), "\(name): \(truth)")
        }
        let requests =
            "http_server_request_duration_seconds_count{http_request_method=\"GET\",http_response_status_code=\"200\"}"
        #expect(try await self.metric(requests, at: page) == Double(count))
        let plain = try await self.metric(
            "httptp_link_plain_bytes_total{side=\"servers\",network_io_direction=\"receive\"}", at: page)
        if codec == "none" {
            #expect(self.isNear(plain, link.bytesDown))
        } else {
            #expect(plain > 20 * Double(link.bytesDown))
        }
        await link.stop()
        await clients.stop()
        #expect(try await near.stop() == 0)
        #expect(try await far.stop() == 0)
        try await nginx.stop()
    }

    @Test(
        "it fits a phone and a desk, in light and in dark",
        arguments: [(500, "1"), (500, "0"), (1200, "1"), (1200, "0")])
    func pictures(width: Int, scheme: String) async throws {
        let page = try unusedPort()
        let process = try await HTTPTPProcess([], statistics: "127.0.0.1:\(page)")
        let scratch = try Scratch()
        let path = "\(scratch.path)/page.png"
        let log = try await self.chromium(
            page,
            [
                "--window-size=\(width),900", "--blink-settings=preferredColorScheme=\(scheme)", "--screenshot=\(path)",
                "--hide-scrollbars",
            ])
        let data = try #require(FileManager.default.contents(atPath: path), "\(log)")
        #expect(data.starts(with: [0x89, 0x50, 0x4E, 0x47]) && data.count > 5000)
        // The width and the height behind the head of a PNG file.
        let size = data[16..<24].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        #expect(size == UInt64(width) << 32 | 900)
        // A page that is wider than the window would be cut, or scroll to the side.
        let dom = try await self.chromium(page, ["--window-size=\(width),900", "--dump-dom"])
        #expect(dom.contains("name=\"viewport\""))
        #expect(try await process.stop() == 0)
    }
}
