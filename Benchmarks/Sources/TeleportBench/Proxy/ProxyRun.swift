import BenchReport
import NIOCore
import Teleport

/// Starts an origin and proxies in front of it, and has wrk take every way in turn.
///
/// All processes are started before and ended with this one; those whose turn it is not are idle.
struct ProxyRun: Sendable {
    /// What is compared, and how.
    struct Options: Sendable {
        var codec: Codec
        /// `nil` leaves it to httptp, and lets the reference's, which has no such option, be measured too.
        var wire: Wire?
        /// Microseconds.
        var batchDelay: Int
        var connections: Int
        var seconds: Int
        var rounds: Int
        /// Bodies to POST and to answer with; `nil` is a GET.
        var corpus: String?
    }

    let options: Options
    let tools: ProxyTools
    private let files: ProxyFiles
    private let script: String?
    private let origin: ChildProcess
    private let far: (process: ChildProcess, port: Int)
    /// wrk straight to the origin comes first.
    let chains: [ProxyChain]

    init(_ options: Options, _ tools: ProxyTools) async throws {
        let files = ProxyFiles(folder: try Folder.makeTemporary())
        let corpus = try options.corpus.map(CorpusFiles.init(directory:))
        let ports = try await LoopbackPort.free(5)
        let starter = Starter(files: files, tools: tools)
        let origin = try await starter.start(
            "nginx (origin)", at: ports[0], tools.nginx,
            Starter.nginxArguments(
                files.origin(at: ports[0], answers: corpus.map { try files.answers($0.responses) }), files))
        let far = try await starter.start(
            "httptp (far)", at: ports[1], tools.httptp,
            Self.farArguments(options, from: ports[1], to: ports[0]))
        let near = try await starter.start(
            "httptp (near)", at: ports[2], tools.httptp,
            Self.nearArguments(options, from: ports[2], to: "127.0.0.1:\(ports[1])"))
        let nginx = try await starter.start(
            "nginx", at: ports[3], tools.nginx,
            Starter.nginxArguments(files.nginxProxy(at: ports[3], to: ports[0]), files))
        let haproxy = try await starter.start(
            "haproxy", at: ports[4], tools.haproxy,
            ["-db", "-q", "-f", files.haproxy(at: ports[4], to: ports[0])])
        self.options = options
        self.tools = tools
        self.files = files
        self.script = try corpus.map { try files.posts($0.requests) }
        self.origin = origin
        self.far = (far, ports[1])
        self.chains = [
            ProxyChain(name: "origin alone", port: ports[0], proxies: []),
            ProxyChain(name: "httptp", port: ports[2], proxies: [near, far]),
            ProxyChain(name: "nginx", port: ports[3], proxies: [nginx]),
            ProxyChain(name: "haproxy", port: ports[4], proxies: [haproxy]),
        ]
    }

    /// One process that listens after another.
    private struct Starter {
        let files: ProxyFiles
        let tools: ProxyTools

        func start(_ name: String, at port: Int, _ program: String, _ arguments: [String]) async throws -> ChildProcess
        {
            let process = try ChildProcess(
                name, program, arguments, output: "\(self.files.folder)/\(port).log",
                // One thread for the work of each, ours and the reference's.
                environment: ["NIO_SINGLETON_GROUP_LOOP_COUNT=1", "GOMAXPROCS=1"])
            try await LoopbackPort.wait(for: process, at: port)
            return process
        }

        static func nginxArguments(_ configuration: String, _ files: ProxyFiles) -> [String] {
            ["-p", files.folder, "-e", "stderr", "-c", configuration]
        }
    }

    private static func farArguments(_ options: Options, from port: Int, to origin: Int) -> [String] {
        [
            "-expvarAddr=", "-in", "127.0.0.1:\(port)", "-inType", "teleport", "-inCompress", options.codec.rawValue,
            "-inDelay", "\(options.batchDelay)us", "-out", "127.0.0.1:\(origin)", "-outType", "http",
        ] + self.wireArguments(options)
    }

