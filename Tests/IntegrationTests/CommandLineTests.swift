import Foundation
import Logging
import NIOCore
import Teleport
import TeleportProxy
import Testing

@testable import httptp

@Suite("The command line of httptp", .timeLimit(.minutes(10)))
struct CommandLineTests {
    private func run(_ arguments: [String]) async throws -> (status: Int32, text: String) {
        try await ChildProcess.run(Programs.httptp, arguments)
    }

    /// The command that these arguments ask for.
    private func command(_ arguments: [String]) throws -> HTTPTP {
        guard case .run(let normalized) = try Invocation(arguments) else {
            throw Misuse("something else was asked for")
        }
        return try HTTPTP.parsed(Arguments(normalized).strings)
    }

    /// The proxy that these arguments ask for.
    private func proxy(_ arguments: [String]) throws -> ProxyConfiguration {
        guard case .run(let normalized) = try Invocation(arguments) else {
            throw Misuse("something else was asked for")
        }
        let plan = try Plan(normalized)
        var tls = TLSCache()
        return try plan.proxyConfiguration(tls: &tls, logger: plan.command.observing.makeLogger())
    }

    // MARK: Spellings

    /// A value that is valid and no default, along with what else has to be there.
    private static func example(_ option: ProxyOption) -> (value: String, others: [String]) {
        let serverSide = ["-inType", "https", "-inTLSCert", "a.pem", "-inTLSKey", "b.pem"]
        switch option {
        case .config: return ("x.yaml", [])
        case .listen, .forward: return ("http://:81,unix:///run/x.sock", [])
        case .in, .expvarAddr: return ("127.0.0.1:1", [])
        case .out: return ("127.0.0.1:1,[::1]:2", [])
        case .inType, .outType: return ("unix", option == .inType ? ["-in=x.sock"] : ["-out=x.sock"])
        case .inCompress, .outCompress, .codec: return ("snappy", [])
        case .codecBudget: return ("30%", [])
        case .wire: return ("v0", [])
        case .outBalance: return ("round-robin", [])
        case .outHealthPath: return ("/health", [])
        case .outWarm, .outRetryBudget: return ("7", [])
        case .inDelay, .outDelay, .outTimeout, .inHeadTimeout, .inIdleTimeout, .outMaxAge, .outHealthInterval,
            .outHealthTimeout, .outSlowStart, .tunnelIdleTimeout:
            return ("1m30s", [])
        case .inAllowIP: return ("10.0.0.0/8,::1", [])
        case .clientIPHeader, .via, .outTLSServerName:
            return ("X-Name", option == .outTLSServerName ? ["-outType=https"] : [])
        case .inTLSCert: return ("a.pem,c.pem", ["-inType", "https", "-inTLSKey", "b.pem,d.pem"])
        case .inTLSKey: return ("b.pem", ["-inType", "teleports", "-inTLSCert", "a.pem"])
        case .inTLSClientCA: return ("ca.pem", serverSide)
        case .outTLSCA: return ("ca.pem", ["-outType", "teleports"])
        case .outTLSCert: return ("a.pem", ["-outType", "teleports", "-outTLSKey", "b.pem"])
        case .outTLSKey: return ("b.pem", ["-outType", "teleports", "-outTLSCert", "a.pem"])
        case .outTLSInsecure: return ("", ["-outType", "https"])
        case .inMaxHeaderSize, .inMaxBodySize, .outMaxHeaderSize, .outMaxBodySize, .concurrency, .outConnsPerAddr:
            return ("777", [])
        case .accessLog: return ("-", [])
        case .logLevel: return ("error", [])
        case .logFormat: return ("json", [])
        case .inGetOnly, .reusePort, .logAllErrors, .check, .printConfig, .tunnel: return ("", [])
        }
    }

    private static func spellings(_ option: ProxyOption) -> [String] {
        ["-\(option.name)", "--\(option.name)", "-\(option.longName)", "--\(option.longName)"]
    }

    /// What a parsed command holds, to compare.
    private func settings(_ arguments: [String]) throws -> String { "\(try self.command(arguments))" }

    private static let defaults = Result { "\(try HTTPTP.parsed([]))" }

