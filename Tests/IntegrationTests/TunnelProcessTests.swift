import Foundation
import NetworkTestSupport
import Teleport
import Testing

/// Tunnels through running `httptp` (rules P-50 to P-56): websockets of Python's behind a real nginx, and curl's CONNECT.
@Suite("httptp --tunnel", .timeLimit(.minutes(10)), .serialized)
struct TunnelProcessTests {
    /// A script that says `ready` when it listens.
    private func start(_ script: String, _ port: Int) async throws -> ChildProcess {
        let process = try ChildProcess(try Programs.find("python3"), ["-c", script, "\(port)"])
        let isReady = try await process.wrote("ready")
        try #require(isReady, "\(process.text)")
        return process
    }

    private func client(_ port: Int, until file: String) throws -> ChildProcess {
        try ChildProcess(
            try Programs.find("python3"), ["-c", WebsocketScripts.client, "\(port)", file])
    }

    /// One `httptp`, or two with a link between them; the first is for clients.
    private func chain(
        _ kind: String, to port: Int, near: [String] = [], statistics: String = ""
    ) async throws -> [HTTPTPProcess] {
        let out = ["-out", "127.0.0.1:\(port)", "-outType", "http", "--tunnel"]
        guard kind == "link" else { return [try await HTTPTPProcess(out + near, statistics: statistics)] }
        let far = try await HTTPTPProcess(["-inType", "teleport"] + out)
        return [
            try await HTTPTPProcess(
                ["-out", "127.0.0.1:\(far.port)", "-outCompress", "zstd", "--tunnel"] + near, statistics: statistics),
            far,
        ]
    }

