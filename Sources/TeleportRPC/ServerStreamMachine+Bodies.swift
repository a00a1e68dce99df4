public import struct TeleportWire.CallID
public import struct TeleportWire.ErrorCode

/// Bodies: what may be sent, and what was taken.
extension ServerStreamMachine {
    /// How much of the answer's body may be sent in the stream's next turn; 0 while there is no credit.
    @inlinable
    public func allowance(_ id: CallID) -> Int {
        guard self.isAnswering(id) else { return 0 }
        return self.windows.allowance(id)
    }

    /// Whether the answer's body is still wanted.
    @inlinable
    public func isAnswering(_ id: CallID) -> Bool {
        guard let index = self.table.index(of: id) else { return false }
        return self.table.places[index].value?.flags.contains(.answering) ?? false
    }

    /// DATA was encoded; if `ends`, the answer is complete (with TRAILERS behind the last DATA, if any).
    ///
    /// - Returns: true if the request still goes on: CANCEL(NO_ERROR) stops it.
    @inlinable
    public mutating func dataEncoded(_ id: CallID, count: Int, ends: Bool) -> Bool {
        self.windows.sent(count, on: id)
        guard ends, let index = self.table.index(of: id),
            self.table.places[index].value?.flags.contains(.answering) == true
        else { return false }
        if self.table.places[index].value?.flags.isSuperset(of: [.tunnel, .receiving]) == true {
            self.halfClose(at: index)
            return false
        }
        return self.answerEnded(id, at: index)
    }

    /// The source of the answer's body failed, or its reader is too slow: CANCEL is its terminal frame.
    ///
    /// - Returns: false if it has ended already.
    public mutating func answerBrokenOff(_ id: CallID) -> Bool {
        guard let index = self.table.index(of: id),
            self.table.places[index].value?.flags.contains(.answering) == true
        else { return false }
        self.answerEnded(id, at: index)
        return true
    }

    /// What becomes of a request that is broken off.
    public enum BrokenOffAction {
        /// The body of its answer was under way: CANCEL with the code is its terminal frame, now.
        case end
        /// Stop the handler. The terminal frame is owed until it has returned, as for any other stream that is given up: so
        /// whoever breaks requests off gains no place by it.
        case stop(Handle?)
        /// The server's half of a tunnel has ended, so its terminal frame is given: CANCEL(NO_ERROR) stops the client's.
        case stopRequest
        /// It was given up or answered before.
        case none
    }

    /// The request cannot be used any more, as its head or its length is malformed, or nobody reads it: `code` is what its
    /// terminal frame says (V1-81).
    public mutating func requestBrokenOff(_ id: CallID, code: ErrorCode) -> BrokenOffAction {
        if self.tunnelUnwanted(id) { return .stopRequest }
        guard let index = self.table.index(of: id), let flags = self.table.places[index].value?.flags,
            flags.isDisjoint(with: [.answered, .cancelled])
        else { return .none }
        if flags.contains(.answering) {
            self.answerEnded(id, at: index)
            return .end
        }
        self.table.places[index].value?.flags.insert(.cancelled)
        self.table.places[index].value?.reason = code
        self.windows.close(id)
        return .stop(self.takeHandle(at: index))
    }

    /// The handler took bytes of the request's body, or they were dropped.
    @inlinable
    public mutating func dataConsumed(_ id: CallID, count: Int, now: Nanoseconds) -> CreditGrant {
        let flags = self.table.index(of: id).flatMap { self.table.places[$0].value?.flags } ?? []
        let isOpen = flags.contains(.receiving) && flags.wantsRequest
        return self.windows.consumed(count, on: id, isOpen: isOpen, now: now)
    }

    /// Streams whose handlers leave too much unread for too long (V1-42).
    public func slowStreams(limit: Nanoseconds, now: Nanoseconds) -> [CallID] {
        self.windows.unread(since: limit, now: now)
    }
}
