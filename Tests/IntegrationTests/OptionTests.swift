import Foundation
import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import Testing

/// What the options do, seen from outside of a running `httptp`.
@Suite("the options of a running httptp", .timeLimit(.minutes(10)), .serialized)
struct OptionTests {
    /// An HTTP server that answers when `gate` is open, and counts what it is asked.
    private func hangingServer(_ gate: Gate) async throws -> RawServer {
        try await RawServer { peer in
            var seen = ""
            while let bytes = await peer.readSome() {
                seen += String(buffer: bytes)
                while let end = seen.range(of: "\r\n\r\n") {
                    seen.removeSubrange(..<end.upperBound)
                    await gate.wait()
                    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                }
            }
        }
    }

    private func port(of server: RawServer) -> Int {
        if case .tcp(_, let port) = server.address { port } else { 0 }
    }

    private func connect(_ port: Int) async throws -> RawPeer {
        try await RawPeer.connect(to: .tcp(host: "127.0.0.1", port: port))
    }

    /// One request on a connection of its own, and all that comes.
    private func ask(_ port: Int, _ text: String) async throws -> String {
        let peer = try await self.connect(port)
        peer.write(text)
        let answer = String(buffer: await peer.readToEnd())
        await peer.close()
        return answer
    }

    /// A near `httptp` that refuses nothing, before one under test.
    private func near(_ port: Int) async throws -> HTTPTPProcess {
        try await HTTPTPProcess([
            "-out", "127.0.0.1:\(port)", "-inMaxHeaderSize", "60000", "-inMaxBodySize", "20000000",
        ])
    }

    // MARK: Who may come

    @Test("-inAllowIP: others are closed without a byte", arguments: ["http", "teleport"])
    func allowed(type: String) async throws {
        let nginx = try await Nginx()
        let proxy = try await HTTPTPProcess([
            "-inType", type, "-inAllowIP", "10.0.0.0/8,127.0.0.2", "-out", "127.0.0.1:\(nginx.port)", "-outType",
            "http",
        ])
        let bytes = type == "http" ? "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n" : "httpteleport\0\u{1}\0"
        let answer = try await self.ask(proxy.port, bytes)
        #expect(answer.isEmpty, "\(answer)")
        if type == "http" {
            let url = "http://127.0.0.1:\(proxy.port)/small.txt"
            #expect(try await Curl.code(["--interface", "127.0.0.1", url]) == "000")
            #expect(try await Curl.code(["--interface", "127.0.0.2", url]) == "200")
            #expect(try await Curl.code(["--interface", "127.0.0.3", url]) == "000")
        }
        #expect(try await proxy.stop() == 0)
        try await nginx.stop()
    }

    @Test("-inGetOnly: other methods get 405, by HTTP and by Teleport", arguments: ["http", "teleport"])
    func getOnly(type: String) async throws {
        let nginx = try await Nginx()
        let proxy = try await HTTPTPProcess([
            "-inType", type, "-inGetOnly", "-out", "127.0.0.1:\(nginx.port)", "-outType", "http",
        ])
        let near = type == "http" ? nil : try await self.near(proxy.port)
        let base = "http://127.0.0.1:\((near ?? proxy).port)"
        for (arguments, expected) in [
            (["/small.txt"], "200"), (["-I", "/small.txt"], "200"), (["-d", "a", "/up/x"], "405"),
            (["-X", "PUT", "-d", "a", "/up/x"], "405"), (["-X", "DELETE", "/up/x"], "405"), (["/small.txt"], "200"),
        ] {
            let code = try await Curl.code(arguments.dropLast() + ["\(base)\(arguments[arguments.count - 1])"])
            #expect(code == expected, "\(arguments)")
        }
        #expect(try await near?.stop() ?? 0 == 0)
        #expect(try await proxy.stop() == 0)
        try await nginx.stop()
    }

    // MARK: Limits

