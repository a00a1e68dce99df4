import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import Testing

@testable import TeleportProxy

@Suite("A proxy whose configuration changes while it works", .timeLimit(.minutes(10)))
struct ReloadTests {
    private static let loopback = TransportAddress.tcp(host: "127.0.0.1", port: 0)

    /// An origin that says its name.
    private func origin(_ name: String, behind gate: Gate? = nil) async throws -> Origin {
        try await Origin { _ in
            await gate?.wait()
            return Response.text(name, status: .ok)
        }
    }

    private func configuration(
        _ kind: ProxyConfiguration.Kind = .http, at address: TransportAddress = Self.loopback, to origins: [Origin]
    ) -> ProxyConfiguration {
        var configuration = ProxyConfiguration(in: kind, at: [address], out: .http, to: origins.map(\.address))
        configuration.takeTime()
        return configuration
    }

    /// An answer on a connection of its own, and who gave it.
    private func ask(_ address: TransportAddress) async throws -> String? {
        var client = try await RawClient(to: address)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let answer = try await client.answer()
        await client.peer.close()
        return answer?.text
    }

    @Test(
        "requests go to the new servers, on connections that were there too; one under way is answered by its old one")
    func servers() async throws {
        let gate = Gate()
        let (old, new) = (try await self.origin("old", behind: gate), try await self.origin("new"))
        let proxy = Proxy(self.configuration(to: [old]))
        let front = try #require(try await proxy.start().first)
        var waiting = try await RawClient(to: front)
        waiting.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await gate.arrived(1)
        try await proxy.reload(self.configuration(to: [new]))
        #expect(try await self.ask(front) == "new")
        await gate.open()
        #expect(try await waiting.answer()?.text == "old")
        waiting.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try await waiting.answer()?.text == "new")
        await waiting.peer.close()
        // The old one has nothing to do any more: its connections are closed.
        while proxy.state.withLock({ !$0.retiredUpstreams.isEmpty }) { try await Task.sleep(for: .milliseconds(10)) }
        await proxy.shutDown(limit: .seconds(2))
        await old.server.kill()
        await new.server.kill()
    }

    @Test("servers whose settings stay keep their connections, and what is known about them")
    func keptServers() async throws {
        let (one, other) = (try await self.origin("one"), try await self.origin("other"))
        let proxy = Proxy(self.configuration(to: [one]))
        let front = try #require(try await proxy.start().first)
        #expect(try await self.ask(front) == "one")
        let before = proxy.forwarder.current.upstreams
        try await proxy.reload(self.configuration(to: [other, one]))
        let after = proxy.forwarder.current.upstreams
        #expect(after.count == 2 && after[1] === before[0])
        #expect(after[0].bit != after[1].bit)
        var slower = self.configuration(to: [other, one])
        slower.outTimeout = .seconds(59)
        try await proxy.reload(slower)
        #expect(proxy.forwarder.current.upstreams.allSatisfy { upstream in !after.contains { $0 === upstream } })
        #expect(proxy.forwarder.current.upstreams[1].settings.timeout == .seconds(59))
        await proxy.shutDown(limit: .seconds(2))
        await one.server.kill()
        await other.server.kill()
    }

    @Test("addresses are added and given up; the counts go on")
    func addresses() async throws {
        let origin = try await self.origin("here")
        let (first, second) = (try unusedPort(), try unusedPort())
        func at(_ ports: Int...) -> ProxyConfiguration {
            var configuration = self.configuration(to: [origin])
            configuration.front.addresses = ports.map { .tcp(host: "127.0.0.1", port: $0) }
            return configuration
        }
        let proxy = Proxy(at(first))
        try await proxy.start()
        #expect(try await self.ask(.tcp(host: "127.0.0.1", port: first)) == "here")
        let both = try await proxy.reload(at(first, second))
        #expect(both == [.tcp(host: "127.0.0.1", port: first), .tcp(host: "127.0.0.1", port: second)])
        for address in both { #expect(try await self.ask(address) == "here") }
        try await proxy.reload(at(second))
        await #expect(throws: (any Error).self) { try await RawClient(to: both[0]) }
        #expect(try await self.ask(both[1]) == "here")
        #expect(proxy.statistics.requestsSucceeded == 4)
        await proxy.shutDown(limit: .seconds(2))
        await origin.server.kill()
    }

    @Test("an address that cannot be had: the error names it, and everything stays as it was")
    func unavailable() async throws {
        let (old, new) = (try await self.origin("old"), try await self.origin("new"))
        let proxy = Proxy(self.configuration(to: [old]))
        let front = try #require(try await proxy.start().first)
        let free = try unusedPort()
        var configuration = self.configuration(to: [new])
        // The first could be had; the second belongs to somebody.
        configuration.front.addresses = [Self.loopback, .tcp(host: "127.0.0.1", port: free), old.address]
        let error = await #expect(throws: TransportError.self) { try await proxy.reload(configuration) }
        #expect(error?.message.contains("\(old.address)") == true)
        #expect(try await self.ask(front) == "old")
        await #expect(throws: (any Error).self) { try await RawClient(to: .tcp(host: "127.0.0.1", port: free)) }
        await proxy.shutDown(limit: .seconds(2))
        let late = await #expect(throws: TransportError.self) { try await proxy.reload(configuration) }
        #expect(late?.code == .closedLocally)
        await old.server.kill()
        await new.server.kill()
    }

    @Test("a front that changes serves new connections its new way; old ones close with their next answer")
    func changedFront() async throws {
        let origin = try await self.origin("here")
        let proxy = Proxy(self.configuration(to: [origin]))
        let front = try #require(try await proxy.start().first)
        var old = try await RawClient(to: front)
        old.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try await old.answer()?.status == 200)
        var configuration = self.configuration(to: [origin])
        configuration.front.getOnly = true
        try await proxy.reload(configuration)
        var new = try await RawClient(to: front)
        new.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1")
        #expect(try await new.answer(to: .post)?.status == 405)
        await new.peer.close()
        // The old one is told to close only when nobody can be in the middle of accepting for it.
        while true {
            old.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1")
            let answer = try #require(try await old.answer(to: .post))
            #expect(answer.status == 200)
            if answer.fields.containsToken(.connection, "close") { break }
        }
        #expect(await old.endsQuietly())
        while proxy.state.withLock({ !$0.retired.isEmpty }) { try await Task.sleep(for: .milliseconds(10)) }
        await proxy.shutDown(limit: .seconds(2))
        await origin.server.kill()
    }

    @Test("several fronts at once: HTTP and Teleport clients, each with limits of its own")
    func severalFronts() async throws {
        let origin = try await self.origin("here")
        var configuration = self.configuration(to: [origin])
        var link = FrontConfiguration(.teleport, at: [Self.loopback])
        link.compression = .zstd
        var small = FrontConfiguration(.http, at: [Self.loopback])
        small.limits.maxBodySize = 10
        configuration.fronts += [link, small]
        let proxy = Proxy(configuration)
        let addresses = try await proxy.start()
        #expect(try await self.ask(addresses[0]) == "here")
        let client = TeleportClient(to: addresses[1])
        let answer = try await client.execute(Request(.get, "/", host: "a"))
        #expect(answer.status == 200)
        await client.shutDown(limit: .seconds(2))
        for (address, status) in [(addresses[0], Status.ok), (addresses[2], .contentTooLarge)] {
            var peer = try await RawClient(to: address)
            peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n01234567890")
            #expect(try await peer.answer(to: .post)?.status == status)
            await peer.peer.close()
        }
        await proxy.shutDown(limit: .seconds(2))
        await origin.server.kill()
    }

    @Test("no request is lost while everything changes again and again", arguments: [WireVersion.v1, .v0])
    func underLoad(wire: WireVersion) async throws {
        let origins = [try await self.origin("one"), try await self.origin("other")]
        func configuration(_ round: Int) -> ProxyConfiguration {
            var configuration = self.configuration(to: [origins[round % 2]])
            configuration.front.limits.maxBodySize = 1000 + round / 2
            var link = FrontConfiguration(.teleport, at: [.tcp(host: "127.0.0.1", port: 0)])
            link.compression = round % 2 == 0 ? .zstd : .snappy
            link.wire = wire
            configuration.fronts.append(link)
            return configuration
        }
        let proxy = Proxy(configuration(0))
        let addresses = try await proxy.start()
        // Some 500 requests a second, on a machine that has nothing else to do.
        let isOver = Flag()
        let answered = try await withThrowingTaskGroup(of: Int.self) { group in
            // HTTP clients that keep their connections for as long as they are told.
            for _ in 0..<4 {
                group.addTask {
                    var (count, client) = (0, try await RawClient(to: addresses[0]))
                    while !isOver.isRaised {
                        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                        let answer = try #require(try await client.answer(), "a request was lost")
                        #expect(answer.status == 200)
                        count += 1
                        try await Task.sleep(for: .milliseconds(8))
                        guard answer.fields.containsToken(.connection, "close") else { continue }
                        await client.peer.close()
                        client = try await RawClient(to: addresses[0])
                    }
                    await client.peer.close()
                    return count
                }
            }
            group.addTask {
                var client = ClientConfiguration(address: addresses[1])
                client.wire = wire
                client.memory = WireMemory()
                client.timeout = .seconds(60)
                client.handshakeTimeout = .seconds(60)
                let link = TeleportClient(configuration: client)
                var count = 0
                while !isOver.isRaised {
                    let answer = try await link.execute(Request(.get, "/", host: "a"))
                    #expect(answer.status == 200)
                    count += 1
                    try await Task.sleep(for: .milliseconds(8))
                }
                await link.shutDown(limit: .seconds(2))
                return count
            }
            for round in 1...8 {
                try await Task.sleep(for: .milliseconds(300))
                try await proxy.reload(configuration(round))
            }
            try await Task.sleep(for: .milliseconds(1500))
            isOver.raise()
            return try await group.reduce(0, +)
        }
        #expect(answered > 20)
        let statistics = proxy.statistics
        #expect(statistics.requestsSucceeded == answered && statistics.requestsFailed == 0)
        await proxy.shutDown(limit: .seconds(2))
        for origin in origins { await origin.server.kill() }
    }
}
