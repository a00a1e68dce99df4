import Synchronization

/// Something that happens once, and that any number of tasks may wait for.
public final class Flag: Sendable {
    private struct State: Sendable {
        var isRaised = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    public init() {}

    public var isRaised: Bool { self.state.withLock { $0.isRaised } }

    public func raise() {
        let waiters = self.state.withLock { state in
            state.isRaised = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    public func wait() async {
        await withCheckedContinuation { continuation in
            let isRaised = self.state.withLock { state in
                if !state.isRaised { state.waiters.append(continuation) }
                return state.isRaised
            }
            if isRaised { continuation.resume() }
        }
    }
}