    @Test("every option is taken in each spelling, and each means the same", arguments: ProxyOption.allCases)
    func everySpelling(option: ProxyOption) throws {
        let (value, others) = Self.example(option)
        var forms: Set<[String]> = []
        for spelling in Self.spellings(option) {
            for words in option.isFlag ? [[spelling]] : [[spelling, value], ["\(spelling)=\(value)"]] {
                guard case .run(let form) = try Invocation(words) else { throw Misuse("something else was asked for") }
                forms.insert(form)
            }
        }
        // By either name, as the parser is given it.
        #expect(forms.count <= 2, "\(forms)")
        let results = Set(try forms.map { try self.settings($0 + others) })
        #expect(results.count == 1, "\(results)")
        if others.isEmpty { #expect(try results != [Self.defaults.get()], "it is read, and then ignored") }
    }

    @Test(
        "flags take the words that Go's flags take, behind an equals sign",
        arguments: [
            ("1", true), ("t", true), ("T", true), ("true", true), ("TRUE", true), ("True", true),
            ("0", false), ("f", false), ("F", false), ("false", false), ("FALSE", false), ("False", false),
        ])
    func flags(word: String, isOn: Bool) throws {
        for spelling in Self.spellings(.inGetOnly) {
            #expect(try self.command(["\(spelling)=\(word)"]).clients.getOnly == isOn)
        }
        let command = try self.command(["-reusePort=\(word)", "-logAllErrors=\(word)"])
        #expect(command.clients.reusesPort == isOn)
        #expect(command.observing.logsAllErrors == isOn)
        #expect(try self.command(["-outTLSInsecure=\(word)", "-outType=https"]).tls.isInsecure == isOn)
    }

    @Test("a value may begin with a dash, or hold equals signs")
    func oddValues() throws {
        #expect(try self.command(["-accessLog", "-"]).observing.accessLog == "-")
        #expect(try self.command(["-accessLog=a=b"]).observing.accessLog == "a=b")
        #expect(try self.command(["--access-log", "-x"]).observing.accessLog == "-x")
    }

    @Test("every long name is the reference's name with hyphens")
    func longNames() {
        for option in ProxyOption.allCases {
            #expect(option.longName.replacing("-", with: "").lowercased() == option.name.lowercased())
            #expect(option.longName == option.longName.lowercased())
        }
        #expect(ProxyOption.named.count == ProxyOption.allCases.reduce(0) { $0 + ($1.name == $1.longName ? 1 : 2) })
    }

    // MARK: Defaults

    /// The reference's own, as its `-help` says them.
    @Test(
        "defaults are the reference's",
        arguments: [
            ("in", "127.0.0.1:8080"), ("inType", "http"), ("out", "127.0.0.1:8043"), ("outType", "teleport"),
            ("inCompress", "flate"), ("outCompress", "flate"), ("inDelay", "0"), ("outDelay", "0"), ("inGetOnly", ""),
            ("inMaxHeaderSize", "4096"), ("inMaxBodySize", "4194304"), ("inAllowIP", ""), ("inTLSCert", ""),
            ("inTLSKey", ""), ("outTimeout", "3s"), ("outMaxHeaderSize", "4096"), ("concurrency", "100000"),
            ("clientIPHeader", ""), ("expvarAddr", "localhost:8040"), ("reusePort", ""), ("logAllErrors", ""),
        ])
    func defaults(name: String, text: String) throws {
        #expect(try #require(ProxyOption(rawValue: name)).definition.defaultText == text)
    }

    @Test("without options the proxy is the one that the table describes")
    func defaultConfiguration() throws {
        let command = try self.command([])
        let configuration = try self.proxy([])
        #expect(configuration.front.kind == .http)
        #expect(configuration.front.addresses == [.tcp(host: "127.0.0.1", port: 8080)])
        #expect(configuration.outKind == .teleport)
        #expect(configuration.upstreams.map(\.address) == [.tcp(host: "127.0.0.1", port: 8043)])
        #expect(configuration.front.limits.maxHeadSize == 4096)
        #expect(configuration.front.limits.maxBodySize == 4_194_304)
        #expect(configuration.outLimits.maxHeadSize == 4096)
        #expect(configuration.outLimits.maxBodySize == 67_108_864)
        #expect(configuration.front.delay == .zero)
        #expect(configuration.outTimeout == .seconds(3))
        #expect(configuration.front.headTimeout == .seconds(15))
        #expect(configuration.front.idleTimeout == .seconds(120))
        #expect(configuration.concurrency == 100_000)
        #expect(configuration.outWarmConnections == 0 && configuration.outMaxAge == .minutes(5))
        #expect(configuration.outBalance == .leastLoaded && configuration.outHealthCheck == nil)
        #expect(configuration.outSlowStart == .seconds(10) && configuration.outRetryBudget == 20)
        #expect(configuration.outConnectionsPerAddress == nil)
        #expect(configuration.front.compressionBudget == nil && configuration.outCompressionBudget == nil)
        #expect(configuration.front.allowed.isEmpty)
        #expect(configuration.front.clientIPField == nil)
        #expect(configuration.viaName == "httptp")
        #expect(configuration.front.tls == nil && configuration.outTLS == nil && configuration.accessLog == nil)
        #expect(!configuration.front.getOnly && !configuration.front.reusesPort && !configuration.logsAllErrors)
        #expect(!configuration.front.allowsTunnels && configuration.tunnelIdleTimeout == .hours(1))
        let admin = try #require(try command.observing.adminAddress())
        #expect(admin.address == .tcp(host: "localhost", port: 8040))
        #expect(admin.isDefault)
    }

    @Test("each option ends up where it belongs")
    func configuration() throws {
        let arguments = [
            "-in", "run/x.sock", "-inType", "unix", "-out", "10.0.0.7:1,10.0.0.8:2", "-outType", "http",
            "-inGetOnly", "-inMaxHeaderSize", "1000", "-inMaxBodySize", "2000", "-outMaxHeaderSize", "3000",
            "-outMaxBodySize", "4000", "-outConnsPerAddr", "5", "-outTimeout", "6s", "-concurrency", "7",
            "-clientIPHeader", "X-Real-IP", "-via=", "-reusePort", "-logAllErrors", "-inHeadTimeout", "8s",
            "-inIdleTimeout", "9s", "-inDelay", "10us", "-outDelay", "11ms", "-expvarAddr", "localhost:8040",
            "-logLevel", "debug", "-outWarm", "2", "-outMaxAge", "12s", "-outBalance", "round-robin",
            "-outHealthPath", "/h", "-outHealthInterval", "13s", "-outHealthTimeout", "16s", "-outSlowStart", "14s",
            "-outRetryBudget", "15",
            "-tunnel", "-tunnelIdleTimeout", "17s",
        ]
        let command = try self.command(arguments)
        let configuration = try self.proxy(arguments)
        #expect(configuration.front.kind == .http && configuration.outKind == .http)
        #expect(configuration.front.addresses == [.unix(path: "run/x.sock")])
        #expect(
            configuration.upstreams.map(\.address) == [
                .tcp(host: "10.0.0.7", port: 1), .tcp(host: "10.0.0.8", port: 2),
            ])
        #expect(configuration.front.getOnly && configuration.front.reusesPort && configuration.logsAllErrors)
        #expect(configuration.front.limits.maxHeadSize == 1000 && configuration.front.limits.maxBodySize == 2000)
        #expect(configuration.outLimits.maxHeadSize == 3000 && configuration.outLimits.maxBodySize == 4000)
        #expect(configuration.outConnectionsPerAddress == 5)
        #expect(configuration.outTimeout == .seconds(6))
        #expect(configuration.concurrency == 7)
        #expect(configuration.outWarmConnections == 2 && configuration.outMaxAge == .seconds(12))
        #expect(configuration.outBalance == .roundRobin && configuration.outSlowStart == .seconds(14))
        #expect(configuration.outHealthCheck == .init(path: "/h", interval: .seconds(13), timeout: .seconds(16)))
        #expect(try self.proxy(["-outHealthPath=/h"]).outHealthCheck == .init(path: "/h", interval: .seconds(5)))
        #expect(configuration.outRetryBudget == 15)
        for text in ["30", "30%"] {
            let budgeted = try self.proxy(["-codecBudget", text])
            #expect(budgeted.front.compressionBudget == (try CompressionBudget(percent: 30)))
            #expect(budgeted.outCompressionBudget == (try CompressionBudget(percent: 30)))
        }
        #expect(configuration.front.allowsTunnels && configuration.tunnelIdleTimeout == .seconds(17))
        #expect(try self.proxy(["-outMaxAge=0"]).outMaxAge == nil)
        #expect(configuration.front.clientIPField == "X-Real-IP")
        #expect(configuration.viaName == nil)
        #expect(configuration.front.headTimeout == .seconds(8) && configuration.front.idleTimeout == .seconds(9))
        #expect(configuration.front.delay == .microseconds(10) && configuration.outDelay == .milliseconds(11))
        #expect(try #require(try command.observing.adminAddress()).isDefault == false)
        #expect(try command.observing.logLevel == LogLevel(text: "debug"))
        #expect(try self.command(["-expvarAddr="]).observing.adminAddress() == nil)
        #expect(try self.command(["-inAllowIP=10.0.0.0/8,::1"]).clients.allowed.ranges.count == 2)
    }

