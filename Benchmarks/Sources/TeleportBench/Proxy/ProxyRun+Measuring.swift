import TeleportReport
import Teleport
import TeleportMeter

extension ProxyRun {
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
            let chain = ProxyChain(name: "metered", port: port, proxies: [near, self.far.process], note: "metered")
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
