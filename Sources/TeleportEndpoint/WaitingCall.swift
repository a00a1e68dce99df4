internal import Synchronization

/// A call that has no place on a connection yet, as whoever may cancel it sees it.
///
/// ```
/// waiting ─▶ claimed ─▶ placed      a place was found: what cancels it there is known
///    └─▶ over                       cancelled, expired, or its connection failed
/// ```
/// Whoever takes it out of `waiting` owns its completion.
@usableFromInline
final class WaitingCall: Sendable {
    private enum State: Sendable {
        case waiting
        case claimed(isCancelled: Bool)
        case placed(@Sendable () -> Void)
        case over
    }

    private let state = Mutex(State.waiting)

    @usableFromInline
    init() {}

    /// A place is about to be tried. False if the call is over.
    @usableFromInline
    func claim() -> Bool {
        self.state.withLock { state in
            guard case .waiting = state else { return false }
            state = .claimed(isCancelled: false)
            return true
        }
    }

    /// It has a place, where `cancel` cancels it.
    @usableFromInline
    func placed(_ cancel: @escaping @Sendable () -> Void) {
        let isCancelled = self.state.withLock { state in
            if case .claimed(true) = state {
                state = .over
                return true
            }
            state = .placed(cancel)
            return false
        }
        if isCancelled { cancel() }
    }

    /// It is given up. True if it was waiting: the caller owns the completion.
    @usableFromInline
    func cancel() -> Bool {
        let (owns, cancel) = self.state.withLock { state -> (Bool, (@Sendable () -> Void)?) in
            switch state {
            case .waiting:
                state = .over
                return (true, nil)
            case .claimed:
                state = .claimed(isCancelled: true)
                return (false, nil)
            case .placed(let cancel):
                state = .over
                return (false, cancel)
            case .over:
                return (false, nil)
            }
        }
        cancel?()
        return owns
    }
}
