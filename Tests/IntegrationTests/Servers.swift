import Foundation
import NetworkTestSupport
import Testing

/// A real nginx with files to serve, at a loopback port; with certificates also over TLS and at a unix socket.
final class Nginx: Sendable {
    let scratch: Scratch
    let port: Int
    /// Where it serves the same over TLS, with a certificate for `localhost` and 127.0.0.1; 0 without certificates.
    let securePort: Int
    /// Where it serves the same at a unix socket, if it has certificates.
    var socketPath: String { "\(self.scratch.path)/nginx.sock" }
    let process: ChildProcess

    /// The files it serves, by name.
    static let files: [String: Data] = [
        "empty": Data(),
        "small.txt": Data("Hello, world!\n".utf8),
        "text.html": Data(String(repeating: "<p>All work and no play makes Jack a dull boy.</p>\n", count: 400).utf8),
        "megabyte": Data((0..<1_000_000).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 13) }),
    ]

    /// - Parameters:
    ///   - port: where another one was before; `nil` is a free one.
    ///   - websocketPort: whom it passes on to what upgrades at `/ws`.
    init(certificates: Certificates? = nil, port: Int? = nil, websocketPort: Int? = nil) async throws {
        self.scratch = try Scratch()
        self.port = try port ?? unusedPort()
        let securePort = certificates == nil ? 0 : try unusedPort()
        self.securePort = securePort
        let root = self.scratch.path
        let others = certificates.map { certificates in
            """
            listen 127.0.0.1:\(securePort) ssl; listen unix:\(root)/nginx.sock;
            ssl_certificate \(certificates.localhost.chain); ssl_certificate_key \(certificates.localhost.key);
            """
        }
        try FileManager.default.createDirectory(atPath: "\(root)/html/up", withIntermediateDirectories: true)
        for (name, data) in Self.files { try self.scratch.write("html/\(name)", data) }
        let websocket = websocketPort.map { port in
            """
            location = /ws {
                proxy_pass http://127.0.0.1:\(port); proxy_http_version 1.1;
                proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
            }
            """
        }
        let configuration = """
            daemon off; master_process off; pid \(root)/pid; error_log stderr notice;
            events { worker_connections 4096; }
            http {
                access_log off; keepalive_requests 1000000;
                client_body_temp_path \(root)/body; proxy_temp_path \(root)/proxy; fastcgi_temp_path \(root)/fastcgi;
                uwsgi_temp_path \(root)/uwsgi; scgi_temp_path \(root)/scgi;
                types { text/html html; text/plain txt; }
                client_max_body_size 100m;
                server {
                    listen 127.0.0.1:\(self.port) backlog=1024;
                    \(others ?? "")
                    root \(root)/html;
                    gzip on; gzip_min_length 100; gzip_proxied any;
                    location /up/ { dav_methods PUT DELETE; create_full_put_path on; }
                    location = /nothing { return 204; }
                    \(websocket ?? "")
                }
            }
            """
        try self.scratch.write("nginx.conf", Data(configuration.utf8))
        self.process = try ChildProcess(try Programs.find("nginx"), ["-c", "\(root)/nginx.conf", "-e", "stderr"])
        // The last thing it says before it serves; its sockets listen by then.
        let isUp = try await self.process.wrote("getrlimit")
        try #require(isUp, "nginx did not start: \(self.process.text)")
    }

    func stop() async throws {
        self.process.terminate()
        try await self.process.ended()
    }

    // Before its folder is removed: it would go on to write there.
    deinit { self.process.endNow() }
}

/// A real `httptp`.
final class HTTPTPProcess: Sendable {
    let process: ChildProcess
    /// Where it listens.
    let port: Int

    /// Starts it at a free port, or at `port`; its statistics nowhere, or at `statistics`.
    init(_ arguments: [String], port: Int = 0, statistics: String = "") async throws {
        self.process = try ChildProcess(
            Programs.underTest, ["-in", "127.0.0.1:\(port)", "-expvarAddr=\(statistics)"] + arguments)
        let isUp = try await self.process.wrote(" listening")
        try #require(isUp, "httptp did not start: \(self.process.text)")
        let text = self.process.text
        let address = try #require(text.firstMatch(of: /in=127\.0\.0\.1:(\d+)/), "\(text)")
        self.port = try #require(Int(address.1))
    }

    /// Starts it with these arguments and no others; ``port`` is the first that it listens at.
    init(only arguments: [String]) async throws {
        self.process = try ChildProcess(Programs.underTest, arguments)
        let isUp = try await self.process.wrote(" listening")
        try #require(isUp, "httptp did not start: \(self.process.text)")
        let text = self.process.text
        let address = try #require(text.firstMatch(of: /in=127\.0\.0\.1:(\d+)/), "\(text)")
        self.port = try #require(Int(address.1))
    }

    /// Starts it at a unix socket.
    init(_ arguments: [String], socketPath: String) async throws {
        self.process = try ChildProcess(
            Programs.underTest, ["-in", socketPath, "-inType", "unix", "-expvarAddr="] + arguments)
        self.port = 0
        let isUp = try await self.process.wrote(" listening")
        try #require(isUp, "httptp did not start: \(self.process.text)")
    }

    /// Has it drain, and returns its exit code.
    func stop() async throws -> Int32 {
        self.process.terminate()
        return try await self.process.ended()
    }
}

/// Two `httptp` with a compressed link between them: HTTP in at `port`, HTTP out to the origin.
struct HTTPTPPair {
    let near: HTTPTPProcess
    let far: HTTPTPProcess
    var port: Int { self.near.port }

    init(codec: String, originPort: Int, nearOptions: [String] = [], farOptions: [String] = []) async throws {
        self.far = try await HTTPTPProcess(
            ["-inType", "teleport", "-inCompress", codec, "-out", "127.0.0.1:\(originPort)", "-outType", "http"]
                + farOptions)
        self.near = try await HTTPTPProcess(
            ["-inType=http", "--out=127.0.0.1:\(self.far.port)", "--outType", "teleport", "-outCompress=\(codec)"]
                + nearOptions)
    }

    func stop() async throws {
        let near = try await self.near.stop()
        let far = try await self.far.stop()
        #expect(near == 0)
        #expect(far == 0)
    }
}