    private static func nearArguments(_ options: Options, from port: Int, to far: String) -> [String] {
        [
            "-expvarAddr=", "-in", "127.0.0.1:\(port)", "-inType", "http", "-out", far, "-outType", "teleport",
            "-outCompress", options.codec.rawValue, "-outDelay", "\(options.batchDelay)us",
        ] + self.wireArguments(options)
    }

    private static func wireArguments(_ options: Options) -> [String] {
        options.wire.map { ["-wire", $0.rawValue] } ?? []
    }

    // MARK: Measuring

    /// All rounds: the figures of each chain.
    func measure() async throws -> [[ProxyFigures]] {
        Notes.say("warming up")
        for chain in self.chains { _ = try await self.load(chain, seconds: 1) }
        var figures = [[ProxyFigures]](repeating: [], count: self.chains.count)
        // Interleaved, so that a busy minute hits all alike.
        for round in 1...self.options.rounds {
            for (index, chain) in self.chains.enumerated() {
                Notes.say("\(chain.path), round \(round) of \(self.options.rounds)")
                figures[index].append(try await self.measure(chain))
            }
        }
        return figures
    }

    private func measure(_ chain: ProxyChain) async throws -> ProxyFigures {
        let processes = chain.proxies + [self.origin]
        let before = try processes.map { try $0.usage() }
        let (report, wrk) = try await self.load(chain, seconds: self.options.seconds)
        let after = try processes.map { try $0.usage() }
        let count = Double(Swift.max(1, report.requests))
        let cpu = zip(before, after).map { ($1.cpu - $0.cpu) / count }
        return ProxyFigures(
            requestsPerSecond: report.requestsPerSecond, p50: report.p50 ?? 0, p99: report.p99 ?? 0,
            proxies: cpu.dropLast(), origin: cpu.last ?? 0, wrk: wrk / count,
            residentBytes: after.dropLast().map { Double($0.residentBytes) })
    }

    /// Lets wrk run; returns what it says, and its CPU time in microseconds.
    private func load(_ chain: ProxyChain, seconds: Int) async throws -> (WrkReport, Double) {
        let wrk = try ChildProcess(
            "wrk", self.tools.wrk,
            ["-t", "1", "-c", "\(self.options.connections)", "-d", "\(seconds)s", "--timeout", "10s", "--latency"]
                + (self.script.map { ["-s", $0] } ?? []) + ["http://127.0.0.1:\(chain.port)/"],
            output: "\(self.files.folder)/wrk.log")
        let cpu = try await wrk.waitForEnd()
        guard let report = WrkReport(parsing: wrk.printed), report.requests > 0 else {
            throw BenchError("wrk was not answered by \(chain.path). It said:\n\(wrk.printed)")
        }
        if report.failures > 0 {
            Notes.say("\(chain.path): \(report.failures) of \(report.requests) answers were errors")
            guard report.failures * 100 < report.requests else {
                throw BenchError(
                    "More than 1 % of the answers of \(chain.path) were errors: figures would mean nothing.")
            }
        }
        return (report, cpu)
    }

    /// What a request and its answer have on the link between the two httptp: counted by a relay in a short run of its
    /// own, behind another near one.
    func linkBytes() async throws -> Figures.Directions {
        let meter = ByteMeter()
        return try await withLoops(1) { loops in
            let relay = try await meter.start(
                at: .tcp(host: "127.0.0.1", port: 0), to: .tcp(host: "127.0.0.1", port: self.far.port), group: loops[0])
            let port = try await LoopbackPort.free(1)[0]
            let near = try await Starter(files: self.files, tools: self.tools).start(
                "httptp (near, metered)", at: port, self.tools.httptp,
                Self.nearArguments(self.options, from: port, to: "\(relay.address)"))
            let chain = ProxyChain(name: "metered", port: port, proxies: [near, self.far.process])
            let (report, _) = try await self.load(chain, seconds: 1)
            let count = meter.count
            Cleanup.shared.end([near.pid])
            await relay.close()
            return .init(
                request: Double(count.sent) / Double(report.requests),
                response: Double(count.received) / Double(report.requests))
        }
    }
}
