public import struct TeleportWire.CallID

/// The client's half of the multiplexer: which calls are pending on one connection, and what becomes of each.
///
/// Every call ends exactly once: the machine gives its completion back exactly once, by one of ``answerReceived(_:)``,
/// ``callCancelled(_:)``, ``deadlineReached(now:)`` or ``connectionClosed()``. It moves no byte, reads no clock and
/// runs no completion itself; the driver does that, after it released whatever lock guards the machine.
///
/// ```
///            connected()              drainStarted() / too many tombstones
/// connecting ───────────▶ open ─────────────────────────────▶ draining
///      │                    │  connectionClosed()                 │ last pending call ended: `.close`
///      └────────────────────┴──────────────▶ closed ◀─────────────┘
/// ```
///
/// Calls are admitted while connecting too: they are encoded, and wait in the outbound buffer.
///
/// Generic over the completion: a continuation in a client, a token in a proxy, a `String` in tests.
public struct ClientStateMachine<Completion> {
    @usableFromInline
    enum Lifecycle: Sendable {
        case connecting
        case open
        case draining
        case closed
    }

    /// Whether a call may be made.
    public enum Admission: Sendable, Equatable {
        /// Encode the message under this id, then report ``ClientStateMachine/callEncoded(_:deadline:completion:)``.
        case admit(CallID)
        /// As many calls are pending as the limit allows.
        case refuseTooManyPending
        /// The connection takes no new calls: use another one.
        case refuseNotAccepting
    }

    /// What to do with an answer that was received.
    public enum AnswerAction {
        /// Hand the answer to this completion; then, if `thenClose`, close the connection: it was the last one owed.
        case complete(Completion, thenClose: Bool)
        /// The call gave up earlier: drop the answer.
        case dropLate
        /// No such call was made: drop the answer (rule V0-10).
        case dropUnknown
    }

    /// What follows from calls that gave up.
    public enum RetirementAction: Sendable, Equatable {
        case none
        /// Too many answers are owed to nobody: the connection takes no new calls, open another for them.
        case retire
        /// Nothing is pending on a connection that takes no new calls: close it.
        case close
    }

    @usableFromInline var table: PendingTable<Completion>
    @usableFromInline var lifecycle: Lifecycle = .connecting
    @usableFromInline let limits: ClientLimits
    @usableFromInline var wakeUp: Nanoseconds = .never
    /// The newest id whose bytes were handed to the transport; `nil` if none was.
    @usableFromInline var lastSent: CallID?

    /// A machine for a connection that is being made. `firstID` is 1 on every real connection; tests start elsewhere.
    @inlinable
    public init(limits: ClientLimits, firstID: CallID = .first) {
        self.table = PendingTable(firstID: firstID)
        self.limits = limits
    }

    /// The earliest moment at which a deadline may have passed; `.never` if none is set. Never later than the earliest
    /// deadline plus the slack; it may be earlier, when the call it stood for has ended.
    @inlinable public var nextDeadline: Nanoseconds { self.wakeUp }
    /// The number of calls that wait for an answer.
    @inlinable public var pendingCount: Int { self.table.pending }
    /// The number of calls that gave up and are still owed an answer.
    @inlinable public var tombstoneCount: Int { self.table.tombstones }
    /// Whether any call's bytes were handed to the transport.
    @inlinable public var hasSent: Bool { self.lastSent != nil }
    /// Whether new calls may be admitted, the limit aside.
    @inlinable public var isAccepting: Bool { self.lifecycle == .connecting || self.lifecycle == .open }

    // MARK: Calls

    /// A caller wants to make a call. Takes nothing: if encoding fails, the caller just does not report it.
    @inlinable
    public mutating func callRequested() -> Admission {
        guard self.isAccepting else { return .refuseNotAccepting }
        guard self.table.pending < self.limits.maxPending else { return .refuseTooManyPending }
        return .admit(self.table.nextID())
    }

    /// The message is in the outbound buffer under `id`, which the last ``callRequested()`` admitted. Its place is
    /// taken before any byte can leave (defect D2 of the reference).
    ///
    /// - Returns: true if ``nextDeadline`` moved closer, so that the timer has to be set anew.
    @inlinable
    public mutating func callEncoded(_ id: CallID, deadline: Nanoseconds, completion: Completion) -> Bool {
        self.table.insert(id, deadline: deadline, completion: completion)
        guard deadline < self.wakeUp else { return false }
        self.wakeUp = deadline
        return true
    }

    /// All bytes in the outbound buffer were handed to the transport: calls so far may be executed by the peer.
    @inlinable
    public mutating func outboundFlushed() {
        self.lastSent = self.table.lastInserted
    }

    /// The task that made the call was cancelled, or the caller lost interest.
    ///
    /// - Returns: the completion to fail, `nil` if the call had ended already; and what follows for the connection.
    @inlinable
    public mutating func callCancelled(_ id: CallID) -> (completion: Completion?, action: RetirementAction) {
        guard let completion = self.table.abandon(id) else { return (nil, .none) }
        return (completion, self.callsAbandoned())
    }

    /// The time at which ``nextDeadline`` asked to be woken has come.
    public mutating func deadlineReached(now: Nanoseconds) -> (expired: [Completion], action: RetirementAction) {
        guard self.lifecycle != .closed, now >= self.wakeUp else { return ([], .none) }
        let (expired, earliest) = self.table.abandonExpired(now: now)
        // Not before a slack has passed, so that a crowd of deadlines costs one look at the table each slack.
        self.wakeUp = earliest == .never ? .never : Swift.max(earliest, now + self.limits.deadlineSlack)
        return (expired, expired.isEmpty ? .none : self.callsAbandoned())
    }

    /// An answer with this id was read completely.
    @inlinable
    public mutating func answerReceived(_ id: CallID) -> AnswerAction {
        switch self.table.remove(id) {
        case .pending(let completion):
            return .complete(completion, thenClose: self.lifecycle == .draining && self.table.pending == 0)
        case .tombstone:
            return .dropLate
        case .unknown:
            return .dropUnknown
        }
    }

    // MARK: The connection

    /// The handshake is done.
    public mutating func connected() {
        if self.lifecycle == .connecting { self.lifecycle = .open }
    }

    /// No new calls from now on; the pending ones go on.
    public mutating func drainStarted() -> RetirementAction {
        switch self.lifecycle {
        case .connecting, .open, .draining:
            self.lifecycle = .draining
            return self.table.pending == 0 ? .close : .none
        case .closed:
            return .none
        }
    }

    /// The connection ended. Every pending call fails; `possiblyExecuted` is false for those never handed to the
    /// transport.
    public mutating func connectionClosed() -> [(completion: Completion, possiblyExecuted: Bool)] {
        self.lifecycle = .closed
        self.wakeUp = .never
        let lastSent = self.lastSent
        return self.table.removeAll().map { id, completion in
            (completion, lastSent.map { !$0.precedes(id) } ?? false)
        }
    }

    @usableFromInline
    mutating func callsAbandoned() -> RetirementAction {
        switch self.lifecycle {
        case .draining where self.table.pending == 0:
            return .close
        case .connecting where self.table.tombstones >= self.limits.maxTombstones,
            .open where self.table.tombstones >= self.limits.maxTombstones:
            self.lifecycle = .draining
            return self.table.pending == 0 ? .close : .retire
        case .connecting, .open, .draining, .closed:
            return .none
        }
    }
}

extension ClientStateMachine: Sendable where Completion: Sendable {}
