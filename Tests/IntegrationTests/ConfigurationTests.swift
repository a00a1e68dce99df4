import Foundation
import NIOCore
import Teleport
import TeleportProxy
import Testing

@testable import httptp

@Suite("The configuration of httptp: URLs, files, and which of them wins")
struct ConfigurationTests {
    private func plan(_ arguments: [String], file: String? = nil) throws -> Plan {
        guard case .run(let normalized) = try Invocation(arguments) else {
            throw Misuse("something else was asked for")
        }
        return try Plan(Arguments(normalized), file: try file.map { try ConfigurationFile($0, name: "x.yaml") })
    }

    private func proxy(_ plan: Plan) throws -> ProxyConfiguration {
        var tls = TLSCache()
        return try plan.proxyConfiguration(tls: &tls, logger: plan.command.observing.makeLogger())
    }

    // MARK: URLs

    @Test(
        "a URL says what is spoken, and where",
        arguments: [
            ("http://a.example", Kind.http, TransportAddress.tcp(host: "a.example", port: 80)),
            ("https://:443", .https, .tcp(host: "", port: 443)), ("https://a/", .https, .tcp(host: "a", port: 443)),
            ("http://[::1]", .http, .tcp(host: "::1", port: 80)), ("http://[::1]:8", .http, .tcp(host: "::1", port: 8)),
            ("teleport://127.0.0.1:8043", .teleport, .tcp(host: "127.0.0.1", port: 8043)),
            ("teleports://:0", .teleports, .tcp(host: "", port: 0)),
            ("unix:///run/a.sock", .unix, .unix(path: "/run/a.sock")),
            ("http+unix:///run/a.sock", .http, .unix(path: "/run/a.sock")),
            ("https+unix:///run/a.sock", .https, .unix(path: "/run/a.sock")),
            ("teleport+unix:///a b", .teleport, .unix(path: "/a b")),
            ("teleports+unix:///a", .teleports, .unix(path: "/a")),
        ])
    func urls(text: String, type: Kind, address: TransportAddress) throws {
        let endpoint = try Endpoint(text: text)
        #expect(endpoint == Endpoint(type, address))
        #expect(try Endpoint(text: endpoint.text) == endpoint, "as it is printed")
    }

    @Test(
        "what is no such URL is refused with what to write",
        arguments: [
            ("", "write a URL"), ("a:80", "write a URL"), (":80", "write a URL"), ("http:/a", "write a URL"),
            ("ws://a", "there is no ws://"), ("HTTP://a", "there is no HTTP://"), ("unix+unix:///a", "there is no"),
            ("ftp+unix:///a", "there is no"), ("http://", "write the port"), ("teleport://a", "teleport://a:8043"),
            ("teleports://[::1]", "write the port"), ("http://a:x", "HOST:PORT"), ("http://a:65536", "HOST:PORT"),
            ("http://::1:80", "HOST:PORT"), ("http://a/b", "ends behind the port"),
            ("http://a?b", "ends behind the port"),
            ("http://a#b", "ends behind the port"), ("http://u:p@a", "no user"), ("unix://a", "three slashes"),
            ("unix://", "three slashes"), ("unix:///" + String(repeating: "a", count: 108), "107 bytes"),
        ])
    func badURLs(text: String, words: String) {
        let error = #expect(throws: Misuse.self) { try Endpoint(text: text) }
        #expect(error?.description.contains(words) == true, "\(error.map { "\($0)" } ?? "")")
    }

