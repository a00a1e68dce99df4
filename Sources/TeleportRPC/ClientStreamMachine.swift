public import struct TeleportWire.CallID
public import struct TeleportWire.ErrorCode
public import struct TeleportWire.SettingsV1

/// The client's half of the v1 multiplexer: the streams of one connection, their credit, and the end of each (sections 4
/// to 6 of the specification).
///
/// It is told what was encoded and what frames came, and says what follows; it moves no byte, reads no clock and runs no
/// completion. Every call ends exactly once: its `Call` is given back exactly once, by one of
/// ``responseReceived(_:ends:isInterim:isEmpty:)``, ``cancelReceived(_:code:now:)``, ``callCancelled(_:)``,
/// ``deadlineReached(now:)``, ``goAwayReceived(_:)`` or ``connectionClosed()``. A stream may live on after that, while
/// bodies are under way, or as a tombstone until the server's terminal frame came.
///
/// ```
///            opened()                drainStarted(), GOAWAY, too many tombstones
/// connecting ────────▶ open ──────────────────────────────▶ draining
///      │                 │  connectionClosed()                  │ ``isFinished``: close
///      └─────────────────┴──────────────▶ closed ◀──────────────┘
/// ```
///
/// While connecting calls are told to wait: nobody knows yet what the server speaks.
public struct ClientStreamMachine<Call> {
    @usableFromInline
    enum Lifecycle: Sendable {
        case connecting
        case open
        case draining
        case closed
    }

    /// Whether a call may be made.
    public enum Admission: Sendable, Equatable {
        /// Encode the request under this id, then report ``ClientStreamMachine/callEncoded(_:deadline:flags:call:now:)``.
        case admit(CallID)
        /// As many streams are live as the server allows, or the connection is not open yet: keep the call until
        /// ``ClientStreamMachine/mayAdmit`` says so.
        case wait
        /// The connection takes no new calls: use another one.
        case refuseNotAccepting
    }

    @usableFromInline
    struct Slot {
        /// Who waits for the head of the answer; `nil` when nobody does any more.
        @usableFromInline var call: Call?
        @usableFromInline var deadline: Nanoseconds
        @usableFromInline var flags: ClientStreamFlags
        /// Informational answers so far.
        @usableFromInline var interims: UInt8 = 0

        @inlinable
        init(call: consuming Call?, deadline: Nanoseconds, flags: ClientStreamFlags) {
            self.call = call
            self.deadline = deadline
            self.flags = flags
        }
    }

    @usableFromInline var table = StreamTable<Slot>()
    @usableFromInline var windows: StreamWindows
    @usableFromInline var bucket: AbuseBucket
    @usableFromInline var lifecycle: Lifecycle = .connecting
    @usableFromInline let limits: ClientLimits
    @usableFromInline var wakeUp: Nanoseconds = .never
    @usableFromInline var candidate: CallID
    @usableFromInline var lastInserted: CallID?
    @usableFromInline var lastSent: CallID?
    @usableFromInline var maxStreams: Int
    @usableFromInline var isSettled = false
    @usableFromInline var pending = 0
    @usableFromInline var tombstones = 0

    /// A machine for a connection that is being made.
    ///
    /// - Parameters:
    ///   - settings: what this side told the server that it may send.
    ///   - firstID: 1 on every real connection; tests start elsewhere.
    public init(
        limits: ClientLimits, streamLimits: StreamLimits, settings: SettingsV1, firstID: CallID = .first
    ) {
        self.limits = limits
        self.windows = StreamWindows(own: settings)
        self.bucket = AbuseBucket(capacity: streamLimits.abuseTokens, perSecond: streamLimits.abuseTokensPerSecond)
        self.candidate = firstID
        self.maxStreams = SettingsV1().maxStreams
    }

    /// The earliest moment at which a deadline may have passed; `.never` if none is set.
    @inlinable public var nextDeadline: Nanoseconds { self.wakeUp }
    /// Calls that wait for the head of an answer, one-way ones for their end.
    @inlinable public var pendingCount: Int { self.pending }
    /// Streams that are live: those that wait, those whose bodies are under way, and tombstones.
    @inlinable public var liveCount: Int { self.table.count }
    /// Calls that gave up and whose terminal frame has not come.
    @inlinable public var tombstoneCount: Int { self.tombstones }
    /// Whether any call's bytes were handed to the transport.
    @inlinable public var hasSent: Bool { self.lastSent != nil }
    /// Whether new calls are taken, now or when there is a place.
    @inlinable public var isAccepting: Bool { self.lifecycle == .connecting || self.lifecycle == .open }
    /// Whether a call that waits may be encoded now.
    @inlinable public var mayAdmit: Bool { self.lifecycle == .open && self.table.count < self.maxStreams }
    /// Whether nothing is under way any more on a connection that takes no calls: close it.
    @inlinable public var isFinished: Bool { self.lifecycle == .draining && self.table.count == self.tombstones }
    /// The largest head that the server takes.
    public var peerHeadLimit: Int { self.windows.peer.maxHeadSize }
    /// The largest window of zstd that the server takes.
    public var peerWindowLog: Int { self.windows.peer.zstdWindowLog }

    // MARK: Calls

