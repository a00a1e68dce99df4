import TeleportTransport
import Testing

@testable import TeleportConformance

/// A peer of ours behind a relay that breaks one thing: the tool has to notice, by the check that is there for it.
@Suite("Broken peers are found out", .timeLimit(.minutes(10)))
struct MutantTests {
    @Test("there are enough of them, each with a check that there is")
    func selection() {
        #expect(Mutant.servers.count + Mutant.clients.count >= 50)
        for mutant in Mutant.servers {
            #expect(Checks.all.contains { $0.name == mutant.check && $0.side == .server }, "\(mutant.check)")
        }
        for mutant in Mutant.clients {
            #expect(Checks.all.contains { $0.name == mutant.check && $0.side == .client }, "\(mutant.check)")
        }
    }

    // MARK: Servers

    /// What becomes of a check of a server at an address.
    private func outcome(_ check: String, at address: TransportAddress) async throws -> Outcome {
        var subject = ServerSubject(address: address)
        subject.host = "host"
        subject.echo = SubjectServer.echo
        subject.large = SubjectServer.large
        subject.slow = SubjectServer.slow
        subject.timeout = .seconds(2)
        let checks = Checks.all.filter { $0.name == check && $0.side == .server }
        return try #require(try await ServerRun(subject, checks: checks)().first)
    }

    private func withServer(_ body: (TransportAddress) async throws -> Void) async throws {
        try await SubjectServer.with(places: 200, body)
    }

    @Test("a server with one thing broken fails the check for it", arguments: Mutant.servers)
    func server(mutant: Mutant) async throws {
        try await self.withServer { address in
            let relay = try await MutatingRelay(to: address, testing: .server, mutant.mutation)
            let outcome = try await self.outcome(mutant.check, at: relay.address)
            #expect(outcome.verdict == .fail, "\(outcome.seen)")
            await relay.close()
        }
    }

    @Test("the same server passes those checks", arguments: Set(Mutant.servers.map(\.check)).sorted())
    func control(check: String) async throws {
        try await self.withServer { address in
            let outcome = try await self.outcome(check, at: address)
            #expect(outcome.verdict == .pass, "\(outcome.seen)")
            // And it is not the relay that makes mutants fail. What it passes on is stored, so nothing is seen of codecs.
            let relay = try await MutatingRelay(to: address, testing: .server, .init())
            let relayed = try await self.outcome(check, at: relay.address)
            #expect(relayed.verdict != .fail, "\(relayed.seen)")
            await relay.close()
        }
    }

    // MARK: Clients

    /// What becomes of a check of a client behind a relay.
    private func outcome(_ check: String, _ mutation: MutatingRelay.Mutation) async throws -> Outcome {
        var subject = ClientSubject(address: .tcp(host: "127.0.0.1", port: 0))
        subject.timeout = .seconds(2)
        let checks = Checks.all.filter { $0.name == check && $0.side == .client }
        let run = try await ClientRun(subject, checks: checks)
        let port = try #require(run.port)
        let relay = try await MutatingRelay(to: .tcp(host: "127.0.0.1", port: port), testing: .client, mutation)
        let client = SubjectClient.v1(to: relay.address)
        client.start()
        let outcome = try #require(await run().first)
        await client.stop()
        await relay.close()
        return outcome
    }

    @Test("a client with one thing broken fails the check for it", arguments: Mutant.clients)
    func client(mutant: Mutant) async throws {
        let outcome = try await self.outcome(mutant.check, mutant.mutation)
        #expect(outcome.verdict == .fail, "\(outcome.seen)")
    }

    @Test("the same client passes those checks", arguments: Set(Mutant.clients.map(\.check)).sorted())
    func clientControl(check: String) async throws {
        let outcome = try await self.outcome(check, .init())
        #expect(outcome.verdict == .pass, "\(outcome.seen)")
    }
}
