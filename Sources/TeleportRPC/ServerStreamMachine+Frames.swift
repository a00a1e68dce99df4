public import struct TeleportWire.CallID
public import struct TeleportWire.ErrorCode
public import struct TeleportWire.FrameFlags
public import struct TeleportWire.SettingsV1
public import struct TeleportWire.WireError

/// Frames that came. Each throws ``WireError`` `.violation` for what ends the connection.
extension ServerStreamMachine {
    /// What to do with a REQUEST.
    public enum RequestAction: Sendable, Equatable {
        /// Run the handler; answer with this token.
        case dispatch(StreamToken)
        /// CANCEL with this code; it reaches no handler.
        case refuse(ErrorCode)
        /// It lies behind the last stream of a drain: the client knows.
        case drop
    }

    /// What to do with DATA or TRAILERS.
    public enum BodyAction: Sendable, Equatable {
        /// They are for the handler, and if `ends` the last.
        case deliver(ends: Bool)
        /// Nobody wants them; give the credit.
        case drop(CreditGrant)
    }

    /// What to do with CANCEL.
    public enum CancelledAction {
        /// Stop the handler; its terminal frame is owed all the same.
        case stop(Handle?)
        /// The answer's body is under way: the rest is not wanted. CANCEL(CANCELLED) is its terminal frame, now.
        case breakOff
        /// Nothing is left to be stopped.
        case none
    }

    /// SETTINGS came (V1-25).
    public mutating func settingsReceived(_ settings: SettingsV1) throws(WireError) {
        guard !self.isSettled else { throw WireError(.violation(.settings), "SETTINGS came twice (V1-25).") }
        self.isSettled = true
        self.windows.settled(settings)
    }

    /// The first frame has to be SETTINGS.
    @inlinable
    public func checkSettled() throws(WireError) {
        guard self.isSettled else { throw WireError(.violation(.settings), "The first frame is not SETTINGS (V1-25).") }
    }

    /// A REQUEST came.
    ///
    /// - Parameters:
    ///   - bytes: of its payload, which are exempt from credit.
    ///   - deadline: when its handler has to be stopped.
    @inlinable
    public mutating func requestReceived(
        _ id: CallID, flags: FrameFlags, bytes: Int, deadline: Nanoseconds = .never, now: Nanoseconds = 0
    ) throws(WireError) -> RequestAction {
        if flags.contains(.noReply), !flags.contains(.end) { throw Self.oneWayGoesOn }
        if let last = self.lastOpened {
            let step = id.rawValue &- last.rawValue
            guard step != 0, step < 1 << 31 else { throw Self.notNext }
        }
        if self.lifecycle == .finishing || self.lifecycle == .closed { return .drop }
        guard !self.table.contains(id) else { throw Self.notNext }
        self.lastOpened = id
        let early = self.earlySecrets.isEmpty ? nil : self.earlySecrets.removeValue(forKey: id.rawValue)
        if let early, flags.contains(.sensitive), !early.isSensitive { throw Self.openSecrets }
        let earlyBytes = early?.bytes ?? 0
        let refusal: ErrorCode? =
            self.owed + self.halfClosed >= self.settings.maxStreams
            ? .refused : early?.isDropped == true || self.held + bytes > self.maxHeld ? .overloaded : nil
        if let refusal {
            self.held -= earlyBytes
            try self.refuse(id, flags, now: now)
            return .refuse(refusal)
        }
        var slotFlags: ServerStreamFlags = []
        if !flags.contains(.end) {
            slotFlags.formUnion([.receiving, .streamed])
            self.windows.open(id, now: now)
        }
        if flags.contains(.noReply) { slotFlags.insert(.oneWay) }
        if flags.contains(.sensitive) { slotFlags.insert(.sensitive) }
        if flags.contains(.tunnel) { slotFlags.insert(.tunnel) }
        self.serial += 1
        self.owed += 1
        self.held += bytes
        self.table.insert(id, Slot(serial: self.serial, flags: slotFlags, deadline: deadline, held: bytes + earlyBytes))
        if deadline < self.wakeUp { self.wakeUp = deadline }
        return .dispatch(StreamToken(id: id, serial: self.serial))
    }