    /// A caller wants to make a call. Takes nothing: if encoding fails, the caller just does not report it.
    @inlinable
    public mutating func callRequested() -> Admission {
        guard self.mayAdmit else { return self.isAccepting ? .wait : .refuseNotAccepting }
        // The last of all ids would make a GOAWAY that names it say nothing (V1-51).
        while self.candidate.rawValue == .max || self.table.contains(self.candidate) {
            self.candidate = self.candidate.next
        }
        return .admit(self.candidate)
    }

    /// The request is in the outbound buffer under `id`, which the last ``callRequested()`` admitted.
    ///
    /// - Returns: true if ``nextDeadline`` moved closer, so that the timer has to be set anew.
    @inlinable
    public mutating func callEncoded(
        _ id: CallID, deadline: Nanoseconds, flags: CallFlags = [], call: consuming Call, now: Nanoseconds = 0
    ) -> Bool {
        var slotFlags = ClientStreamFlags(rawValue: flags.rawValue)
        if flags.contains(.streamsBody) {
            slotFlags.insert(.streamed)
            self.windows.open(id, now: now)
        }
        self.table.insert(id, Slot(call: call, deadline: deadline, flags: slotFlags))
        self.pending += 1
        self.lastInserted = id
        self.candidate = id.next
        guard deadline < self.wakeUp else { return false }
        self.wakeUp = deadline
        return true
    }

    /// All bytes in the outbound buffer were handed to the transport: calls so far may be executed by the server.
    @inlinable
    public mutating func outboundFlushed() {
        self.lastSent = self.lastInserted
    }

    /// What happens to a call that is given up.
    public enum CancelAction {
        /// The caller had no answer yet: it is told, and the server is asked to stop (CANCEL).
        case cancel(Call)
        /// The caller had the head: only the server is asked to stop.
        case stop
        /// It has ended already.
        case none
    }

    /// The caller gave up, or does not want the rest of the answer.
    public mutating func callCancelled(_ id: CallID) -> CancelAction {
        guard let index = self.table.index(of: id), self.isLive(index) else { return .none }
        guard let call = self.abandon(id, at: index) else { return .stop }
        return .cancel(call)
    }

    /// The time at which ``nextDeadline`` asked to be woken has come. The server is to be asked to stop each (CANCEL).
    public mutating func deadlineReached(now: Nanoseconds) -> [(id: CallID, call: Call)] {
        guard self.lifecycle != .closed, now >= self.wakeUp else { return [] }
        var late: [CallID] = []
        var earliest = Nanoseconds.never
        self.table.forEach { id, slot in
            guard slot.call != nil else { return }
            if slot.deadline <= now { late.append(id) } else { earliest = Swift.min(earliest, slot.deadline) }
        }
        // Not before a slack has passed, so that a crowd of deadlines costs one look at the table each slack.
        self.wakeUp = earliest == .never ? .never : Swift.max(earliest, now.adding(self.limits.deadlineSlack))
        var expired: [(id: CallID, call: Call)] = []
        for id in late {
            guard let index = self.table.index(of: id), let call = self.abandon(id, at: index) else { continue }
            expired.append((id, call))
        }
        return expired
    }

    /// Whether the stream is neither over nor given up.
    func isLive(_ index: Int) -> Bool {
        self.table.places[index].value.map { $0.flags.isDisjoint(with: [.cancelled]) } ?? false
    }

    /// Makes a tombstone of a live stream, or removes it if the server has ended it; gives back who waits, if anybody.
    mutating func abandon(_ id: CallID, at index: Int) -> Call? {
        let call = self.table.places[index].value?.call.take()
        if call != nil { self.pending -= 1 }
        self.windows.close(id)
        if self.table.places[index].value?.flags.contains(.answered) == true {
            self.table.remove(at: index)
        } else {
            self.table.places[index].value?.flags.insert(.cancelled)
            self.table.places[index].value?.flags.remove([.uploading, .answering])
            self.tombstones += 1
            self.retireIfWorn()
        }
        return call
    }

    /// Too many answers are owed to nobody: the connection takes no more calls, and another takes its place.
    mutating func retireIfWorn() {
        if self.lifecycle == .open, self.tombstones >= self.limits.maxTombstones { self.lifecycle = .draining }
    }

    // MARK: The connection

    /// The handshake is done; calls that wait may be encoded.
    public mutating func opened() {
        if self.lifecycle == .connecting { self.lifecycle = .open }
    }

    /// No new calls from now on; those under way go on.
    public mutating func drainStarted() {
        if self.isAccepting { self.lifecycle = .draining }
    }

    /// The connection ended. Every call that waits fails; `possiblyExecuted` is false for those never handed to the
    /// transport.
    public mutating func connectionClosed() -> [(call: Call, possiblyExecuted: Bool)] {
        self.lifecycle = .closed
        self.wakeUp = .never
        self.pending = 0
        self.tombstones = 0
        self.windows.closeAll()
        return self.table.removeAll().compactMap { id, slot in
            guard let call = slot.call else { return nil }
            return (call, self.lastSent.map { !self.wasOpened(id, after: $0) } ?? false)
        }
    }

    /// Whether a stream that is live was opened after another. Counted back from the last one, not compared: a stream may
    /// live while more than 2^31 others come and go, and is older than they are all the same.
    func wasOpened(_ id: CallID, after other: CallID) -> Bool {
        guard let last = self.lastInserted else { return false }
        return last.rawValue &- id.rawValue < last.rawValue &- other.rawValue
    }
}

extension ClientStreamMachine: Sendable where Call: Sendable {}
extension ClientStreamMachine.Slot: Sendable where Call: Sendable {}
