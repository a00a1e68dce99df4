public import struct TeleportWire.CallID
public import struct TeleportWire.ErrorCode
public import struct TeleportWire.SettingsV1

/// The server's half of the v1 multiplexer: the streams of one connection, what its handlers owe them, and the two steps
/// of a drain (sections 4 to 6 of the specification).
///
/// Each request that is dispatched gets a ``StreamToken``, good for one answer; answering again, or after the connection
/// ended, does nothing. A stream that was cancelled stays until its handler has returned: so opening and cancelling
/// rapidly gains nothing. A stream can hold a `Handle`, whatever the driver needs to stop the handler's work.
///
/// ```
///      drainStarted()        pongReceived(): `.goAway(last)`      last answer given
/// open ─────────────▶ leaving ─────────────────────────▶ finishing ─────────────▶ ``isFinished``: flush, half-close
///   └─────────────────────┴── connectionClosed() ────────────┴──────▶ closed
/// ```
public struct ServerStreamMachine<Handle> {
    @usableFromInline
    enum Lifecycle: Sendable {
        case open
        /// The client was told to open no more streams; those that are on their way are taken.
        case leaving
        /// Nothing behind ``lastTaken`` is taken.
        case finishing
        case closed
    }

    @usableFromInline
    struct Slot {
        /// Tells this stream from one that had the same id before the ids wrapped.
        @usableFromInline let serial: UInt64
        @usableFromInline var flags: ServerStreamFlags
        /// What the terminal frame says of a stream that was cancelled.
        @usableFromInline var reason = ErrorCode.cancelled
        /// When the handler is to be stopped.
        @usableFromInline var deadline: Nanoseconds
        /// Bytes that are exempt from credit and held while the request is handled.
        @usableFromInline let held: Int
        /// Where in ``handles`` there is one.
        @usableFromInline var handle: Int?

        @inlinable
        init(serial: UInt64, flags: ServerStreamFlags, deadline: Nanoseconds, held: Int) {
            self.serial = serial
            self.flags = flags
            self.deadline = deadline
            self.held = held
        }
    }

    @usableFromInline
    struct EarlySecrets: Sendable {
        /// What they take; 0 if there was no room for them.
        @usableFromInline let bytes: Int
        @usableFromInline let isSensitive: Bool
        /// There was no room for them: their request will be OVERLOADED (V1-43).
        @usableFromInline let isDropped: Bool

        @inlinable
        init(bytes: Int, isSensitive: Bool, isDropped: Bool = false) {
            self.bytes = bytes
            self.isSensitive = isSensitive
            self.isDropped = isDropped
        }
    }

    @usableFromInline var table = StreamTable<Slot>()
    /// How to stop the handlers that wait for something.
    @usableFromInline var handles = Slab<Handle>()
    @usableFromInline var windows: StreamWindows
    @usableFromInline var bucket: AbuseBucket
    @usableFromInline var lifecycle: Lifecycle = .open
    @usableFromInline let settings: SettingsV1
    @usableFromInline let maxHeld: Int
    @usableFromInline var wakeUp: Nanoseconds = .never
    @usableFromInline var lastOpened: CallID?
    @usableFromInline var serial: UInt64 = 0
    @usableFromInline var isSettled = false
    /// Streams without a terminal frame.
    @usableFromInline var owed = 0
    /// Tunnels whose client may still send while the server has sent its last.
    @usableFromInline var halfClosed = 0
    @usableFromInline var held = 0
    /// SECRETS whose request has not come.
    @usableFromInline var earlySecrets: [UInt32: EarlySecrets] = [:]

    /// A machine for a connection whose handshake is done.
    ///
    /// - Parameter settings: what this side tells the client that it may send.
    public init(limits: StreamLimits, settings: SettingsV1) {
        self.windows = StreamWindows(own: settings, isServer: true)
        self.bucket = AbuseBucket(capacity: limits.abuseTokens, perSecond: limits.abuseTokensPerSecond)
        self.settings = settings
        self.maxHeld = limits.maxHeldBytes
    }