    private func stop(_ processes: [HTTPTPProcess]) async throws {
        for process in processes { #expect(try await process.stop() == 0) }
    }

    @Test(
        "websockets through nginx: messages of all sizes, and they are counted and recorded",
        arguments: ["http", "link"])
    func websocket(kind: String) async throws {
        let scratch = try Scratch()
        let origin = try unusedPort()
        let server = try await self.start(WebsocketScripts.server, origin)
        let nginx = try await Nginx(websocketPort: origin)
        let statistics = try unusedPort()
        let processes = try await self.chain(
            kind, to: nginx.port, near: ["-accessLog", "\(scratch.path)/log"], statistics: "127.0.0.1:\(statistics)")
        let client = try self.client(processes[0].port, until: "\(scratch.path)/over")
        let isOpen = try await client.wrote("echo 3")
        #expect(isOpen, "\(client.text)")
        func metrics() async throws -> String { try await Curl.run(["http://127.0.0.1:\(statistics)/metrics"]).text }
        #expect(try await metrics().contains("httptp_tunnels_open 1\n"))
        // Others are served meanwhile, on the same link.
        #expect(try await Curl.code(["http://127.0.0.1:\(processes[0].port)/small.txt"]) == "200")
        try scratch.write("over", Data())
        let isClosed = try await client.wrote("closed in order")
        #expect(isClosed, "\(client.text)")
        #expect(try await eventually { try await metrics().contains("httptp_tunnels_open 0\n") })
        let text = try await metrics()
        #expect(text.contains("httptp_tunnels_total 1\n"))
        let isRecorded = try await eventually {
            try AccessLines("\(scratch.path)/log").lines.contains { $0["status"] as? Int == 101 }
        }
        let lines = try AccessLines("\(scratch.path)/log").lines
        #expect(isRecorded, "\(lines)")
        let line = try #require(lines.first { $0["status"] as? Int == 101 })
        #expect(line["failure"] is NSNull, "\(line)")
        // What the three messages have, and the others.
        #expect((line["response_bytes"] as? Int ?? 0) > 70_305, "\(line)")
        try await self.stop(processes)
        try await nginx.stop()
        server.endNow()
    }

    @Test(
        "curl's CONNECT, plain and over TLS, goes to the forward proxy behind, and nowhere else",
        arguments: ["http", "link"])
    func connect(kind: String) async throws {
        let certificates = try await Certificates()
        let nginx = try await Nginx(certificates: certificates)
        let port = try unusedPort()
        let proxy = try await self.start(WebsocketScripts.forwardProxy, port)
        let plain = try await self.chain(kind, to: port)
        let secure = try await self.chain(
            kind, to: port,
            near: [
                "-inType", "https", "-inTLSCert", certificates.localhost.chain, "-inTLSKey", certificates.localhost.key,
            ])
        for via in [
            ["-x", "http://127.0.0.1:\(plain[0].port)"],
            ["-x", "https://localhost:\(secure[0].port)", "--proxy-cacert", certificates.authority],
        ] {
            let text = try await Curl.run(via + ["--proxytunnel", "http://127.0.0.1:\(nginx.port)/small.txt"]).text
            #expect(text == "Hello, world!\n")
            // TLS within: nobody on the way could read it.
            let secret = try await Curl.run(
                via + ["--cacert", certificates.authority, "https://127.0.0.1:\(nginx.securePort)/small.txt"])
            #expect(secret.text == "Hello, world!\n")
            let large = try await Curl.run(
                via + [
                    "--proxytunnel", "-o", "/dev/null", "-w", "%{size_download}",
                    "http://127.0.0.1:\(nginx.port)/megabyte",
                ])
            #expect(large.text == "1000000")
            // What the proxy behind refuses is refused: nobody else connects in its place.
            let refused = try await Curl.run(via + ["--proxytunnel", "http://localhost:\(nginx.port)/small.txt"])
            #expect(refused.text.contains("403"), "\(refused.text)")
        }
        try await self.stop(plain + secure)
        try await nginx.stop()
        proxy.endNow()
    }

    @Test("a reload leaves a tunnel alone; SIGTERM gives it its time, and ends it", arguments: ["http", "link"])
    func life(kind: String) async throws {
        let scratch = try Scratch()
        let origin = try unusedPort()
        let server = try await self.start(WebsocketScripts.server, origin)
        let (nginx, other) = (try await Nginx(websocketPort: origin), try await Nginx())
        let far = kind == "link" ? try await self.chain("http", to: nginx.port, near: ["-inType", "teleport"]) : []
        func configure(_ server: String, idle: Int) throws {
            try scratch.write(
                "httptp.yaml",
                Data(
                    """
                    listen: {url: http://127.0.0.1:0, idle-timeout: \(idle)s}
                    forward: \(server)
                    tunnel: true
                    """.utf8))
        }
        try configure(
            far.first.map { "teleport://127.0.0.1:\($0.port)" } ?? "http://127.0.0.1:\(nginx.port)", idle: 100)
        let near = try await HTTPTPProcess(only: ["--config", "\(scratch.path)/httptp.yaml", "-expvarAddr="])
        let client = try self.client(near.port, until: "\(scratch.path)/over")
        let isOpen = try await client.wrote("echo 1\n")
        #expect(isOpen, "\(client.text)")
        try configure("http://127.0.0.1:\(other.port)", idle: 99)
        near.process.send(SIGHUP)
        let isReloaded = try await near.process.wrote(" reloaded")
        #expect(isReloaded)
        // Longer than anybody else is waited for after a reload.
        let before = client.text.split(separator: "\n").count
        let goesOn = try await eventually { client.text.split(separator: "\n").count > before + 30 }
        #expect(goesOn, "\(client.text) \(near.process.text)")
        #expect(try await Curl.code(["http://127.0.0.1:\(near.port)/small.txt"]) == "200")
        #expect(try await near.stop() == 0)
        let isBroken = try await client.wrote("broken off")
        #expect(isBroken, "\(client.text)")
        try await self.stop(far)
        try await nginx.stop()
        try await other.stop()
        server.endNow()
    }

    @Test("without the option: 501")
    func off() async throws {
        let nginx = try await Nginx()
        let process = try await HTTPTPProcess(["-out", "127.0.0.1:\(nginx.port)", "-outType", "http"])
        let client = try self.client(process.port, until: "/dev/null")
        #expect(try await client.ended() == 1)
        #expect(client.text.contains("refused: HTTP/1.1 501"), "\(client.text)")
        #expect(try await process.stop() == 0)
        try await nginx.stop()
    }

    @Test("-tunnelIdleTimeout 200ms: one in which nothing moves is closed")
    func idle() async throws {
        let port = try unusedPort()
        let proxy = try await self.start(WebsocketScripts.forwardProxy, port)
        let origin = try await RawServer { peer in while await peer.readSome() != nil {} }
        let target = try #require(origin.address.port)
        let process = try await HTTPTPProcess([
            "-out", "127.0.0.1:\(port)", "-outType", "http", "-tunnel", "-tunnelIdleTimeout", "200ms",
        ])
        // With the default, 1 h, this would take longer than curl waits.
        let result = try await Curl.run([
            "-x", "http://127.0.0.1:\(process.port)", "--proxytunnel", "http://127.0.0.1:\(target)/",
        ])
        #expect(result.status == 52 || result.status == 56, "\(result)")
        #expect(try await process.stop() == 0)
        await origin.kill()
        proxy.endNow()
    }
}

extension TransportAddress {
    fileprivate var port: Int? { if case .tcp(_, let port) = self { port } else { nil } }
}
