public import struct TeleportWire.CallID
public import struct TeleportWire.SettingsV1

/// Bodies: what may be sent, and what was taken.
extension ClientStreamMachine {
    /// How much of the request's body may be sent in the stream's next turn; 0 while there is no credit.
    @inlinable
    public func allowance(_ id: CallID) -> Int {
        guard let index = self.table.index(of: id),
            self.table.places[index].value?.flags.contains(.uploading) == true
        else { return 0 }
        return self.windows.allowance(id)
    }

    /// Whether the request's body is still wanted: the stream was neither cancelled nor refused.
    @inlinable
    public func isUploading(_ id: CallID) -> Bool {
        guard let index = self.table.index(of: id) else { return false }
        return self.table.places[index].value?.flags.contains(.uploading) ?? false
    }

    /// DATA was encoded; if `ends`, the request is complete (with TRAILERS behind the last DATA, if any).
    @inlinable
    public mutating func dataEncoded(_ id: CallID, count: Int, ends: Bool) {
        self.windows.sent(count, on: id)
        guard ends, let index = self.table.index(of: id) else { return }
        self.table.places[index].value?.flags.remove(.uploading)
        let flags = self.table.places[index].value?.flags ?? []
        if flags.contains(.answered) {
            self.windows.close(id)
            self.table.remove(at: index)
        }
    }

    /// The caller took bytes of the answer's body, or they were dropped.
    @inlinable
    public mutating func dataConsumed(_ id: CallID, count: Int, now: Nanoseconds) -> CreditGrant {
        let isOpen =
            self.table.index(of: id).flatMap { self.table.places[$0].value?.flags.contains(.answering) } ?? false
        return self.windows.consumed(count, on: id, isOpen: isOpen, now: now)
    }

    /// Streams whose callers leave too much unread for too long (V1-42): cancel them with SLOW.
    public func slowStreams(limit: Nanoseconds, now: Nanoseconds) -> [CallID] {
        self.windows.unread(since: limit, now: now)
    }

    /// Whether any body is under way.
    public var hasBodies: Bool { self.windows.count > 0 }
}