    /// The earliest moment at which a handler has to be stopped; `.never` if there is none.
    @inlinable public var nextDeadline: Nanoseconds { self.wakeUp }
    /// Requests that are being handled, or whose answers are under way.
    @inlinable public var inFlightCount: Int { self.owed }
    /// Streams that are live.
    @inlinable public var liveCount: Int { self.table.count }
    /// Whether nothing more will be answered: flush and half-close.
    @inlinable public var isFinished: Bool {
        self.lifecycle == .finishing && self.owed == 0 && self.halfClosed == 0
    }
    /// The last stream that was opened.
    public var lastStream: CallID { self.lastOpened ?? CallID(rawValue: 0) }
    /// The largest head that the client takes.
    public var peerHeadLimit: Int { self.windows.peer.maxHeadSize }
    /// The largest window of zstd that the client takes.
    public var peerWindowLog: Int { self.windows.peer.zstdWindowLog }
    /// Whether any body is under way.
    public var hasBodies: Bool { self.windows.count > 0 }

    // MARK: Answers

    /// What to do with an answer.
    public enum AnswerAction: Sendable, Equatable {
        /// Encode it under this id.
        ///
        /// - stopsRequest: the request still goes on: CANCEL(NO_ERROR) behind the end of the answer.
        case answer(CallID, isSensitive: Bool, stopsRequest: Bool)
        /// Nobody waits for an answer: an empty RESPONSE.
        case acknowledge(CallID, isSensitive: Bool)
        /// It is not wanted: CANCEL with this code instead.
        case cancel(CallID, ErrorCode)
        /// The token was used before, or the connection is gone.
        case ignore
    }

    /// The handler's work can be stopped by `handle`.
    ///
    /// - Returns: false if it should be stopped at once: the request was cancelled meanwhile, or the connection is gone.
    @inlinable
    public mutating func handlerStarted(_ token: StreamToken, handle: Handle) -> Bool {
        guard let index = self.index(of: token), let flags = self.table.places[index].value?.flags,
            !flags.contains(.answered)
        else { return self.lifecycle != .closed }
        guard !flags.contains(.cancelled) else { return false }
        self.dropHandle(at: index)
        self.table.places[index].value?.handle = self.handles.insert(handle)
        return true
    }

    /// The handler has returned, with the whole answer. The terminal frame is given with it.
    @inlinable
    public mutating func requestAnswered(_ token: StreamToken) -> AnswerAction {
        guard let index = self.index(of: token), let slot = self.table.places[index].value,
            slot.flags.isDisjoint(with: [.answered, .answering])
        else { return .ignore }
        let (flags, reason) = (slot.flags, slot.reason)
        self.owed -= 1
        self.held -= slot.held
        self.bucket.streamEnded()
        // One frame each way.
        guard !flags.isEmpty else {
            self.dropHandle(at: index)
            self.table.remove(at: index)
            return .answer(token.id, isSensitive: false, stopsRequest: false)
        }
        let stopsRequest = self.endGiven(token.id, at: index)
        if flags.contains(.cancelled) { return .cancel(token.id, reason) }
        if flags.contains(.oneWay) { return .acknowledge(token.id, isSensitive: flags.contains(.sensitive)) }
        return .answer(token.id, isSensitive: flags.contains(.sensitive), stopsRequest: stopsRequest)
    }

    /// The handler has the head of an answer whose body follows as DATA.
    ///
    /// - Parameter grantsTunnel: the answer grants the tunnel that was asked for (V1-70): from now on the stream is over
    ///   only when both sides have ended it.
    public mutating func answerBegun(
        _ token: StreamToken, now: Nanoseconds, grantsTunnel: Bool = false
    ) -> AnswerAction {
        guard let index = self.index(of: token), let flags = self.table.places[index].value?.flags,
            flags.isDisjoint(with: [.answered, .answering])
        else { return .ignore }
        if !flags.isDisjoint(with: [.cancelled, .oneWay]) { return self.requestAnswered(token) }
        self.table.places[index].value?.flags.insert(.answering)
        if !grantsTunnel { self.table.places[index].value?.flags.remove(.tunnel) }
        self.windows.open(token.id, now: now)
        return .answer(token.id, isSensitive: flags.contains(.sensitive), stopsRequest: false)
    }