    @Test("-inMaxHeaderSize and -inMaxBodySize: 431 and 413, by HTTP and by Teleport", arguments: ["http", "teleport"])
    func sizes(type: String) async throws {
        let nginx = try await Nginx()
        let proxy = try await HTTPTPProcess([
            "-inType", type, "-inMaxHeaderSize", "1000", "-inMaxBodySize", "5000", "-out", "127.0.0.1:\(nginx.port)",
            "-outType", "http",
        ])
        let near = type == "http" ? nil : try await self.near(proxy.port)
        let base = "http://127.0.0.1:\((near ?? proxy).port)"
        let scratch = try Scratch()
        for size in [5000, 5001, 1_000_000] {
            try scratch.write("\(size)", Data(repeating: 0x61, count: size))
        }
        let long = "X-Long: \(String(repeating: "a", count: 1000))"
        let short = "X-Long: \(String(repeating: "a", count: 500))"
        for (arguments, expected) in [
            (["-H", short, "/small.txt"], "200"), (["-H", long, "/small.txt"], "431"), (["/small.txt"], "200"),
            (["-T", "\(scratch.path)/5000", "/up/a"], "201"), (["-T", "\(scratch.path)/5001", "/up/b"], "413"),
            (["-T", "\(scratch.path)/1000000", "/up/c"], "413"),
            (["-H", "Transfer-Encoding: chunked", "-T", "\(scratch.path)/5000", "/up/d"], "201"),
            (["-H", "Transfer-Encoding: chunked", "-T", "\(scratch.path)/5001", "/up/e"], "413"),
            (["/small.txt"], "200"),
        ] {
            let code = try await Curl.code(
                ["-H", "Expect:"] + arguments.dropLast() + ["\(base)\(arguments[arguments.count - 1])"])
            #expect(code == expected, "\(arguments)")
        }
        #expect(try await near?.stop() ?? 0 == 0)
        #expect(try await proxy.stop() == 0)
        try await nginx.stop()
    }

