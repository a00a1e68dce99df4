import Foundation
import Logging
import NIOCore
import Teleport
import TeleportProxy
import Testing

@testable import httptp

/// No option without a proof: each one has an effect on what is planned, and a test that shows what it does to traffic.
///
/// Both tables are switches without a default: a new option does not compile until it is in them.
@Suite("Every option has a proof", .timeLimit(.minutes(10)))
struct OptionProofTests {
    /// What an option changes, and where that is seen.
    private struct Effect {
        let arguments: [String]
        let holds: (Plan, ProxyConfiguration) throws -> Bool

        init(_ arguments: [String], holds: @escaping (Plan, ProxyConfiguration) throws -> Bool) {
            self.arguments = arguments
            self.holds = holds
        }
    }

    // MARK: What is planned

    private static func effect(_ option: ProxyOption, _ files: Files) -> Effect {
        func with(_ value: String, _ others: String..., holds: @escaping (Plan, ProxyConfiguration) throws -> Bool)
            -> Effect
        {
            Effect(["\(option)=\(value)"] + others, holds: holds)
        }
        let serving = ["-inType=https", "-inTLSCert=\(files.chain)", "-inTLSKey=\(files.key)"]
        switch option {
        case .config: return with(files.yaml) { $1.outTimeout == .seconds(77) }
        case .check: return with("true") { plan, _ in plan.command.configuration.isCheck }
        case .printConfig: return with("true") { plan, _ in plan.command.configuration.isPrint }
        case .listen: return with("teleport://:81") { $1.fronts.map(\.kind) == [.teleport] }
        case .in: return with(":81") { $1.front.addresses == [.tcp(host: "", port: 81)] }
        case .inType: return with("teleport") { $1.front.kind == .teleport }
        case .inCompress: return with("zstd") { $1.front.compression.kind == .zstd }
        case .inDelay: return with("3ms") { $1.front.delay == .milliseconds(3) }
        case .inAllowIP: return with("10.0.0.0/8") { $1.front.allowed.count == 1 }
        case .inGetOnly: return with("true") { $1.front.getOnly }
        case .clientIPHeader: return with("X-Name") { $1.front.clientIPField == "X-Name" }
        case .via: return with("edge") { $1.viaName == "edge" }
        case .reusePort: return with("true") { $1.front.reusesPort }
        case .forward: return with("http://a:81") { $1.outKind == .http && $1.upstreams[0].address.isPort(81) }
        case .out: return with("a:81,b:82") { $1.upstreams.map { $0.address.isPort(81) } == [true, false] }
        case .outType: return with("http") { $1.outKind == .http }
        case .outCompress: return with("lz4") { $1.outCompression.kind == .lz4 }
        case .outDelay: return with("3ms") { $1.outDelay == .milliseconds(3) }
        case .outTimeout: return with("7s") { $1.outTimeout == .seconds(7) }
        case .outConnsPerAddr: return with("7") { $1.outConnectionsPerAddress == 7 }
        case .outWarm: return with("7") { $1.outWarmConnections == 7 }
        case .outMaxAge: return with("7s") { $1.outMaxAge == .seconds(7) }
        case .outBalance: return with("round-robin") { $1.outBalance == .roundRobin }
        case .outHealthPath: return with("/h") { $1.outHealthCheck?.path == "/h" }
        case .outHealthInterval:
            return with("7s", "-outHealthPath=/h") { $1.outHealthCheck?.interval == .seconds(7) }
        case .outHealthTimeout:
            return with("7s", "-outHealthPath=/h") { $1.outHealthCheck?.timeout == .seconds(7) }
        case .outSlowStart: return with("7s") { $1.outSlowStart == .seconds(7) }
        case .outRetryBudget: return with("7") { $1.outRetryBudget == 7 }
        case .codec: return with("zstd") { [$1.front.compression, $1.outCompression].allSatisfy { $0.kind == .zstd } }
        case .codecBudget:
            return with("30%") {
                [$1.front.compressionBudget, $1.outCompressionBudget].allSatisfy { $0?.percent == 30 }
            }
        case .tunnel: return with("true") { $1.front.allowsTunnels }
        case .tunnelIdleTimeout: return with("7s") { $1.tunnelIdleTimeout == .seconds(7) }
        case .wire: return with("v0") { $1.front.wire == .v0 && $1.outWire == .v0 }
        case .inTLSCert, .inTLSKey: return Effect(serving) { $1.front.tls != nil }
        case .inTLSClientCA:
            return Effect(serving + ["-inTLSClientCA=\(files.authority)"]) {
                $0.certificateFiles.contains($0.command.tls.clientSideFiles.last ?? "") && $1.front.tls != nil
                    && $0.command.tls.clientSideFiles.count == 3
            }
        case .outTLSCA:
            return with(files.authority, "-outType=https") { plan, _ in plan.command.tls.serverSideFiles.count == 1 }
        case .outTLSInsecure: return with("true", "-outType=https") { plan, _ in plan.command.tls.isInsecure }
        case .outTLSCert, .outTLSKey:
            return Effect(["-outType=https", "-outTLSCert=\(files.chain)", "-outTLSKey=\(files.key)"]) {
                plan, _ in plan.command.tls.serverSideFiles.count == 2
            }
        case .outTLSServerName:
            return with("b.test", "-outType=https") { plan, _ in plan.arguments[.outTLSServerName] == "b.test" }
        case .inMaxHeaderSize: return with("777") { $1.front.limits.maxHeadSize == 777 }
        case .inMaxBodySize: return with("777") { $1.front.limits.maxBodySize == 777 }
        case .inHeadTimeout: return with("7s") { $1.front.headTimeout == .seconds(7) }
        case .inIdleTimeout: return with("7s") { $1.front.idleTimeout == .seconds(7) }
        case .outMaxHeaderSize: return with("777") { $1.outLimits.maxHeadSize == 777 }
        case .outMaxBodySize: return with("777") { $1.outLimits.maxBodySize == 777 }
        case .concurrency: return with("7") { $1.concurrency == 7 }
        case .accessLog: return with("-") { plan, _ in plan.command.observing.accessLog == "-" }
        case .logLevel: return with("error") { plan, _ in plan.command.observing.makeLogger().logLevel == .error }
        case .logFormat: return with("json") { plan, _ in plan.command.observing.logFormat == .json }
        case .logAllErrors: return with("true") { $1.logsAllErrors }
        case .expvarAddr:
            return with(":81") { plan, _ in try plan.command.observing.adminAddress()?.address.isPort(81) == true }
        }
    }

