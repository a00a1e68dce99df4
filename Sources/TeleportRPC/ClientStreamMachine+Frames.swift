public import struct TeleportWire.CallID
public import struct TeleportWire.ErrorCode
public import struct TeleportWire.GoAway
public import struct TeleportWire.SettingsV1
public import struct TeleportWire.WireError

/// Frames that came. Each throws ``WireError`` `.violation` for what ends the connection.
extension ClientStreamMachine {
    /// What to do with a RESPONSE.
    public enum ResponseAction {
        /// The whole answer.
        case complete(Call)
        /// The whole answer, while the request still goes on: until the server says CANCEL, or it ends.
        case completeEarly(Call)
        /// The head of an answer whose body follows.
        case begin(Call)
        /// An informational answer.
        case inform(Call)
        /// A one-way request is done.
        case acknowledged
        /// More informational answers than there may be: the stream was given up; send CANCEL with this code.
        case violated(Call, ErrorCode)
        /// Nobody waits for it any more.
        case drop
    }

    /// What to do with DATA or TRAILERS.
    public enum BodyAction: Sendable, Equatable {
        /// They are for the caller, and if `ends` the last.
        case deliver(ends: Bool)
        /// Nobody wants them; give the credit.
        case drop(CreditGrant)
    }

    /// What to do with CANCEL.
    public enum CancelledAction {
        /// The server will not answer this call. If `stopsRequest`, end its body with CANCEL(NO_ERROR).
        case fail(Call, stopsRequest: Bool)
        /// The server will not complete the answer that it began.
        case breakOff(stopsRequest: Bool)
        /// The server does not want the rest of the request: end it with CANCEL(NO_ERROR).
        case stopRequest
        /// Nobody cares.
        case none
    }

    /// SETTINGS came (V1-25).
    public mutating func settingsReceived(_ settings: SettingsV1) throws(WireError) {
        guard !self.isSettled else { throw WireError(.violation(.settings), "SETTINGS came twice (V1-25).") }
        self.isSettled = true
        self.maxStreams = settings.maxStreams
        self.windows.settled(settings)
    }

    /// The first frame has to be SETTINGS.
    @inlinable
    public func checkSettled() throws(WireError) {
        guard self.isSettled else { throw WireError(.violation(.settings), "The first frame is not SETTINGS (V1-25).") }
    }

    @inlinable
    public mutating func responseReceived(
        _ id: CallID, ends: Bool, isInterim: Bool, isEmpty: Bool, isSensitive: Bool, now: Nanoseconds = 0
    ) throws(WireError) -> ResponseAction {
        guard let index = self.table.index(of: id), let flags = self.table.places[index].value?.flags else {
            throw WireError(.violation(.stream), "A RESPONSE on a stream that is not open (V1-34).")
        }
        // All that is not one frame each way.
        guard flags.isEmpty, ends, !isInterim, !isEmpty, !isSensitive else {
            return try self.unusualResponseReceived(
                id, at: index, flags, ends: ends, isInterim: isInterim, isEmpty: isEmpty, isSensitive: isSensitive,
                now: now)
        }
        self.pending -= 1
        self.bucket.streamEnded()
        guard let call = self.table.remove(at: index)?.call else { return .drop }
        return .complete(call)
    }

    @usableFromInline
    mutating func unusualResponseReceived(
        _ id: CallID, at index: Int, _ flags: ClientStreamFlags, ends: Bool, isInterim: Bool, isEmpty: Bool,
        isSensitive: Bool,
        now: Nanoseconds
    ) throws(WireError) -> ResponseAction {
        try self.checkSensitive(flags, isSensitive)
        guard !(isInterim && ends) else {
            throw WireError(.violation(.frame), "A RESPONSE with INTERIM and END (V1-21).")
        }
        guard flags.isDisjoint(with: [.answering, .answered]) else {
            throw WireError(.violation(.stream), "A second RESPONSE on a stream (V1-34).")
        }
        if flags.contains(.cancelled) {
            if ends { self.buried(at: index) }
            return .drop
        }
        guard isEmpty == flags.contains(.oneWay), !isEmpty || (ends && !isInterim) else {
            throw WireError(.violation(.stream), "A one-way request has another answer than the empty one (V1-35).")
        }
        if isEmpty {
            self.pending -= 1
            self.bucket.streamEnded()
            self.table.remove(at: index)
            return .acknowledged
        }
        self.table.places[index].value?.flags.remove(.hasSecrets)
        if isInterim { return self.interimReceived(id, at: index) }
        guard let call = self.table.places[index].value?.call.take() else { return .drop }
        self.pending -= 1
        guard ends else {
            self.table.places[index].value?.flags.insert(.answering)
            self.windows.open(id, now: now)
            return .begin(call)
        }
        guard self.endReceived(id, at: index) else { return .complete(call) }
        return .completeEarly(call)
    }