    @usableFromInline
    static var notNext: WireError {
        WireError(.violation(.stream), "A REQUEST on a stream that is live, or not behind the last one (V1-30).")
    }

    @usableFromInline
    static var openSecrets: WireError {
        WireError(.violation(.secret), "SECRETS of a sensitive stream without SENSITIVE (V1-23).")
    }

    @usableFromInline
    static var oneWayGoesOn: WireError {
        WireError(.violation(.frame), "A REQUEST with NO_REPLY and without END (V1-21).")
    }

    /// Remembers a request that was refused until the client has ended it.
    @usableFromInline
    mutating func refuse(_ id: CallID, _ flags: FrameFlags, now: Nanoseconds) throws(WireError) {
        guard !flags.contains(.end) else { return }
        // Whoever opens many more than it may, and ends none, means no good.
        guard self.table.count - self.owed < self.settings.maxStreams + 1000 else {
            throw WireError(.violation(.abuse), "Too many requests over the limit that were not ended (V1-43).")
        }
        self.serial += 1
        var slot = Slot(serial: self.serial, flags: [.receiving, .answered], deadline: .never, held: 0)
        if flags.contains(.sensitive) { slot.flags.insert(.sensitive) }
        self.table.insert(id, slot)
    }

    /// SECRETS came, of so many bytes. True: keep them for the head that follows; false: nobody wants them.
    public mutating func secretsReceived(_ id: CallID, bytes: Int, isSensitive: Bool) throws(WireError) -> Bool {
        // A request that is there already has its head.
        guard self.lastOpened.map({ $0.precedes(id) }) ?? true, !self.table.contains(id) else {
            throw WireError(.violation(.stream), "SECRETS behind the head that they could belong to (V1-65).")
        }
        if self.lifecycle == .finishing { return false }
        // A client that has not seen the SETTINGS takes the default for what is allowed (V1-25).
        let most = Swift.max(self.settings.maxStreams, SettingsV1().maxStreams)
        guard self.earlySecrets.count < most, self.earlySecrets[id.rawValue] == nil else {
            throw WireError(.violation(.stream), "SECRETS twice, or more than there may be streams (V1-65).")
        }
        guard self.held + bytes <= self.maxHeld else {
            self.earlySecrets[id.rawValue] = EarlySecrets(bytes: 0, isSensitive: isSensitive, isDropped: true)
            return false
        }
        self.held += bytes
        self.earlySecrets[id.rawValue] = EarlySecrets(bytes: bytes, isSensitive: isSensitive)
        return true
    }

    /// DATA of so many bytes came.
    @inlinable
    public mutating func dataReceived(
        _ id: CallID, count: Int, ends: Bool, isSensitive: Bool, now: Nanoseconds
    ) throws(WireError) -> BodyAction {
        if count == 0, !ends { try self.bucket.take(now: now) }
        try self.windows.received(count)
        guard let index = try self.bodyIndex(id, isSensitive) else { return .drop(self.windows.dropped(count)) }
        let flags = self.table.places[index].value?.flags ?? []
        let isWanted = flags.wantsRequest
        if isWanted { try self.windows.received(count, on: id, now: now) }
        if ends { self.endReceived(id, at: index) }
        return isWanted ? .deliver(ends: ends) : .drop(self.windows.dropped(count))
    }

    /// TRAILERS came; they are the last of their side (V1-21).
    public mutating func trailersReceived(
        _ id: CallID, ends: Bool, isSensitive: Bool
    ) throws(WireError) -> BodyAction {
        guard ends else { throw WireError(.violation(.frame), "TRAILERS without END (V1-21).") }
        guard let index = try self.bodyIndex(id, isSensitive) else { return .drop(CreditGrant()) }
        let flags = self.table.places[index].value?.flags ?? []
        self.endReceived(id, at: index)
        return flags.wantsRequest ? .deliver(ends: true) : .drop(CreditGrant())
    }

