import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import Testing

@testable import TeleportProxy

@Suite("Which server a request goes to", .timeLimit(.minutes(10)))
struct ServerChoiceTests {
    @Test("in a round everybody has as many turns as its weight, spread evenly")
    func round() {
        #expect(ServerChoice.round([1, 1, 1]) == [0, 1, 2])
        #expect(ServerChoice.round([5, 1, 1]) == [0, 0, 1, 0, 2, 0, 0])
        for weights in [[1], [3, 2], [100, 1, 50, 7], [2, 2, 2]] {
            let round = ServerChoice.round(weights)
            for (index, weight) in weights.enumerated() { #expect(round.count { $0 == index } == weight) }
        }
        // Never long without anybody's turn.
        let round = ServerChoice.round([4, 2])
        #expect(round.indices.allSatisfy { round[$0] == 0 || round[($0 + 1) % 6] == 0 })
    }

    /// Servers that nobody connects to, of these weights.
    private func choice(
        _ weights: [Int], _ balance: ProxyConfiguration.Balance
    ) -> (ServerChoice, [Upstream]) {
        var configuration = ProxyConfiguration(in: .http, at: [], out: .http, to: [])
        configuration.upstreams = weights.indices.map {
            UpstreamConfiguration(.tcp(host: "127.0.0.1", port: $0 + 1), weight: weights[$0])
        }
        configuration.outSlowStart = .hours(1)
        let upstreams = Upstream.all(of: configuration, keeping: [], traffic: ProxyTraffic())
        return (ServerChoice(upstreams, weights: weights, balance: balance), upstreams)
    }

    /// How often each is chosen; requests that are chosen for stay pending with `takes`.
    private func counts(_ choice: ServerChoice, _ upstreams: [Upstream], of requests: Int, takes: Bool) -> [Int] {
        var counts = upstreams.map { _ in 0 }
        for _ in 0..<requests {
            guard let chosen = choice.choose(except: 0), let index = upstreams.firstIndex(where: { $0 === chosen })
            else { continue }
            counts[index] += 1
            if takes { chosen.took() }
        }
        return counts
    }

    @Test("round robin: by weight, whatever is pending")
    func roundRobin() {
        let (choice, upstreams) = self.choice([3, 1, 2], .roundRobin)
        upstreams[0].took()
        #expect(self.counts(choice, upstreams, of: 600, takes: false) == [300, 100, 200])
        for (index, tried) in [(1, UInt64(0b101)), (0, 0b110)] {
            #expect(choice.choose(except: tried) === upstreams[index])
        }
        #expect(choice.choose(except: 0b111) == nil)
    }

    @Test("least loaded: what is pending is in proportion to the weights")
    func leastLoaded() {
        let (choice, upstreams) = self.choice([3, 1, 2], .leastLoaded)
        #expect(self.counts(choice, upstreams, of: 600, takes: true) == [300, 100, 200])
        let (equal, others) = self.choice([1, 1], .leastLoaded)
        others[0].took()
        #expect(equal.choose(except: 0) === others[1])
    }

    @Test("who comes back has little at first", arguments: ProxyConfiguration.Balance.allCases)
    func slowStart(balance: ProxyConfiguration.Balance) {
        let (choice, upstreams) = self.choice([1, 1], balance)
        // Set aside by three failed checks, and back by two good ones: a moment ago, of an hour.
        for isGood in [false, false, false] { upstreams[0].checked(isGood: isGood) }
        #expect(self.counts(choice, upstreams, of: 100, takes: false) == [0, 100])
        for _ in 0..<2 { upstreams[0].checked(isGood: true) }
        let counts = self.counts(choice, upstreams, of: 1700, takes: balance == .leastLoaded)
        #expect((40...120).contains(counts[0]), "\(counts)")
    }

    @Test("all were set aside: one is asked all the same", arguments: ProxyConfiguration.Balance.allCases)
    func allAside(balance: ProxyConfiguration.Balance) {
        let (choice, upstreams) = self.choice([1, 1], balance)
        for upstream in upstreams { for _ in 0..<3 { upstream.checked(isGood: false) } }
        #expect(!choice.hasServers(now: .now()))
        #expect(choice.choose(except: 0) != nil)
    }

    // MARK: With real servers

    /// An origin whose answer to `/health` can be changed, and that counts the others.
    private final class Patient: Sendable {
        private struct State {
            var isWell = true
            var requests = 0
            var checks = 0
        }

        private let state = Mutex(State())
        private let origin = Mutex<Origin?>(nil)
        var address: TransportAddress { self.origin.withLock { $0?.address } ?? .unix(path: "") }
        var requests: Int { self.state.withLock { $0.requests } }
        var checks: Int { self.state.withLock { $0.checks } }
        var isWell: Bool {
            get { self.state.withLock { $0.isWell } }
            set { self.state.withLock { $0.isWell = newValue } }
        }

        init() async throws {
            let origin = try await Origin { [weak self] request in
                guard let self else { return Response(status: .serviceUnavailable) }
                let isCheck = request.target == "/health"
                let isWell = self.state.withLock { state in
                    if isCheck { state.checks += 1 } else { state.requests += 1 }
                    return state.isWell
                }
                return Response.text("x", status: isCheck && !isWell ? .internalServerError : .ok)
            }
            self.origin.withLock { $0 = origin }
        }

        func kill() async { await self.origin.withLock { $0 }?.server.kill() }
    }

    @Test(
        "a server that fails its checks gets no requests until it passes them; checks are not counted as requests",
        arguments: [false, true])
    func healthChecks(overLink: Bool) async throws {
        let patients = [try await Patient(), try await Patient()]
        func check(_ configuration: inout ProxyConfiguration) {
            configuration.outHealthCheck = .init(path: "/health", interval: .milliseconds(20), timeout: .seconds(60))
            configuration.outSlowStart = .zero
            configuration.outBalance = .roundRobin
            configuration.outTimeout = .seconds(60)
        }
        var fars: [Proxy] = []
        var addresses = patients.map(\.address)
        if overLink {
            for index in patients.indices {
                var far = ProxyConfiguration(
                    in: .teleport, at: [.tcp(host: "127.0.0.1", port: 0)], out: .http, to: [addresses[index]])
                far.takeTime()
                fars.append(Proxy(far))
                addresses[index] = try #require(try await fars[index].start().first)
            }
        }
        try await withProxy(
            to: addresses,
            {
                if overLink { $0.outKind = .teleport }
                check(&$0)
            }
        ) { front, proxy in
            var client = try await RawClient(to: front)
            func ask(_ count: Int) async throws {
                for _ in 0..<count {
                    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    #expect(try await client.answer()?.status == 200)
                }
            }
            try await ask(10)
            #expect(patients[0].requests == 5 && patients[1].requests == 5)
            func standings() -> [UpstreamHealth.Standing] {
                proxy.forwarder.current.upstreams.map { $0.standing(now: .now()) }
            }
            patients[0].isWell = false
            while standings()[0] != .aside { try await Task.sleep(for: .milliseconds(5)) }
            try await ask(10)
            #expect(patients[0].requests == 5 && patients[1].requests == 15)
            patients[0].isWell = true
            while standings()[0] == .aside { try await Task.sleep(for: .milliseconds(5)) }
            try await ask(10)
            #expect(patients[0].requests == 10 && patients[1].requests == 20)
            #expect(patients[0].checks > 5)
            #expect(proxy.statistics.requestsStarted == 30)
            await client.peer.close()
        }
        for far in fars { await far.shutDown(limit: .seconds(2)) }
        for patient in patients { await patient.kill() }
    }

    @Test("connections are made before the first request", arguments: [1, 3])
    func warm(count: Int) async throws {
        let origin = try await RecordingOrigin()
        try await withProxy(to: [origin.address], { $0.outWarmConnections = count }) { front, _ in
            while origin.connectionCount < count { try await Task.sleep(for: .milliseconds(5)) }
            #expect(origin.requests.isEmpty)
            var client = try await RawClient(to: front)
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await client.answer()?.status == 200)
            await client.peer.close()
            #expect(origin.connectionCount <= count + 1, "one more where the loop has none of its own")
        }
        await origin.kill()
    }

