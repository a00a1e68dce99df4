internal import TeleportTransport

/// Makes checks of a client, which connects again and again and sends requests; each connection serves one check.
public final class ClientRun: Sendable {
    let subject: ClientSubject
    let checks: [Check]
    private let listener: LinkListener

    /// Listens for the client.
    ///
    /// - Parameter checks: those of clients are made, in their order; others are left out.
    /// - Throws: ``CannotListen``.
    public init(_ subject: ClientSubject, checks: [Check] = Checks.all) async throws(CannotListen) {
        self.subject = subject
        self.checks = checks.filter { $0.side == .client }
        self.listener = try await LinkListener.bind(subject.address)
    }

    /// Where it listens, with the real port.
    public var address: String { "\(self.listener.address)" }
    /// The port, of TCP.
    public var port: Int? {
        guard case .tcp(_, let port) = self.listener.address else { return nil }
        return port
    }

    /// Makes the checks, and stops listening.
    ///
    /// - Parameters:
    ///   - waiting: told what a check waits for.
    ///   - report: told of each outcome when it is there.
    /// - Returns: all outcomes, in order.
    public func callAsFunction(
        waiting: @escaping @Sendable (Check, String) async -> Void = { _, _ in },
        report: @Sendable (Outcome) async -> Void = { _ in }
    ) async -> [Outcome] {
        var outcomes: [Outcome] = []
        for check in self.checks {
            let outcome = await self.outcome(of: check, waiting)
            await report(outcome)
            outcomes.append(outcome)
        }
        await self.listener.close()
        return outcomes
    }

    private func outcome(
        of check: Check, _ waiting: @escaping @Sendable (Check, String) async -> Void
    ) async -> Outcome {
        let probe = ClientProbe(subject: self.subject, listener: self.listener) { await waiting(check, $0) }
        let outcome = await Check.outcome(of: check) {
            guard case .client(let run) = check.body else { throw NotObserved("it is about servers") }
            if let need = check.needs.first(where: self.subject.lacks) { throw NotObserved(need.absence) }
            return try await run(probe)
        }
        await probe.links.close()
        return outcome
    }
}