    // MARK: Mistakes

    @Test(
        "mistakes are told in a sentence or two, on standard error, with the code of a mistake",
        arguments: [
            (["-bogus", "1"], "There is no option -bogus."), (["-outTimout", "3s"], "Do you mean -outTimeout?"),
            (["--in-typ", "http"], "Do you mean --in-type?"), (["-intype", "http"], "Do you mean -inType?"),
            (["---in", ":0"], "Do you mean --in?"),
            (["-inType", "ftp"], "http, https, unix, teleport or teleports"),
            (["-outType", "tepelorts"], "http, https, unix, teleport or teleports"),
            (["-outTimeout", "3x"], "-outTimeout <duration>"), (["--out-timeout", "3x"], "--out-timeout <duration>"),
            (["-outTimeout", "0"], "more than 0"), (["-inDelay=-5ms"], "-inDelay"), (["-in", "nowhere"], "host:port"),
            (["-outConnsPerAddr", "0"], "at least 1"), (["-concurrency", "0"], "at least 1"),
            (["-concurrency", "many"], "whole number"), (["-inCompress", "zip"], "none, flate, snappy, lz4 or zstd"),
            (["-wire", "2"], "auto, v1 or v0"), (["-codecBudget", "101"], "1 to 100 percent"),
            (["-codecBudget", "0%"], "1 to 100 percent"), (["-codecBudget", "+5"], "1 to 100 percent"),
            (["--codec-budget", "30%%"], "1 to 100 percent"),
            (["-out", "a:1,,b:2"], "comma"), (["-out", "a:1,b:2,"], "comma"), (["-out="], "name a server"),
            (["-in", ":0", "-in", ":1"], "twice"), (["-in", ":0", "--in=:1"], "twice"),
            (["-inType=http", "--in-type=http"], "twice"), (["-inGetOnly", "--in-get-only"], "twice"),
            (["--hlep"], "Do you mean --help?"), (["-verson"], "Do you mean --version?"),
            (["help"], "write --help"), (["stray"], "stands alone"), (["--", "stray"], "stands alone"),
            (["-in"], "needs a value"),
            (["-in", "-out", "a:1"], "needs a value"), (["-inGetOnly", "true"], "write -inGetOnly=true"),
            (["-inGetOnly=yes"], "-inGetOnly=false"), (["-inAllowIP", "example.com"], "-inAllowIP"),
            (["-inAllowIP", "::1", "-inType", "unix", "-in", "x.sock"], "unix socket"),
            (["-inType", "unix", "-in="], "path"), (["-inMaxHeaderSize", "255"], "at least 256"),
            (["-outMaxHeaderSize", "255"], "at least 256"), (["-inMaxBodySize", "0"], "at least 1"),
            (["-outMaxBodySize", "-1"], "at least 1"), (["-clientIPHeader", "X Y"], "spaces"),
            (["-via", "a:b"], "colons"), (["-logLevel", "loud"], "trace, debug"), (["-expvarAddr", "x"], "host:port"),
            (["-inTLSCert", "a", "-inTLSKey", "b"], "only for -inType https or teleports"),
            (["-inTLSClientCA", "a"], "only for -inType https or teleports"),
            (["-inType", "https"], "add -inTLSCert and -inTLSKey"),
            (["-inType", "teleports", "-inTLSCert", "a"], "add -inTLSCert and -inTLSKey"),
            (["-inType", "https", "-inTLSCert", "a,b", "-inTLSKey", "c"], "2 and 1"),
            (["-outTLSInsecure"], "only for -outType https or teleports"),
            (["-outTLSCA", "a", "-outType", "http"], "only for -outType https or teleports"),
            (["-outTLSCert", "a", "-outType", "https"], "both, or neither"),
            (["-outTLSInsecure", "-outTLSCA", "a", "-outType", "https"], "leave one of them out"),
            (["--listen", ":80"], "write a URL such as"), (["--listen", "ftp://:80"], "there is no ftp://"),
            (["--listen", "http://:80", "-in", ":1"], "leave one of them out"), (["--listen="], "write a URL"),
            (["--forward", "http://a", "-outType", "http"], "leave one of them out"),
            (["--forward", "teleport://a"], "write the port"), (["--forward", "http://a/b"], "ends behind the port"),
            (["--forward", "http://me@a"], "no user"), (["--forward", "unix://a"], "three slashes"),
            (["--forward", "http://a,teleport://b:1"], "different protocols"),
            (["--forward", "http://a?weight=0"], "1 to 100"), (["--listen", "http://:1?weight=2"], "leave it out"),
            (["-outBalance", "fair"], "least-loaded or round-robin"), (["-outHealthPath", "health"], "write a path"),
            (["-outHealthInterval", "0"], "more than 0"), (["-outHealthTimeout", "0"], "more than 0"),
            (["-outRetryBudget", "101"], "at most 100"),
            (["-outWarm=-1"], "at least 0"), (["-outMaxAge", "old"], "durations"),
            (["--listen", "https://:443"], "add -inTLSCert and -inTLSKey"), (["--codec", "zip"], "zstd"),
            (["-inTLSSessionTicketKey", "x"], "ticket keys itself"), (["-autocertCacheDir=x"], "-inTLSCert"),
            (["-autocertHostRegexp", "x"], "ACME"), (["--generate-completion-script"], "bash, zsh, fish"),
            (["--generate-completion-script=tcsh"], "bash, zsh, fish"),
        ])
    func mistakes(arguments: [String], words: String) async throws {
        let (status, text) = try await self.run(arguments)
        #expect(status == 64, "\(text)")
        #expect(text.contains(words), "\(text)")
        #expect(text.hasPrefix("httptp: ") && text.count(where: \.isNewline) == 1, "\(text)")
    }