    @Test("connections to HTTP servers that are too old are replaced between two requests")
    func age() async throws {
        let origin = try await RecordingOrigin()
        try await withProxy(to: [origin.address], { $0.outMaxAge = .milliseconds(50) }) { front, proxy in
            var client = try await RawClient(to: front)
            while proxy.statistics.servers.connectionsOpened < 5 {
                client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await client.answer()?.status == 200)
            }
            await client.peer.close()
            #expect(proxy.statistics.requestsFailed == 0)
        }
        await origin.kill()
    }

    @Test("links that are too old are replaced, and no request is lost", arguments: [WireVersion.v1, .v0])
    func linkAge(wire: WireVersion) async throws {
        let origin = try await RecordingOrigin()
        var far = ProxyConfiguration(
            in: .teleport, at: [.tcp(host: "127.0.0.1", port: 0)], out: .http, to: [origin.address])
        far.takeTime()
        far.front.wire = wire
        let farProxy = Proxy(far)
        let link = try #require(try await farProxy.start().first)
        try await withProxy(
            to: [link],
            {
                $0.outKind = .teleport
                $0.outMaxAge = .milliseconds(50)
            }
        ) { front, proxy in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        var client = try await RawClient(to: front)
                        while proxy.statistics.servers.connectionsOpened < 8 {
                            client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1")
                            #expect(try await client.answer(to: .post)?.status == 200)
                        }
                        await client.peer.close()
                    }
                }
                try await group.waitForAll()
            }
            #expect(proxy.statistics.requestsFailed == 0)
        }
        await farProxy.shutDown(limit: .seconds(2))
        await origin.kill()
    }

    @Test(
        "a name that means another server from now on is followed, and no request is lost",
        arguments: ["http", "teleport"])
    func changedName(kind: String) async throws {
        let origins = [try await RecordingOrigin(), try await RecordingOrigin()]
        var fars: [Proxy] = []
        var addresses = origins.map(\.address)
        if kind == "teleport" {
            for index in origins.indices {
                var far = ProxyConfiguration(
                    in: .teleport, at: [.tcp(host: "127.0.0.1", port: 0)], out: .http, to: [addresses[index]])
                far.takeTime()
                fars.append(Proxy(far))
                addresses[index] = try #require(try await fars[index].start().first)
            }
        }
        let name = NameOf(addresses)
        try await withProxy(
            to: [.tcp(host: "moving.example", port: 1)],
            {
                if kind == "teleport" { $0.outKind = .teleport }
                $0.outMaxAge = .milliseconds(100)
                $0.lookup = { _, _, family in try name.lookup(family) }
            }
        ) { front, proxy in
            // Some 500 requests a second that must not be sent twice, on a machine that has nothing else to do.
            let isOver = Flag()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        var client = try await RawClient(to: front)
                        while !isOver.isRaised {
                            client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1")
                            #expect(try await client.answer(to: .post)?.status == 200)
                            try await Task.sleep(for: .milliseconds(20))
                        }
                        await client.peer.close()
                    }
                }
                group.addTask {
                    func wait(for count: Int, at origin: Int) async throws {
                        while origins[origin].requests.count < count { try await Task.sleep(for: .milliseconds(5)) }
                    }
                    defer { isOver.raise() }
                    try await wait(for: 250, at: 0)
                    #expect(origins[1].requests.isEmpty)
                    name.move()
                    try await wait(for: 250, at: 1)
                    // The first one is asked less and less, and in the end not at all.
                    var before: Int
                    repeat {
                        before = origins[0].requests.count
                        try await wait(for: origins[1].requests.count + 100, at: 1)
                    } while origins[0].requests.count != before
                }
                try await group.waitForAll()
            }
            #expect(proxy.statistics.requestsFailed == 0)
        }
        for far in fars { await far.shutDown(limit: .seconds(2)) }
        for origin in origins { await origin.kill() }
    }

    /// What a name means: the first address, and later the second.
    private final class NameOf: Sendable {
        private let addresses: [TransportAddress]
        private let index = Atomic(0)

        init(_ addresses: [TransportAddress]) { self.addresses = addresses }

        func move() { self.index.store(1, ordering: .relaxed) }

        func lookup(_ family: NameResolution.Family) throws -> [SocketAddress] {
            guard family == .v4, case .tcp(let host, let port) = self.addresses[self.index.load(ordering: .relaxed)]
            else { return [] }
            return [try SocketAddress(ipAddress: host, port: port)]
        }
    }

    @Test("requests are sent a second time as often as the budget allows", arguments: [(0, 20), (100, 40)])
    func retryBudget(percent: Int, seen: Int) async throws {
        let requests = Mutex(0)
        // It reads a request, and closes.
        let origin = try await RawServer { peer in
            if await !peer.readHead().isEmpty { requests.withLock { $0 += 1 } }
            await peer.close()
        }
        try await withProxy(to: [origin.address], { $0.outRetryBudget = percent }) { front, _ in
            var client = try await RawClient(to: front)
            for _ in 0..<20 {
                client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await client.answer()?.status == 502)
            }
            await client.peer.close()
        }
        #expect(requests.withLock { $0 } == seen)
        await origin.kill()
    }
}
