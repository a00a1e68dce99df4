public import struct TeleportWire.CallID
public import struct TeleportWire.ErrorCode
public import struct TeleportWire.SettingsV1
public import struct TeleportWire.WireError

/// The credit of one connection and of those of its streams that have bodies under way (section 5 of the specification).
///
/// Streams of one frame each way never get here.
@usableFromInline
struct StreamWindows: Sendable {
    /// The two directions of one stream.
    struct Stream: Sendable {
        var send: SendWindow
        var receive: ReceiveWindow
        /// When the consumer last took something, or what it has to take began to come.
        var lastTaken: Nanoseconds = 0
    }

    /// Changed by taking an entry out and putting it back: in place, each change would allocate for its coroutine.
    private(set) var streams: [UInt32: Stream] = [:]
    private(set) var send: SendWindow
    private(set) var receive: ReceiveWindow
    /// What this side allows.
    private let own: SettingsV1
    /// What the peer takes for this side's settings until they reach it; nothing at a client, whose SETTINGS always come
    /// before its REQUESTs.
    private let assumed: SettingsV1?
    /// What the peer allows, or is assumed to.
    private(set) var peer = SettingsV1()

    /// The most DATA that one stream sends in its turn (V1-44).
    static let turn = 16384

    @usableFromInline
    init(own: SettingsV1, isServer: Bool = false) {
        self.own = own
        self.assumed = isServer ? SettingsV1() : nil
        self.send = SendWindow(SettingsV1().connectionCredit)
        self.receive = ReceiveWindow(own.connectionCredit, assumed: self.assumed?.connectionCredit ?? 0)
    }

    var count: Int { self.streams.count }

    /// The peer's SETTINGS came.
    mutating func settled(_ peer: SettingsV1) {
        self.send.settled(assumed: self.peer.connectionCredit, actual: peer.connectionCredit)
        for id in self.streams.keys {
            self.streams[id]?.send.settled(assumed: self.peer.streamCredit, actual: peer.streamCredit)
        }
        self.peer = peer
    }

    /// A body goes or comes on this stream. Does nothing if one did before.
    @usableFromInline
    mutating func open(_ id: CallID, now: Nanoseconds) {
        guard self.streams[id.rawValue] == nil else { return }
        self.streams[id.rawValue] = Stream(
            send: SendWindow(self.peer.streamCredit),
            receive: ReceiveWindow(self.own.streamCredit, assumed: self.assumed?.streamCredit ?? 0), lastTaken: now)
    }

    @usableFromInline
    mutating func close(_ id: CallID) { self.streams[id.rawValue] = nil }

    /// The connection ended.
    mutating func closeAll() { self.streams = [:] }

    // MARK: Sending

    /// How much DATA the stream may send in its next turn.
    @usableFromInline
    func allowance(_ id: CallID) -> Int {
        guard let stream = self.streams[id.rawValue] else { return 0 }
        return Swift.max(0, Swift.min(Self.turn, stream.send.available, self.send.available))
    }

    @usableFromInline
    mutating func sent(_ bytes: Int, on id: CallID) {
        self.send.sent(bytes)
        guard var stream = self.streams[id.rawValue] else { return }
        stream.send.sent(bytes)
        self.streams[id.rawValue] = stream
    }

    /// CREDIT for a stream. One that has no body under way has no use for it.
    @usableFromInline
    mutating func credited(_ bytes: Int, to id: CallID) throws(WireError) {
        guard var stream = self.streams[id.rawValue] else {
            var any = SendWindow(0)
            return try any.credited(bytes)
        }
        try stream.send.credited(bytes)
        self.streams[id.rawValue] = stream
    }

    @usableFromInline
    mutating func credited(_ bytes: Int) throws(WireError) { try self.send.credited(bytes) }

    // MARK: Receiving

    /// DATA came, on whatever stream.
    @usableFromInline
    mutating func received(_ bytes: Int) throws(WireError) { try self.receive.received(bytes) }

    /// And it is for a stream whose body is wanted.
    @usableFromInline
    mutating func received(_ bytes: Int, on id: CallID, now: Nanoseconds) throws(WireError) {
        guard var stream = self.streams[id.rawValue] else { return }
        if stream.receive.unread == 0 { stream.lastTaken = now }
        try stream.receive.received(bytes)
        self.streams[id.rawValue] = stream
    }

    /// Bytes were dropped: they count for the connection only.
    @usableFromInline
    mutating func dropped(_ bytes: Int) -> CreditGrant {
        CreditGrant(stream: nil, connection: self.receive.consumed(bytes))
    }

    /// The consumer took bytes.
    ///
    /// - Parameter isOpen: whether more may come, so that credit is of use.
    @usableFromInline
    mutating func consumed(_ bytes: Int, on id: CallID, isOpen: Bool, now: Nanoseconds) -> CreditGrant {
        var grant = self.dropped(bytes)
        guard var stream = self.streams[id.rawValue] else { return grant }
        // Counted behind the end too: who has read everything is not slow.
        let credit = stream.receive.consumed(bytes)
        if isOpen { grant.stream = credit }
        stream.lastTaken = now
        self.streams[id.rawValue] = stream
        return grant
    }

    /// Streams whose credit is used up, and whose consumer has taken nothing for `limit`.
    func unread(since limit: Nanoseconds, now: Nanoseconds) -> [CallID] {
        self.streams.compactMap { id, stream in
            guard stream.receive.unread * 2 > stream.receive.size, now >= stream.lastTaken,
                now - stream.lastTaken >= limit
            else { return nil }
            return CallID(rawValue: id)
        }
    }
}

/// CREDIT to send.
public struct CreditGrant: Sendable, Hashable {
    /// To the stream, if it is time.
    public var stream: Int?
    /// To the connection, if it is time.
    public var connection: Int?

    @inlinable
    public init(stream: Int? = nil, connection: Int? = nil) {
        self.stream = stream
        self.connection = connection
    }

    /// Whether there is none.
    public var isEmpty: Bool { self.stream == nil && self.connection == nil }
}
