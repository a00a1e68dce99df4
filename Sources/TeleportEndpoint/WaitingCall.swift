internal import Synchronization

/// A call that has no place on a connection yet, as whoever may cancel it sees it.
///
/// ```
/// waiting ─▶ placed      a place was found: what cancels it there is known
/// ```
/// The completion belongs to whoever takes the call out of `waiting`, under the lock of the connection, and to nobody else:
/// not to the one that cancels it, unless that is who takes it out.
@usableFromInline
final class WaitingCall: Sendable {
    private enum State: Sendable {
        case waiting(isCancelled: Bool)
        case placed(@Sendable () -> Void)
    }

    private let state = Mutex(State.waiting(isCancelled: false))

    @usableFromInline
    init() {}

    /// It has a place, where `cancel` cancels it.
    @usableFromInline
    func placed(_ cancel: @escaping @Sendable () -> Void) {
        let isCancelled = self.state.withLock { state in
            defer { state = .placed(cancel) }
            if case .waiting(isCancelled: true) = state { return true }
            return false
        }
        if isCancelled { cancel() }
    }

    /// It is given up, and was not among those that wait: whoever took it out places it or fails it, and if it is placed, it
    /// is cancelled there.
    @usableFromInline
    func cancel() {
        let cancel = self.state.withLock { state -> (@Sendable () -> Void)? in
            guard case .placed(let cancel) = state else {
                state = .waiting(isCancelled: true)
                return nil
            }
            return cancel
        }
        cancel?()
    }
}