    private mutating func interimReceived(_ id: CallID, at index: Int) -> ResponseAction {
        let count = (self.table.places[index].value?.interims ?? 0) + 1
        self.table.places[index].value?.interims = count
        guard count <= 8 else {
            return self.abandon(id, at: index).map { .violated($0, .protocol) } ?? .drop
        }
        return self.table.places[index].value?.call.map { .inform($0) } ?? .drop
    }

    /// The server's side of the stream ended. True if this side has not: then the stream lives on.
    @inlinable
    mutating func endReceived(_ id: CallID, at index: Int) -> Bool {
        self.bucket.streamEnded()
        guard self.table.places[index].value?.flags.contains(.uploading) == true else {
            self.windows.close(id)
            self.table.remove(at: index)
            return false
        }
        self.table.places[index].value?.flags.remove(.answering)
        self.table.places[index].value?.flags.insert(.answered)
        return true
    }

    /// The terminal frame of a call that was given up came.
    @usableFromInline
    mutating func buried(at index: Int) {
        self.bucket.streamEnded()
        self.tombstones -= 1
        self.table.remove(at: index)
    }

    @inlinable
    func checkSensitive(_ flags: ClientStreamFlags, _ isSensitive: Bool) throws(WireError) {
        guard flags.contains(.sensitive) == isSensitive else {
            throw WireError(.violation(.secret), "A frame is not as sensitive as its stream (V1-23).")
        }
    }

    /// DATA of so many bytes came.
    @inlinable
    public mutating func dataReceived(
        _ id: CallID, count: Int, ends: Bool, isSensitive: Bool, now: Nanoseconds
    ) throws(WireError) -> BodyAction {
        if count == 0, !ends { try self.bucket.take(now: now) }
        try self.windows.received(count)
        guard let index = try self.bodyIndex(id, isSensitive) else {
            if ends, let index = self.table.index(of: id) { self.buried(at: index) }
            return .drop(self.windows.dropped(count))
        }
        try self.windows.received(count, on: id, now: now)
        if ends { _ = self.endReceived(id, at: index) }
        return .deliver(ends: ends)
    }

    /// TRAILERS came; they are the last of their side (V1-21).
    public mutating func trailersReceived(
        _ id: CallID, ends: Bool, isSensitive: Bool
    ) throws(WireError) -> BodyAction {
        guard ends else { throw WireError(.violation(.frame), "TRAILERS without END (V1-21).") }
        guard let index = try self.bodyIndex(id, isSensitive) else {
            if let index = self.table.index(of: id) { self.buried(at: index) }
            return .drop(CreditGrant())
        }
        _ = self.endReceived(id, at: index)
        return .deliver(ends: true)
    }

    /// The stream whose body goes on; `nil` for one that was given up.
    @inlinable
    func bodyIndex(_ id: CallID, _ isSensitive: Bool) throws(WireError) -> Int? {
        guard let index = self.table.index(of: id), let flags = self.table.places[index].value?.flags else {
            throw WireError(.violation(.stream), "DATA or TRAILERS on a stream that is not open (V1-34).")
        }
        try self.checkSensitive(flags, isSensitive)
        if flags.contains(.cancelled) { return nil }
        guard flags.contains(.answering) else {
            throw WireError(.violation(.stream), "DATA or TRAILERS before the head or behind the end (V1-34).")
        }
        return index
    }

