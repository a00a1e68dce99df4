internal import NIOCore
internal import Synchronization

/// Connections that are as old as they may be are replaced, without a call having to wait or to fail: the successor is made
/// beside the one that works, and takes its place only when it works too.
extension ClientLink {
    /// How soon it is tried again when no successor could be made; sooner if connections are to be younger.
    private static var secondAttempt: TimeAmount { .seconds(10) }

    /// A connection works.
    @usableFromInline
    func connected(_ connection: Connection) {
        let predecessor = self.state.withLock { state -> Connection? in
            guard let successor = state.successor, successor === connection else { return nil }
            state.successor = nil
            guard !state.isShutDown else { return nil }
            defer { state.current = connection }
            return state.current
        }
        predecessor?.drain()
        guard let maxAge = self.configuration.maxAge else { return }
        let part = Double.random(in: 0.9...1)
        self.renew(connection.identity, in: .nanoseconds(Int64(Double(maxAge.nanoseconds) * part)))
    }

    private func renew(_ identity: ObjectIdentifier, in delay: TimeAmount) {
        // Known by its identity only: one that has ended is not kept for this.
        self.eventLoop.scheduleTask(in: delay) { [weak self] in self?.renew(identity) }
    }

    private func renew(_ identity: ObjectIdentifier) {
        let successor = self.state.withLock { state -> Connection? in
            guard !state.isShutDown, state.successor == nil, let current = state.current,
                current.identity == identity
            else { return nil }
            let successor = self.makeConnection(lastFailure: nil)
            state.successor = successor
            state.alive.append(successor)
            return successor
        }
        guard let successor else { return }
        self.living.entered()
        self.start(successor, after: .zero)
    }

    /// A connection ended: if it was to be the successor, the one that works goes on for a while.
    @usableFromInline
    func endedBeforeItsTime(_ connection: Connection) {
        let current = self.state.withLock { state -> Connection? in
            guard let successor = state.successor, successor === connection else { return nil }
            state.successor = nil
            return state.current
        }
        guard let current, let maxAge = self.configuration.maxAge else { return }
        self.renew(current.identity, in: Swift.min(maxAge, Self.secondAttempt))
    }
}

extension ClientRoute {
    /// Which connection it is.
    @usableFromInline
    var identity: ObjectIdentifier {
        switch self {
        case .v0(let connection): ObjectIdentifier(connection)
        case .framed(let connection): ObjectIdentifier(connection)
        }
    }
}