    @Test("several places to listen at, each with what is meant for it; one codec for both sides")
    func listeners() async throws {
        let certificates = try await Certificates()
        let plan = try self.plan([
            "--listen", "https://127.0.0.1:1", "--listen=http://127.0.0.1:2,teleport://127.0.0.1:3",
            "-inTLSCert", certificates.a.chain, "-inTLSKey", certificates.a.key,
            "--forward", "https://a.test:4,http://b.test:5", "--codec", "zstd", "-inCompress", "lz4", "-inGetOnly",
        ])
        let configuration = try self.proxy(plan)
        #expect(configuration.fronts.map(\.kind) == [.http, .http, .teleport])
        #expect(configuration.fronts.flatMap(\.addresses) == (1...3).map { .tcp(host: "127.0.0.1", port: $0) })
        #expect(configuration.fronts.map { $0.tls != nil } == [true, false, false])
        #expect(configuration.fronts.allSatisfy { $0.compression == .lz4 && $0.getOnly })
        #expect(configuration.outCompression == .zstd && configuration.outKind == .http)
        #expect(
            configuration.upstreams == [
                UpstreamConfiguration(.tcp(host: "a.test", port: 4)),
                UpstreamConfiguration(.tcp(host: "b.test", port: 5), usesTLS: false),
            ])
        #expect(configuration.outTLS != nil)
    }

    // MARK: Files

    private static let example = """
        listen:
          - url: http://127.0.0.1:1
            get-only: true
            allow-ip: [127.0.0.0/8, "::1"]
            head-timeout: 7s
          - teleport://127.0.0.1:2
        forward:
          servers: [teleport://a.example:3, teleport://b.example:4]
          timeout: 5s
          codec: snappy
          conns-per-addr: 2
          health-timeout: 2s
        codec: zstd   # of the link to clients
        via: ""
        log-level: warning
        """

    @Test("a file says all that the command line can say")
    func file() throws {
        let plan = try self.plan([], file: Self.example)
        let configuration = try self.proxy(plan)
        let (first, second) = (configuration.fronts[0], configuration.fronts[1])
        #expect(first.kind == .http && second.kind == .teleport)
        #expect(first.getOnly && !second.getOnly && first.allowed.count == 2 && second.allowed.isEmpty)
        #expect(first.headTimeout == .seconds(7) && second.headTimeout == .seconds(15))
        #expect(second.compression == .zstd && configuration.outCompression == .snappy)
        #expect(configuration.outTimeout == .seconds(5) && configuration.outConnectionsPerAddress == 2)
        #expect(configuration.viaName == nil)
        #expect(try plan.command.observing.logLevel == LogLevel(text: "warning"))
    }

    @Test("the command line wins over the file; without a file it is as without one")
    func precedence() throws {
        let plan = try self.plan(
            ["-inGetOnly=false", "-outTimeout", "9s", "-via", "me"], file: Self.example)
        let configuration = try self.proxy(plan)
        #expect(configuration.outTimeout == .seconds(9) && configuration.viaName == "me")
        #expect(configuration.fronts.count == 2 && configuration.upstreams.count == 2)
        #expect(!configuration.fronts[0].getOnly, "a flag that is turned off")
        let other = try self.proxy(
            try self.plan(["--listen", "http://:9", "-out", "c.example:1", "-outType", "http"], file: Self.example))
        #expect(other.fronts.map(\.addresses) == [[.tcp(host: "", port: 9)]] && !other.fronts[0].getOnly)
        #expect(other.upstreams.map(\.address) == [.tcp(host: "c.example", port: 1)] && other.outKind == .http)
        let codec = try self.proxy(try self.plan(["--codec", "none"], file: Self.example))
        #expect(codec.outCompression == .none && codec.fronts.allSatisfy { $0.compression == .none })
        #expect(try self.plan([], file: "").arguments == self.plan([]).arguments)
    }

    @Test(
        "what is printed is a file that says the same",
        arguments: [Self.example, "", "listen: unix:///a\nforward: http://b"])
    func printed(file: String) throws {
        let plan = try self.plan(["-clientIPHeader", "X-Real-IP", "-reusePort"], file: file)
        let text = try plan.configurationText()
        let again = try self.plan([], file: text)
        #expect(try again.configurationText() == text)
        #expect(again.listeners.map(\.endpoint) == plan.listeners.map(\.endpoint) && again.servers == plan.servers)
        let (one, other) = (try self.proxy(plan), try self.proxy(again))
        #expect(one.fronts == other.fronts && one.upstreams == other.upstreams)
        #expect(one.outTimeout == other.outTimeout && one.concurrency == other.concurrency)
        #expect(one.outCompression == other.outCompression && one.viaName == other.viaName)
        // Every key that there is, or it says why not.
        for option in ProxyOption.allCases {
            guard let key = option.key, option != .codec else { continue }
            // These have no default that could be read.
            if option == .outConnsPerAddr || option == .outHealthTimeout, !file.contains(key.name) { continue }
            #expect(text.contains("\(key.name):"), "\(option)")
        }
    }

    @Test(
        "a mistake is told with its file, its line, and what was expected",
        arguments: [
            ("lisen: x", 1, "Do you mean `listen`?"), ("listen: [ftp://a]", 1, "there is no ftp://"),
            ("via: a\nforward:\n  servers: [http://a]\n  timeout: 5x\n", 4, "durations are written like"),
            ("via: a\n\nlisten: {url: \"https://:443\"}", 3, "add `tls-cert` and `tls-key`"),
            ("listen:\n- http://:1\n- url: teleport://:2\n  tls-cert: x\n", 3, "`tls-cert` is only for"),
            ("codec: [", 2, "this is no YAML"), ("a: b: c", 1, "this is no YAML"),
            ("timeout: 5s", 1, "belong here, but in `forward: timeout`"),
            ("log-level: loud", 1, "trace, debug"), ("via: a\nlog-level: info\nlog-level: info\n", 2, "twice"),
            ("listen:\n  - url: http://:1\n    get-only: yes", 3, "write true or false"),
            ("listen:\n  - get-only: true", 2, "expected `url`"), ("forward: {timeout: 5s}", 1, "expected `servers`"),
            ("- a", 1, "expected keys with values"), ("via: {a: b}", 1, "expected one value"),
            ("concurrency: many", 1, "whole number"), ("concurrency: 0", nil, "at least 1"),
            ("listen: [http://:1]\nforward: {servers: []}", 2, "expected a URL"),
            ("listen: {url: http://:1, allow-ip: [\"1.2.3.4,5.6.7.8\"]}", 1, "commas"),
            ("forward: [http://a, teleport://b:1]", nil, "different protocols"),
            ("nonsense: 1", 1, "expected listen, forward,"), ("? [a]\n: b", 1, "expected a key"),
        ] as [(String, Int?, String)])
    func mistakes(text: String, line: Int?, words: String) {
        let error = #expect(throws: (any Error).self) { try self.plan([], file: text) }
        let message = error.map { "\($0)" } ?? ""
        #expect(message.contains(words), "\(message)")
        if let line { #expect(message.hasPrefix("x.yaml:\(line): "), "\(message)") }
    }

    @Test("-check reads it all, certificates too, and says so; -print-config prints it; nothing is started")
    func commands() async throws {
        let scratch = try Scratch()
        let path = "\(scratch.path)/httptp.yaml"
        try scratch.write("httptp.yaml", Data(Self.example.utf8))
        let good = try await ChildProcess.run(Programs.httptp, ["--config", path, "--check"])
        #expect(good.status == 0 && good.text.contains("the configuration is good"), "\(good.text)")
        let printed = try await ChildProcess.run(Programs.httptp, ["-config", path, "-printConfig"])
        #expect(printed.status == 0)
        #expect(try self.plan([], file: printed.text).configurationText() == printed.text)
        try scratch.write("httptp.yaml", Data("lisen: x\n".utf8))
        let bad = try await ChildProcess.run(Programs.httptp, ["--config", path, "--check"])
        #expect(bad.status == 78 && bad.text.contains("\(path):1: "), "\(bad.text)")
        let missing = try await ChildProcess.run(Programs.httptp, ["--config", "\(path)x", "--check"])
        #expect(
            missing.status == 78 && missing.text.contains("cannot be read: No such file or directory"),
            "\(missing.text)")
        try scratch.write("httptp.yaml", Data("listen: {url: 'https://:0', tls-cert: /nope, tls-key: /nope}\n".utf8))
        let unreadable = try await ChildProcess.run(Programs.httptp, ["--config", path, "--check"])
        #expect(unreadable.status == 1 && unreadable.text.contains("/nope"), "\(unreadable.text)")
    }
}