    @Test("-concurrency 3: the fourth at the same time gets 429, and later ones are served again")
    func concurrency() async throws {
        let gate = Gate()
        let server = try await self.hangingServer(gate)
        let proxy = try await HTTPTPProcess([
            "-concurrency", "3", "-out", "127.0.0.1:\(self.port(of: server))", "-outType", "http", "-outTimeout", "60s",
        ])
        let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        async let first = self.ask(proxy.port, request)
        async let second = self.ask(proxy.port, request)
        async let third = self.ask(proxy.port, request)
        await gate.arrived(3)
        for _ in 0..<5 {
            let answer = try await self.ask(proxy.port, request)
            #expect(answer.hasPrefix("HTTP/1.1 429 "), "\(answer)")
        }
        await gate.open()
        for answer in try await [first, second, third] { #expect(answer.hasPrefix("HTTP/1.1 200 "), "\(answer)") }
        #expect(try await self.ask(proxy.port, request).hasPrefix("HTTP/1.1 200 "))
        #expect(try await proxy.stop() == 0)
        await server.kill()
    }

    @Test("-outConnsPerAddr 3 is three, to a Teleport server and to an HTTP server")
    func connectionsPerAddress() async throws {
        let gate = Gate()
        let server = try await self.hangingServer(gate)
        let far = try await HTTPTPProcess([
            "-inType", "teleport", "-out", "127.0.0.1:\(self.port(of: server))", "-outType", "http", "-outConnsPerAddr",
            "3", "-outTimeout", "60s",
        ])
        let near = try await HTTPTPProcess([
            "-out", "127.0.0.1:\(far.port)", "-outConnsPerAddr", "3", "-outTimeout", "60s",
        ])
        let answers = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<30 {
                group.addTask {
                    try await self.ask(near.port, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                }
            }
            await gate.arrived(3)
            #expect(try await eventually { try establishedConnections(to: far.port) == 3 })
            #expect(try establishedConnections(to: self.port(of: server)) == 3)
            await gate.open()
            return try await group.reduce(into: [String]()) { $0.append($1) }
        }
        #expect(answers.count { $0.hasPrefix("HTTP/1.1 200 ") } == 30, "\(answers)")
        #expect(try establishedConnections(to: far.port) == 3)
        #expect(try establishedConnections(to: self.port(of: server)) == 3)
        #expect(server.connectionCount == 3)
        #expect(try await near.stop() == 0)
        #expect(try await far.stop() == 0)
        await server.kill()
    }

    // MARK: What is added on the way

    @Test("-clientIPHeader and -via, by HTTP and by Teleport")
    func added() async throws {
        // Answers with the head that it is asked with.
        let server = try await RawServer { peer in
            var head = ""
            while !head.contains("\r\n\r\n"), let bytes = await peer.readSome() { head += String(buffer: bytes) }
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: \(head.utf8.count)\r\nConnection: close\r\n\r\n\(head)")
            peer.endOutput()
        }
        let out = ["-out", "127.0.0.1:\(self.port(of: server))", "-outType", "http"]
        let web = try await HTTPTPProcess(["-clientIPHeader", "X-Client", "-via", "edge"] + out)
        let link = try await HTTPTPProcess(["-inType", "teleport", "-clientIPHeader", "X-Client", "-via="] + out)
        let near = try await HTTPTPProcess(["-clientIPHeader", "X-Client", "-out", "127.0.0.1:\(link.port)"])
        let plain = try await HTTPTPProcess(out)
        for (port, options, expected) in [
            (web.port, [], ["Via: 1.1 edge", "X-Client: 127.0.0.1"]),
            (web.port, ["--interface", "127.0.0.9"], ["Via: 1.1 edge", "X-Client: 127.0.0.9"]),
            (
                web.port, ["-H", "X-Client: 10.1.1.1", "-H", "Via: 1.0 first"],
                ["Via: 1.0 first", "Via: 1.1 edge", "X-Client: 10.1.1.1, 127.0.0.1"]
            ),
            (web.port, ["--http1.0"], ["Via: 1.0 edge", "X-Client: 127.0.0.1"]),
            (plain.port, ["-H", "X-Client: 10.1.1.1"], ["Via: 1.1 httptp", "X-Client: 10.1.1.1"]),
            (near.port, ["--interface", "127.0.0.9"], ["Via: 1.1 httptp", "X-Client: 127.0.0.9, 127.0.0.1"]),
        ] {
            let text = try await Curl.run(options + ["http://127.0.0.1:\(port)/"]).text
            let lines = text.split(separator: "\r\n").filter { $0.hasPrefix("Via:") || $0.hasPrefix("X-Client:") }
            #expect(lines.map(String.init).sorted() == expected, "\(options): \(text)")
        }
        for process in [web, near, link, plain] { #expect(try await process.stop() == 0) }
        await server.kill()
    }

    @Test(
        "a client that wants the connection closed gets that, also with a refusal",
        arguments: [
            "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\nHost: no/host\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: no/host\r\nConnection: close\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab",
            "TRACE / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\nConnection: close\r\n\r\n",
            "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nConnection: close\r\n\r\n",
        ])
    func closing(request: String) async throws {
        // An idle connection ends too, but later.
        let proxy = try await HTTPTPProcess([
            "-inMaxBodySize", "1", "-inIdleTimeout", "60s", "-out", "127.0.0.1:\(try unusedPort())", "-outType", "http",
        ])
        let peer = try await self.connect(proxy.port)
        peer.write(request)
        let answered = Task { String(buffer: await peer.readToEnd()) }
        let isClosed = Mutex(false)
        let watching = Task {
            _ = await answered.value
            isClosed.withLock { $0 = true }
        }
        #expect(try await eventually(within: .seconds(5)) { isClosed.withLock { $0 } }, "left open")
        await peer.close()
        await watching.value
        let answer = await answered.value
        #expect(answer.hasPrefix("HTTP/1.1 4") || answer.hasPrefix("HTTP/1.1 5"), "\(answer)")
        #expect(answer.contains("\r\nConnection: close\r\n"), "\(answer)")
        #expect(try await proxy.stop() == 0)
    }

    // MARK: Listening

    @Test("-reusePort: two processes at one port both get connections; without it the second does not start")
    func reusePort() async throws {
        let nginx = try await Nginx()
        let out = ["-out", "127.0.0.1:\(nginx.port)", "-outType", "http", "-reusePort"]
        let scratch = try Scratch()
        let first = try await HTTPTPProcess(out + ["-accessLog", "\(scratch.path)/first"])
        let second = try await HTTPTPProcess(out + ["-accessLog", "\(scratch.path)/second"], port: first.port)
        var asked = 0
        let both = try await eventually {
            asked += 1
            #expect(try await Curl.code(["http://127.0.0.1:\(first.port)/small.txt"]) == "200")
            let counts = try ["first", "second"].map { try AccessLines("\(scratch.path)/\($0)").count }
            return counts.allSatisfy { $0 > 0 }
        }
        #expect(both)
        #expect(try await first.stop() == 0)
        // The other one serves on.
        #expect(try await Curl.code(["http://127.0.0.1:\(first.port)/small.txt"]) == "200")
        #expect(try await second.stop() == 0)
        let counts = try ["first", "second"].map { try AccessLines("\(scratch.path)/\($0)").count }
        #expect(counts[0] + counts[1] == asked + 1)

        let alone = try await HTTPTPProcess(Array(out.dropLast()))
        let late = try await ChildProcess.run(
            Programs.underTest, ["-in", "127.0.0.1:\(alone.port)", "-expvarAddr="] + out)
        #expect(late.status == 1, "\(late.text)")
        #expect(try await alone.stop() == 0)
        try await nginx.stop()
    }

    @Test("a socket file that nobody listens at is replaced; one in use, and any other file, never")
    func socketFiles() async throws {
        let nginx = try await Nginx()
        let scratch = try Scratch()
        let path = "\(scratch.path)/s"
        let out = ["-out", "127.0.0.1:\(nginx.port)", "-outType", "http"]
        func serves() async throws -> Bool {
            try await Curl.code(["--unix-socket", path, "http://a/small.txt"]) == "200"
        }
        // One that was killed leaves its file.
        let killed = try await HTTPTPProcess(out, socketPath: path)
        #expect(try await serves())
        try await killed.process.killNow()
        #expect(FileManager.default.fileExists(atPath: path))
        #expect(try await !serves())
        let process = try await HTTPTPProcess(out, socketPath: path)
        #expect(try await serves())
        // A live one is not touched.
        let arguments = ["-in", path, "-inType", "unix", "-expvarAddr="] + out
        let late = try await ChildProcess.run(Programs.underTest, arguments)
        #expect(late.status == 1, "\(late.text)")
        #expect(try await serves())
        #expect(try await process.stop() == 0)
        #expect(!FileManager.default.fileExists(atPath: path), "it leaves its file behind")
        // Nor are files of another kind.
        try scratch.write("s", Data("precious".utf8))
        let refused = try await ChildProcess.run(Programs.underTest, arguments)
        #expect(refused.status == 1, "\(refused.text)")
        #expect(FileManager.default.contents(atPath: path) == Data("precious".utf8))
        try await nginx.stop()
    }

    // MARK: What can be seen

    @Test("-logAllErrors logs each failure; without it they are summed up")
    func allErrors() async throws {
        let out = ["-out", "127.0.0.1:\(try unusedPort())", "-outType", "http"]
        let all = try await HTTPTPProcess(["-logAllErrors"] + out)
        let some = try await HTTPTPProcess(out)
        for process in [all, some] {
            for _ in 0..<20 {
                let answer = try await self.ask(
                    process.port, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                #expect(answer.hasPrefix("HTTP/1.1 502 "), "\(answer)")
            }
        }
        #expect(try await all.stop() == 0)
        #expect(try await some.stop() == 0)
        #expect(all.process.lines(containing: "request failed") == 20)
        let count = some.process.lines(containing: "request failed")
        #expect((1..<20).contains(count), "\(count)")
    }

    @Test("-accessLog: a line for each request, none lost while SIGUSR1 rotates the file under load")
    func rotation() async throws {
        let nginx = try await Nginx()
        let scratch = try Scratch()
        let path = "\(scratch.path)/access"
        let proxy = try await HTTPTPProcess([
            "-accessLog", path, "-out", "127.0.0.1:\(nginx.port)", "-outType", "http",
        ])
        let client = LoadClient(port: proxy.port, requestsPerSecond: 500, connections: 10)
        defer { client.stop() }
        async let running = client.run(target: "/small.txt?secret=1")
        for index in 0..<5 {
            let goal = client.current.total + 100
            #expect(try await eventually { client.current.total >= goal })
            try FileManager.default.moveItem(atPath: path, toPath: "\(path).\(index)")
            proxy.process.send(SIGUSR1)
            #expect(try await eventually { FileManager.default.fileExists(atPath: path) })
        }
        // For the last file too.
        let goal = client.current.total + 100
        #expect(try await eventually { client.current.total >= goal })
        client.stop()
        let outcome = await running
        #expect(try await proxy.stop() == 0)
        var count = 0
        for file in (0..<5).map({ "\(path).\($0)" }) + [path] {
            let lines = try AccessLines(file)
            #expect(lines.count > 0)
            count += lines.count
            for line in lines.lines {
                #expect(line["path"] as? String == "/small.txt")
                #expect(line["has_query"] as? Bool == true)
                #expect(line["status"] as? Int == 200)
                #expect(line["response_bytes"] as? Int == 14)
                #expect(line["failure"] is NSNull)
            }
        }
        #expect(outcome.answered == [200: count])
        #expect(outcome.lost == 0)
        try await nginx.stop()
    }

    /// The numbers of a page of statistics.
    private func statistics(_ port: Int, _ page: String = "expvar") async throws -> [String: Int] {
        let text = try await Curl.run(["http://127.0.0.1:\(port)/\(page)"]).text
        guard page == "expvar" else {
            let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
            return Dictionary(
                uniqueKeysWithValues: lines.map { line in
                    let words = line.split(separator: " ")
                    return (String(words[0]), Int(words[1]) ?? -1)
                })
        }
        return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Int], "\(text)")
    }

    @Test(
        "-expvarAddr: the pages count what others count, requests and bytes exactly",
        arguments: [
            "none", "flate", "lz4",
        ])
    func statisticsAreTrue(codec: String) async throws {
        let nginx = try await Nginx()
        let (farPage, nearPage) = (try unusedPort(), try unusedPort())
        let far = try await HTTPTPProcess(
            ["-inType", "teleport", "-inCompress", codec, "-out", "127.0.0.1:\(nginx.port)", "-outType", "http"],
            statistics: "127.0.0.1:\(farPage)")
        let relay = try await CountingRelay(to: far.port)
        let near = try await HTTPTPProcess(
            ["-out", "127.0.0.1:\(relay.port)", "-outCompress", codec], statistics: "127.0.0.1:\(nearPage)")
        // 7 connections of one client each; what goes over them is counted here.
        var (sent, received, requests, non200) = (0, 0, 0, 0)
        for connection in 0..<7 {
            let peer = try await self.connect(near.port)
            for number in 0..<10 {
                let target = number % 5 == 4 ? "/absent" : number % 5 == 3 ? "/text.html" : "/small.txt"
                let isLast = number == 9
                let request =
                    "GET \(target) HTTP/1.1\r\nHost: a\r\nX-Number: \(connection).\(number)\r\n"
                    + (isLast ? "Connection: close\r\n\r\n" : "\r\n")
                peer.write(request)
                sent += request.utf8.count
                requests += 1
                if target == "/absent" { non200 += 1 }
            }
            received += await peer.readToEnd().readableBytes
            await peer.close()
        }
        let client = LoadClient(port: near.port, requestsPerSecond: 500, connections: 5)
        defer { client.stop() }
        async let running = client.run(target: "/small.txt")
        #expect(try await eventually { client.current.total >= 300 })
        client.stop()
        let loaded = await running
        let request = "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n"
        requests += loaded.total
        sent += loaded.total * request.utf8.count

        let agrees = try await eventually {
            let near = try await self.statistics(nearPage)
            return near["inConns"] == 0 && near["outBytesWritten"] == relay.bytesUp
                && near["outBytesRead"] == relay.bytesDown
        }
        let (nearNumbers, farNumbers) = (try await self.statistics(nearPage), try await self.statistics(farPage))
        #expect(agrees, "\(nearNumbers), relay: \(relay.bytesUp) up, \(relay.bytesDown) down")
        for numbers in [nearNumbers, farNumbers] {
            #expect(numbers["inRequestStart"] == requests)
            #expect(numbers["inRequestSuccess"] == requests)
            #expect(numbers["inRequestNon200"] == non200)
            #expect(numbers["inRequestTimeoutError"] == 0)
            #expect(numbers["inRequestOtherError"] == 0)
            #expect(numbers["inReadError"] == 0)
            #expect(numbers["outDialError"] == 0)
        }
        #expect(nearNumbers["inAcceptSuccess"] == 12)
        #expect(nearNumbers["inBytesRead"] == sent)
        #expect((nearNumbers["inBytesWritten"] ?? 0) >= received)
        #expect(nearNumbers["outDialSuccess"] == relay.connectionCount)
        #expect(farNumbers["inAcceptSuccess"] == relay.connectionCount)
        #expect(farNumbers["inBytesRead"] == relay.bytesUp)
        #expect(farNumbers["inBytesWritten"] == relay.bytesDown)
        // The other page says the same.
        var prometheus = try await self.statistics(nearPage, "prometheus")
        var expvar = try await self.statistics(nearPage)
        for name in ["expvarHandlerCalls", "prometheusHandlerCalls"] {
            prometheus[name] = nil
            expvar[name] = nil
        }
        #expect(prometheus == expvar)
        #expect(try await near.stop() == 0)
        await relay.stop()
        #expect(try await far.stop() == 0)
        try await nginx.stop()
    }

    @Test("whatever is logged, no field, query or body is in it")
    func secrets() async throws {
        let nginx = try await Nginx()
        let scratch = try Scratch()
        let dead = try unusedPort()
        let broken = try await RawServer { peer in
            _ = await peer.readSome()
            peer.write("HTTP/1.1 200 OK\r\nSet-Cookie: SECRET-answer\r\nBad Header SECRET-line\r\n\r\nSECRET-text")
            await peer.close()
        }
        let silent = try await RawServer { peer in _ = await peer.readToEnd() }
        let observing = ["-logLevel", "trace", "-logAllErrors", "-outTimeout", "500ms"]
        func process(_ name: String, _ options: [String]) async throws -> HTTPTPProcess {
            try await HTTPTPProcess(observing + ["-accessLog", "\(scratch.path)/\(name)"] + options)
        }
        var all: [HTTPTPProcess] = []
        let servers = [nginx.port, dead, self.port(of: broken), self.port(of: silent)]
        for (index, server) in servers.enumerated() {
            let web = try await process("web\(index)", ["-out", "127.0.0.1:\(server)", "-outType", "http"])
            let far = try await process(
                "far\(index)", ["-inType", "teleport", "-out", "127.0.0.1:\(server)", "-outType", "http"])
            let near = try await process("near\(index)", ["-out", "127.0.0.1:\(far.port)"])
            all += [web, near, far]
            for port in [web.port, near.port] {
                let fields =
                    "Authorization: Bearer SECRET-token\r\nCookie: session=SECRET-cookie\r\nX-Key: SECRET-field\r\n"
                let body = "password=SECRET-body"
                for request in [
                    "GET /small.txt?key=SECRET-query HTTP/1.1\r\nHost: a\r\n\(fields)Connection: close\r\n\r\n",
                    "GET http://user:SECRET-password@host/small.txt?SECRET-query#SECRET-fragment HTTP/1.1\r\n"
                        + "Host: a\r\n\(fields)Connection: close\r\n\r\n",
                    "POST /up/x?SECRET-query HTTP/1.1\r\nHost: a\r\n\(fields)Connection: close\r\n"
                        + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)",
                    // These are not understood.
                    "GET /?SECRET-query HTTP/1.1\r\nSECRET line\r\n\r\n",
                    "GET /?SECRET-query HTTP/7.1\r\nHost: a\r\n\(fields)\r\n",
                    "GET /?SECRET-query HTTP/1.1\r\nHost: SECRET/host\r\n\(fields)Connection: close\r\n\r\n",
                    "SECRET-method( /?SECRET-query HTTP/1.1\r\nHost: a\r\n\r\n",
                    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nSECRET-chunk\r\n",
                    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: SECRET-length\r\n\r\n",
                    "GET /\(String(repeating: "a", count: 5000))?SECRET HTTP/1.1\r\nHost: a\r\n\(fields)\r\n",
                    "CONNECT SECRET-user@a:443 HTTP/1.1\r\nHost: a:443\r\nX-Key: SECRET-field\r\n\r\n",
                    "GET /?SECRET-query HTTP/1.1\r\nHost: a\r\n\(fields)Upgrade: websocket\r\n"
                        + "Connection: upgrade, close\r\n\r\n",
                ] {
                    let peer = try await self.connect(port)
                    peer.write(request)
                    // Half of them are not complete.
                    peer.endOutput()
                    _ = await peer.readToEnd()
                    await peer.close()
                }
            }
        }
        for process in all { #expect(try await process.stop() == 0) }
        var text = all.map(\.process.text).joined()
        #expect(text.contains("request failed"))
        for index in servers.indices {
            for name in ["web", "near", "far"] {
                text += (try? String(contentsOfFile: "\(scratch.path)/\(name)\(index)", encoding: .utf8)) ?? ""
            }
        }
        #expect(text.contains("\"status\":502") && text.contains("\"status\":504"))
        let telling = text.split(separator: "\n").filter { $0.contains("SECRET") }
        #expect(telling.isEmpty, "\(telling.joined(separator: "\n"))")
        await broken.kill()
        await silent.kill()
        try await nginx.stop()
    }

    // MARK: Links

    @Test("-codecBudget 30%: time is taken at either end of a link, and told; without, none is looked at")
    func codecBudget() async throws {
        let nginx = try await Nginx()
        for budget in [["-codecBudget", "30%"], []] {
            let pages = [try unusedPort(), try unusedPort()]
            let far = try await HTTPTPProcess(
                [
                    "-inType", "teleport", "-out", "127.0.0.1:\(nginx.port)", "-outType", "http", "-codec", "zstd",
                ] + budget, statistics: "127.0.0.1:\(pages[0])")
            let near = try await HTTPTPProcess(
                ["-out", "127.0.0.1:\(far.port)", "-codec", "zstd"] + budget, statistics: "127.0.0.1:\(pages[1])")
            let target = "http://127.0.0.1:\(near.port)/text.html"
            for _ in 0..<5 {
                #expect(
                    try await Curl.code([target, "-H", "X-Filler: \(String(repeating: "abcdefgh", count: 100))"])
                        == "200")
            }
            for (page, side) in zip(pages, ["clients", "servers"]) {
                let text = try await ChildProcess.run(
                    try Programs.find("curl"), ["-sS", "http://127.0.0.1:\(page)/metrics"]
                ).text
                let name = "httptp_link_compression_seconds_total{side=\"\(side)\"} "
                let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(name) }, "\(text)")
                let seconds = try #require(Double(line.dropFirst(name.count)))
                #expect((seconds > 0) == !budget.isEmpty, "\(line)")
            }
            #expect(try await near.stop() == 0)
            #expect(try await far.stop() == 0)
        }
        try await nginx.stop()
    }
}