    /// SECRETS came. True: keep them for the head that follows; false: nobody wants them.
    public mutating func secretsReceived(_ id: CallID, isSensitive: Bool) throws(WireError) -> Bool {
        guard let index = self.table.index(of: id), let flags = self.table.places[index].value?.flags else {
            throw WireError(.violation(.stream), "SECRETS on a stream that is not open (V1-34).")
        }
        guard isSensitive || !flags.contains(.sensitive) else {
            throw WireError(.violation(.secret), "SECRETS of a sensitive stream without SENSITIVE (V1-23).")
        }
        if flags.contains(.cancelled) { return false }
        guard flags.isDisjoint(with: [.answering, .answered, .oneWay, .hasSecrets]) else {
            throw WireError(.violation(.stream), "SECRETS twice, or without a head that they could belong to (V1-65).")
        }
        self.table.places[index].value?.flags.insert(.hasSecrets)
        return true
    }

    /// CANCEL came.
    public mutating func cancelReceived(
        _ id: CallID, code: ErrorCode, now: Nanoseconds
    ) throws(WireError) -> CancelledAction {
        guard let index = self.table.index(of: id), let flags = self.table.places[index].value?.flags else {
            try self.checkOpened(id)
            try self.bucket.take(now: now)
            return .none
        }
        if flags.contains(.cancelled) {
            if code != .noError { self.buried(at: index) }
            return .none
        }
        let stopsRequest = flags.contains(.uploading)
        if code == .noError {
            guard flags.contains(.answered) else {
                throw WireError(.violation(.stream), "CANCEL(NO_ERROR) before the answer is complete (V1-33).")
            }
            self.windows.close(id)
            self.table.remove(at: index)
            return .stopRequest
        }
        guard !flags.contains(.answered) else {
            throw WireError(.violation(.stream), "A second terminal frame on a stream (V1-33).")
        }
        self.bucket.streamEnded()
        self.windows.close(id)
        let call = self.table.remove(at: index)?.call
        guard let call else { return .breakOff(stopsRequest: stopsRequest) }
        self.pending -= 1
        return .fail(call, stopsRequest: stopsRequest)
    }

    /// CREDIT came, for a stream or the connection.
    @inlinable
    public mutating func creditReceived(_ id: CallID?, bytes: Int, now: Nanoseconds) throws(WireError) {
        if bytes < 1024 { try self.bucket.take(now: now) }
        guard let id else { return try self.windows.credited(bytes) }
        if !self.table.contains(id) { try self.checkOpened(id) }
        try self.windows.credited(bytes, to: id)
    }

    /// A frame that costs more than it says came: PING, PONG, or one of a type that nobody knows.
    public mutating func cheapFrameReceived(now: Nanoseconds) throws(WireError) { try self.bucket.take(now: now) }

    /// GOAWAY came. Calls that the server does not take are given back: they can be made elsewhere.
    public mutating func goAwayReceived(_ goAway: GoAway) -> [(id: CallID, call: Call)] {
        if self.isAccepting { self.lifecycle = .draining }
        let taken = goAway.lastID
        guard taken != GoAway.everything, let last = self.lastInserted else { return [] }
        // 0 is no id: nothing was taken.
        guard taken.rawValue == 0 || !last.precedes(taken) else { return [] }
        var behind: [CallID] = []
        self.table.forEach { id, slot in
            // What has its answer was taken, whatever the server says.
            if slot.call != nil || slot.flags.contains(.cancelled) { behind.append(id) }
        }
        let refused = behind.filter { taken.rawValue == 0 || self.wasOpened($0, after: taken) }
        var calls: [(id: CallID, call: Call)] = []
        for id in refused {
            guard let index = self.table.index(of: id), let slot = self.table.remove(at: index) else { continue }
            self.windows.close(id)
            if slot.flags.contains(.cancelled) { self.tombstones -= 1 }
            guard let call = slot.call else { continue }
            self.pending -= 1
            calls.append((id, call))
        }
        return calls
    }

    /// A stream that is over may still be spoken of, as frames cross; one that was never opened may not.
    @usableFromInline
    func checkOpened(_ id: CallID) throws(WireError) {
        guard let last = self.lastInserted, !last.precedes(id) else {
            throw WireError(.violation(.stream), "A frame on a stream that was never opened (V1-34).")
        }
    }
}