    /// The stream whose request goes on; `nil` for one that a drain leaves out.
    @inlinable
    func bodyIndex(_ id: CallID, _ isSensitive: Bool) throws(WireError) -> Int? {
        guard let index = self.table.index(of: id), let flags = self.table.places[index].value?.flags else {
            if self.lifecycle == .finishing, self.lastOpened?.precedes(id) ?? true { return nil }
            throw WireError(.violation(.stream), "DATA or TRAILERS on a stream that is not open (V1-34).")
        }
        guard flags.contains(.sensitive) == isSensitive else {
            throw WireError(.violation(.secret), "A frame is not as sensitive as its stream (V1-23).")
        }
        guard flags.contains(.receiving) else {
            throw WireError(.violation(.stream), "DATA or TRAILERS behind the end of a request (V1-34).")
        }
        return index
    }

    /// The client has ended its side of the stream.
    @inlinable
    mutating func endReceived(_ id: CallID, at index: Int) {
        self.table.places[index].value?.flags.remove(.receiving)
        guard let flags = self.table.places[index].value?.flags, flags.contains(.answered) else { return }
        if flags.isHalfClosed { self.halfClosed -= 1 }
        self.windows.close(id)
        self.table.remove(at: index)
    }

    /// CANCEL came.
    public mutating func cancelReceived(_ id: CallID, now: Nanoseconds) throws(WireError) -> CancelledAction {
        guard let index = self.table.index(of: id), let flags = self.table.places[index].value?.flags else {
            try self.checkOpened(id)
            try self.bucket.take(now: now)
            return .none
        }
        self.endReceived(id, at: index)
        guard flags.isDisjoint(with: [.answered, .cancelled]) else { return .none }
        if flags.contains(.answering) {
            self.answerEnded(id, at: index)
            return .breakOff
        }
        self.table.places[index].value?.flags.insert(.cancelled)
        self.windows.close(id)
        return .stop(self.takeHandle(at: index))
    }

    /// The body of an answer ended, or was broken off: its terminal frame is given.
    @usableFromInline
    @discardableResult
    mutating func answerEnded(_ id: CallID, at index: Int) -> Bool {
        self.owed -= 1
        self.bucket.streamEnded()
        self.held -= self.table.places[index].value?.held ?? 0
        self.table.places[index].value?.flags.remove(.answering)
        return self.endGiven(id, at: index)
    }

    /// CREDIT came, for a stream or the connection.
    @inlinable
    public mutating func creditReceived(_ id: CallID?, bytes: Int, now: Nanoseconds) throws(WireError) {
        if bytes < 1024 { try self.bucket.take(now: now) }
        guard let id else { return try self.windows.credited(bytes) }
        if let index = self.table.index(of: id) {
            // The answer may not have begun: the credit is for when it does.
            if self.table.places[index].value?.flags.isDisjoint(with: [.answered, .cancelled, .oneWay]) == true {
                self.table.places[index].value?.flags.insert(.streamed)
                self.windows.open(id, now: now)
            }
        } else {
            try self.checkOpened(id)
        }
        try self.windows.credited(bytes, to: id)
    }

    /// A frame that costs more than it says came: PING, PONG, or one of a type that nobody knows.
    public mutating func cheapFrameReceived(now: Nanoseconds) throws(WireError) { try self.bucket.take(now: now) }

    /// A stream that is over may still be spoken of, as frames cross; one that was never opened may not.
    @usableFromInline
    func checkOpened(_ id: CallID) throws(WireError) {
        if self.lifecycle == .finishing { return }
        guard let last = self.lastOpened, !last.precedes(id) else {
            throw WireError(.violation(.stream), "A frame on a stream that was never opened (V1-34).")
        }
    }
}