    @Test("what cannot be started is told in one line, with a code of its own")
    func cannotStart() async throws {
        let scratch = try Scratch()
        let missing = "\(scratch.path)/missing"
        let tls = ["-inType", "https", "-inTLSCert", missing, "-inTLSKey", missing]
        for (arguments, words) in [
            (tls, missing), (["-outType", "https", "-outTLSCA", missing], missing),
            (["-accessLog", "\(missing)/log"], "\(missing)/log"),
            (["-inType", "unix", "-in", "\(missing)/s"], missing),
        ] {
            let (status, text) = try await self.run(["-expvarAddr="] + arguments)
            #expect(status == 1, "\(text)")
            #expect(text.contains(words) && text.contains("No such file or directory"), "\(text)")
            #expect(text.hasPrefix("httptp: ") && text.count(where: \.isNewline) == 1, "\(text)")
        }
    }

    @Test(
        "what to do about an address that cannot be had is told",
        arguments: [
            (EACCES, "127.0.0.1:80", "Permission denied. Choose a port from 1024 on, or have systemd open this one"),
            (EACCES, "unix:/root/a", "Permission denied."), (EADDRNOTAVAIL, "192.0.2.1:80", "or :PORT for all"),
            (ENOENT, "unix:/nope/a", "Make the folder first"),
            (EADDRINUSE, ":80", "Stop the process that listens there"),
        ])
    func addressHints(code: Int32, address: String, words: String) {
        let error = TransportError(
            .bindFailed, "Cannot listen at \(address).", cause: IOError(errnoCode: code, reason: "bind"))
        let message = Failure(error).message
        #expect(message.hasPrefix("Cannot listen at \(address): ") && message.contains(words), "\(message)")
        #expect(!message.contains("1024") || address.hasSuffix(":80"))
    }