    /// Whether an informational answer may be sent; the sensitivity of the stream if so.
    public func mayInform(_ token: StreamToken) -> Bool? {
        guard let index = self.index(of: token), let flags = self.table.places[index].value?.flags,
            flags.isDisjoint(with: [.answered, .answering, .cancelled, .oneWay])
        else { return nil }
        return flags.contains(.sensitive)
    }

    /// The terminal frame was given. True if the request still goes on: it has to be stopped.
    @usableFromInline
    mutating func endGiven(_ id: CallID, at index: Int) -> Bool {
        self.dropHandle(at: index)
        self.table.places[index].value?.flags.insert(.answered)
        self.table.places[index].value?.flags.remove(.tunnel)
        guard self.table.places[index].value?.flags.contains(.receiving) == true else {
            self.windows.close(id)
            self.table.remove(at: index)
            return false
        }
        return true
    }

    @inlinable
    mutating func takeHandle(at index: Int) -> Handle? {
        guard let number = self.table.places[index].value?.handle else { return nil }
        self.table.places[index].value?.handle = nil
        return self.handles.take(number)
    }

    @inlinable
    mutating func dropHandle(at index: Int) {
        if self.table.places[index].value?.handle != nil { _ = self.takeHandle(at: index) }
    }

    @inlinable
    func index(of token: StreamToken) -> Int? {
        guard let index = self.table.index(of: token.id), self.table.places[index].value?.serial == token.serial else {
            return nil
        }
        return index
    }

    // MARK: Deadlines

    /// The time at which ``nextDeadline`` asked to be woken has come. Stop these handlers; what they answer becomes
    /// CANCEL(DEADLINE).
    public mutating func deadlineReached(now: Nanoseconds) -> [Handle] {
        guard self.lifecycle != .closed, now >= self.wakeUp else { return [] }
        var numbers: [Int] = []
        var late: [CallID] = []
        var earliest = Nanoseconds.never
        self.table.forEach { id, slot in
            guard slot.deadline != .never, slot.flags.isDisjoint(with: [.answering, .answered, .cancelled]) else {
                return
            }
            guard slot.deadline <= now else {
                earliest = Swift.min(earliest, slot.deadline)
                return
            }
            slot.flags.insert(.cancelled)
            slot.reason = .deadline
            late.append(id)
            if let number = slot.handle.take() { numbers.append(number) }
        }
        for id in late { self.windows.close(id) }
        self.wakeUp = earliest == .never ? .never : Swift.max(earliest, now.adding(.milliseconds(2)))
        return numbers.compactMap { self.handles.take($0) }
    }

    // MARK: The end

    /// The server shuts down: tell the client to open no more streams, and send a PING.
    ///
    /// - Returns: false if that was done before.
    public mutating func drainStarted() -> Bool {
        guard self.lifecycle == .open else { return false }
        self.lifecycle = .leaving
        return true
    }

    /// The PONG of the drain came, or the client sends nothing more: all that it sent before it knew is here. Tell it the
    /// last stream that is taken.
    ///
    /// - Returns: that stream; `nil` if it was told before.
    public mutating func lastStreamReached() -> CallID? {
        guard self.lifecycle == .open || self.lifecycle == .leaving else { return nil }
        self.lifecycle = .finishing
        // Their requests would be dropped.
        for secrets in self.earlySecrets.values { self.held -= secrets.bytes }
        self.earlySecrets = [:]
        return self.lastStream
    }

    /// The connection is gone. Tokens lose their meaning.
    ///
    /// - Returns: the handles of the requests nobody waits for any more, to be stopped.
    public mutating func connectionClosed() -> [Handle] {
        self.lifecycle = .closed
        self.wakeUp = .never
        self.owed = 0
        self.halfClosed = 0
        self.held = 0
        self.earlySecrets = [:]
        self.windows.closeAll()
        _ = self.table.removeAll()
        return self.handles.removeAll()
    }
}

/// The right to answer one request of a v1 connection once.
public struct StreamToken: Sendable, Hashable {
    public let id: CallID
    @usableFromInline let serial: UInt64

    @inlinable
    init(id: CallID, serial: UInt64) {
        self.id = id
        self.serial = serial
    }
}

extension ServerStreamMachine: Sendable where Handle: Sendable {}
extension ServerStreamMachine.Slot: Sendable where Handle: Sendable {}