    /// What options name.
    private struct Files {
        let chain, key, authority, yaml: String
    }

    @Test("it changes what is planned, and nothing else does", arguments: ProxyOption.allCases)
    func planned(option: ProxyOption) async throws {
        let (scratch, certificates) = (try Scratch(), try await Certificates())
        try scratch.write("x.yaml", Data("forward: {servers: [teleport://a:1], timeout: 77s}\n".utf8))
        let effect = Self.effect(
            option,
            Files(
                chain: certificates.a.chain, key: certificates.a.key, authority: certificates.authority,
                yaml: "\(scratch.path)/x.yaml"))
        func holds(_ arguments: [String]) throws -> Bool {
            guard case .run(let normalized) = try Invocation(arguments) else { return false }
            let plan = try Plan(normalized)
            var tls = TLSCache()
            return try effect.holds(plan, try plan.proxyConfiguration(tls: &tls, logger: Logger(label: "test")))
        }
        #expect(effect.arguments.contains { $0.hasPrefix("\(option)=") }, "\(effect.arguments)")
        #expect(try holds(effect.arguments))
        #expect(try !holds([]))
    }

    // MARK: What it does to traffic

    /// A test: its file, and how its name begins.
    private typealias Proof = (file: String, test: String)

    private static func proof(_ option: ProxyOption) -> Proof {
        switch option {
        case .config: ("ReloadingTests", "servers, limits, codecs and addresses change")
        case .check, .printConfig: ("ConfigurationTests", "-check reads it all")
        case .listen, .forward, .codec: ("RecipeTests", "the recipe with URLs works")
        case .in, .reusePort: ("OptionTests", "-reusePort: two processes")
        case .inType, .outType: ("CombinationTests", "what comes through is what nginx says")
        case .inCompress, .outCompress, .inDelay, .outDelay:
            ("EstimateCommandTests", "what it says of a file is what a pair of httptp carries")
        case .inAllowIP: ("OptionTests", "-inAllowIP")
        case .inGetOnly: ("OptionTests", "-inGetOnly")
        case .clientIPHeader, .via: ("OptionTests", "-clientIPHeader and -via")
        case .out: ("SIGTERMTests", "to one of two far from the clients")
        case .outTimeout: ("HealthTests", "it is ready until it is told to stop")
        case .outConnsPerAddr: ("OptionTests", "-outConnsPerAddr 3 is three")
        case .outWarm: ("ServerOptionTests", "-outWarm 2")
        case .outMaxAge: ("ServerOptionTests", "-outMaxAge 100ms")
        case .outBalance: ("ServerOptionTests", "-outBalance round-robin")
        case .outHealthPath, .outHealthInterval, .outSlowStart:
            ("ServerOptionTests", "-outHealthPath and -outHealthInterval")
        case .outHealthTimeout: ("ServerOptionTests", "-outHealthTimeout 60s")
        case .outRetryBudget: ("ServerOptionTests", "-outRetryBudget 0")
        case .codecBudget: ("OptionTests", "-codecBudget 30%")
        case .tunnel, .tunnelIdleTimeout: ("TunnelProcessTests", "-tunnelIdleTimeout 200ms")
        case .wire: ("RestartTests", "no request through a link is lost")
        case .inTLSCert, .inTLSKey: ("TLSTests", "the name that a client asks for chooses the certificate")
        case .inTLSClientCA: ("TLSTests", "with -inTLSClientCA only clients")
        case .outTLSCert, .outTLSKey: ("TLSTests", "the same between two of them, with -outTLSCert")
        case .outTLSCA, .outTLSInsecure: ("TLSTests", "a server whose certificate nobody vouches for")
        case .outTLSServerName: ("TLSTests", "a certificate has to bear the server's name")
        case .inMaxHeaderSize, .inMaxBodySize: ("OptionTests", "-inMaxHeaderSize and -inMaxBodySize")
        case .inHeadTimeout: ("SlowTests", "slow clients, more than there are connections")
        case .inIdleTimeout: ("ServerOptionTests", "-inIdleTimeout 200ms")
        case .outMaxHeaderSize: ("ServerOptionTests", "-outMaxHeaderSize 300")
        case .outMaxBodySize: ("BombTests", "a gibibyte of zeros as an answer")
        case .concurrency: ("OptionTests", "-concurrency 3")
        case .accessLog: ("OptionTests", "-accessLog: a line for each request")
        case .logLevel: ("OptionTests", "whatever is logged")
        case .logFormat: ("CommandLineTests", "-logFormat json")
        case .logAllErrors: ("OptionTests", "-logAllErrors logs each failure")
        case .expvarAddr: ("OptionTests", "-expvarAddr: the pages count what others count")
        }
    }

    @Test("a running httptp is given it by a test of its own", arguments: ProxyOption.allCases)
    func running(option: ProxyOption) throws {
        let (file, test) = Self.proof(option)
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("\(file).swift")
        let text = try String(contentsOf: path, encoding: .utf8)
        #expect(text.contains("\"\(test)"), "\(file) has no test that begins with: \(test)")
        // In the words of a process: an option and its value are two, or joined.
        let words = ["\"-\(option.name)", "\"--\(option.name)", "\"--\(option.longName)"]
        let isUsed = words.contains { word in ["\"", "=", " "].contains { text.contains("\(word)\($0)") } }
        #expect(isUsed, "\(file) does not use \(option)")
    }
}

extension TransportAddress {
    fileprivate func isPort(_ port: Int) -> Bool {
        if case .tcp(_, port) = self { true } else { false }
    }
}
