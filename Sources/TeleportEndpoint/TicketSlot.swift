public import Synchronization

/// Where a call leaves its ticket for a cancellation that may come before, during or after the call is made.
@usableFromInline
struct TicketSlot<Ticket: Sendable>: ~Copyable, Sendable {
    @usableFromInline
    enum State: Sendable {
        case empty
        case filled(Ticket)
        case cancelled
    }

    @usableFromInline let state: Mutex<State>

    // Not as the value of the declaration, which would be made in this module, for no ticket in particular.
    @inlinable
    init() { self.state = Mutex(.empty) }

    /// The call was made. If it was cancelled before, the ticket comes back: cancelling is the caller's business then.
    @inlinable
    borrowing func fill(_ ticket: consuming Ticket) -> Ticket? {
        // Moved, not copied.
        var ticket: Ticket? = consume ticket
        self.state.withLock { state in
            guard case .empty = state, let ticket = ticket.take() else { return }
            state = .filled(consume ticket)
        }
        return ticket
    }

    /// The task was cancelled. Returns the call to cancel, if it was made already.
    @inlinable
    borrowing func cancel() -> Ticket? {
        self.state.withLock { state in
            defer { state = .cancelled }
            if case .filled(let ticket) = state { return ticket }
            return nil
        }
    }
}