    @Test("an address in use is told by name")
    func addressInUse() async throws {
        let first = try await HTTPTPProcess(["-out", "127.0.0.1:1"])
        let (status, text) = try await self.run(["-in", "127.0.0.1:\(first.port)"])
        #expect(status == 1)
        #expect(text.contains("127.0.0.1:\(first.port): Address already in use."), "\(text)")
        let code = try await first.stop()
        #expect(code == 0)
    }

    @Test(
        "it starts with each form of an option",
        arguments: ["-outTimeout 1m30s", "-outTimeout=100us", "--out-timeout 2s", "--out-timeout=0.5s", "-inGetOnly=0"])
    func forms(option: String) async throws {
        let process = try await HTTPTPProcess(option.split(separator: " ").map(String.init) + ["-out", "127.0.0.1:1"])
        #expect(process.process.text.contains(/descriptors=[1-9]/), "\(process.process.text)")
        let code = try await process.stop()
        #expect(code == 0)
    }

    @Test("help and version are answered on standard output, whatever else is there")
    func helpAndVersion() async throws {
        for option in ["-h", "-help", "--help"] {
            let (status, text) = try await self.run(["-in", ":0", option, "-bogus"])
            #expect(status == 0 && text.contains("--in-type <type>"), "\(text)")
        }
        for option in ["-version", "--version"] {
            let (status, text) = try await self.run([option])
            #expect(status == 0 && text == "httptp \(About.version)\n", "\(text)")
        }
    }
}

