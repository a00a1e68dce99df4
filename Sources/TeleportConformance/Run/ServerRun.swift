/// Makes checks of a server, one after the other, each on connections of its own.
public struct ServerRun: Sendable {
    let subject: ServerSubject
    let checks: [Check]

    /// - Parameter checks: those of servers are made, in their order; others are left out.
    public init(_ subject: ServerSubject, checks: [Check] = Checks.all) {
        self.subject = subject
        self.checks = checks.filter { $0.side == .server }
    }

    /// Makes the checks.
    ///
    /// - Parameter report: told of each outcome when it is there.
    /// - Returns: all outcomes, in order.
    /// - Throws: ``Unreachable`` if nothing listens at the address before the first check.
    public func callAsFunction(
        report: @Sendable (Outcome) async -> Void = { _ in }
    ) async throws(Unreachable) -> [Outcome] {
        try await self.reach()
        var outcomes: [Outcome] = []
        // What keeps the rest from being made: the server was shut down, or died.
        var obstacle: String?
        for check in self.checks {
            let outcome = await self.outcome(of: check, obstacle)
            await report(outcome)
            outcomes.append(outcome)
            guard obstacle == nil, outcome.verdict != .notObserved else { continue }
            if check.needs.contains(.drain) {
                obstacle = "the server was shut down by \(check.name): run this one alone"
            } else if outcome.verdict == .fail, (try? await self.reach()) == nil {
                obstacle = "nothing listens any more since \(check.name)"
            }
        }
        return outcomes
    }

    /// - Throws: ``Unreachable`` if nothing listens.
    private func reach() async throws(Unreachable) {
        try await LinkConnector(address: self.subject.address, timeout: .seconds(3)).connect().close()
    }

    private func outcome(of check: Check, _ obstacle: String?) async -> Outcome {
        let probe = ServerProbe(subject: self.subject)
        let outcome = await Check.outcome(of: check) {
            if let obstacle { throw NotObserved(obstacle) }
            guard case .server(let run) = check.body else { throw NotObserved("it is about clients") }
            if let need = check.needs.first(where: self.subject.lacks) { throw NotObserved(need.absence) }
            return try await run(probe)
        }
        await probe.links.close()
        return outcome
    }
}
