import TeleportReport
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
    let files: ProxyFiles
    let script: String?
    let origin: ChildProcess
    let far: (process: ChildProcess, port: Int)
    /// wrk straight to the origin comes first.
    let chains: [ProxyChain]

    init(_ options: Options, _ tools: ProxyTools) async throws {
        let files = ProxyFiles(folder: try Folder.makeTemporary())
        let corpus = try options.corpus.map(CorpusFiles.init(directory:))
        let ports = try await LoopbackPort.free(7)
        let starter = Starter(files: files, tools: tools)
        let origin = try await starter.start(
            "nginx (origin)", at: ports[0], tools.nginx,
            Starter.nginxArguments(
                files.origin(at: ports[0], answers: corpus.map { try files.answers($0.responses) }), files))
        let pair = try await starter.startPair(tools.httptp, options, at: (near: ports[2], far: ports[1]), to: ports[0])
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
        self.far = (pair[1], ports[1])
        var chains = [
            ProxyChain(name: "origin alone", port: ports[0], proxies: []),
            ProxyChain(name: "httptp", port: ports[2], proxies: pair),
            ProxyChain(name: "nginx", port: ports[3], proxies: [nginx]),
            ProxyChain(name: "haproxy", port: ports[4], proxies: [haproxy]),
        ]
        if let other = tools.otherHTTPTP {
            // It may not know every option.
            var options = options
            options.wire = nil
            let pair = try await starter.startPair(other, options, at: (near: ports[6], far: ports[5]), to: ports[0])
            chains.insert(ProxyChain(name: "against", port: ports[6], proxies: pair, note: other), at: 2)
        }
        self.chains = chains
    }

    /// One process that listens after another.
    struct Starter {
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

        /// The near one and the far one.
        func startPair(
            _ httptp: String, _ options: Options, at ports: (near: Int, far: Int), to origin: Int
        ) async throws -> [ChildProcess] {
            let far = try await self.start(
                "httptp (far)", at: ports.far, httptp, ProxyRun.farArguments(options, from: ports.far, to: origin))
            let near = try await self.start(
                "httptp (near)", at: ports.near, httptp,
                ProxyRun.nearArguments(options, from: ports.near, to: "127.0.0.1:\(ports.far)"))
            return [near, far]
        }

        static func nginxArguments(_ configuration: String, _ files: ProxyFiles) -> [String] {
            ["-p", files.folder, "-e", "stderr", "-c", configuration]
        }
    }

    static func farArguments(_ options: Options, from port: Int, to origin: Int) -> [String] {
        [
            "-expvarAddr=", "-in", "127.0.0.1:\(port)", "-inType", "teleport", "-inCompress", options.codec.rawValue,
            "-inDelay", "\(options.batchDelay)us", "-out", "127.0.0.1:\(origin)", "-outType", "http",
        ] + self.wireArguments(options)
    }

    static func nearArguments(_ options: Options, from port: Int, to far: String) -> [String] {
        [
            "-expvarAddr=", "-in", "127.0.0.1:\(port)", "-inType", "http", "-out", far, "-outType", "teleport",
            "-outCompress", options.codec.rawValue, "-outDelay", "\(options.batchDelay)us",
        ] + self.wireArguments(options)
    }

    private static func wireArguments(_ options: Options) -> [String] {
        options.wire.map { ["-wire", $0.rawValue] } ?? []
    }
}