@Suite("The process of httptp", .timeLimit(.minutes(10)))
struct ProcessTests {
    /// Starts it from a shell, after `preparation`, and waits until it serves.
    private func start(after preparation: String = ":", _ arguments: [String]) async throws -> ChildProcess {
        let process = try ChildProcess(
            try Programs.find("sh"),
            ["-c", "\(preparation); echo pid=$$; exec \"$0\" \"$@\"", Programs.httptp]
                + ["-in", "127.0.0.1:0", "-expvarAddr="] + arguments)
        let isUp = try await process.wrote(" listening")
        try #require(isUp, "\(process.text)")
        return process
    }

    private func pid(of process: ChildProcess) throws -> pid_t {
        try #require(process.text.firstMatch(of: /pid=(\d+)/).flatMap { pid_t($0.1) })
    }

    @Test("it takes as many descriptors as it may, and says how many")
    func descriptors() async throws {
        let process = try await self.start(after: "ulimit -Sn 1000; ulimit -Hn 5000", [])
        #expect(process.text.contains("descriptors=5000 "), "\(process.text)")
        #expect(!process.text.contains("few descriptors"), "\(process.text)")
        process.terminate()
        #expect(try await process.ended() == 0)
    }

    @Test("few descriptors are warned of")
    func fewDescriptors() async throws {
        let process = try await self.start(after: "ulimit -n 500", [])
        #expect(process.text.contains("descriptors=500 "), "\(process.text)")
        #expect(process.text.contains("few descriptors"), "\(process.text)")
        process.terminate()
        #expect(try await process.ended() == 0)
    }

    @Test("-logFormat json: an object a line, whatever is logged")
    func jsonLog() async throws {
        let process = try ChildProcess(
            Programs.httptp,
            ["-in", "127.0.0.1:0", "-expvarAddr=", "-logFormat", "json", "-outType", "https", "-outTLSInsecure"])
        let isUp = try await process.wrote(#""message":"listening""#)
        #expect(isUp, "\(process.text)")
        process.terminate()
        #expect(try await process.ended() == 0)
        let objects = try process.text.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: String], "\($0)")
        }
        #expect(objects.map { $0["message"] }.contains("listening") && objects.last?["message"] == "stopped")
        #expect(objects.allSatisfy { $0["time"]?.hasSuffix("Z") == true && $0["level"] != nil })
        #expect(objects.contains { $0["level"] == "warning" && $0["option"] == "-outTLSInsecure" })
        let odd = JSONLogHandler.line(
            .error, "a \"b\"\\\n\u{1}ü", ["level": "x", "k": "v"], at: Date(timeIntervalSince1970: 0.5))
        #expect(
            odd
                == #"{"time":"1970-01-01T00:00:00.500Z","level":"error","message":"a \"b\"\\\n\u0001ü","k":"v","level_":"x"}"#
        )
    }

    @Test("certificates that are not verified are warned of")
    func insecure() async throws {
        let process = try await self.start(["-outType", "https", "-outTLSInsecure"])
        #expect(process.text.contains("are not verified"), "\(process.text)")
        process.terminate()
        #expect(try await process.ended() == 0)
    }

    @Test("SIGUSR1 opens the access log again after it was renamed")
    func reopens() async throws {
        let scratch = try Scratch()
        let path = "\(scratch.path)/access.log"
        let process = try await self.start(["-accessLog", path])
        #expect(FileManager.default.fileExists(atPath: path))
        try FileManager.default.moveItem(atPath: path, toPath: "\(path).1")
        kill(try self.pid(of: process), SIGUSR1)
        while !FileManager.default.fileExists(atPath: path) { try await Task.sleep(for: .milliseconds(10)) }
        process.terminate()
        #expect(try await process.ended() == 0)
    }

    @Test("SIGUSR1 does no harm where there is no access log")
    func nothingToReopen() async throws {
        let process = try await self.start([])
        kill(try self.pid(of: process), SIGUSR1)
        process.terminate()
        #expect(try await process.ended() == 0)
    }
}
