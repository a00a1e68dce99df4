public import struct TeleportWire.ErrorCode
public import struct TeleportWire.SettingsV1
public import struct TeleportWire.WireError

/// What this side may still send, of DATA, on a stream or on the connection (rules V1-40, V1-41).
public struct SendWindow: Sendable, Hashable {
    /// Bytes. Negative when the peer's SETTINGS allow less than was sent before they came.
    public private(set) var available: Int

    public init(_ available: Int) {
        self.available = available
    }

    /// DATA was sent.
    public mutating func sent(_ bytes: Int) { self.available -= bytes }

    /// The peer's SETTINGS came: what was assumed until now is replaced by what is true.
    public mutating func settled(assumed: Int, actual: Int) { self.available += actual - assumed }

    /// The peer gave credit.
    ///
    /// - Throws: ``WireError`` `.violation(.credit)` for none, or for more than there may be.
    public mutating func credited(_ bytes: Int) throws(WireError) {
        guard bytes > 0 else { throw WireError(.violation(.credit), "A CREDIT of nothing (V1-41).") }
        guard self.available + bytes <= SettingsV1.maximumCredit else {
            throw WireError(.violation(.credit), "More credit than there may be (V1-41).")
        }
        self.available += bytes
    }
}

/// What the peer may still send, and what it will be given back (rules V1-40, V1-41).
public struct ReceiveWindow: Sendable, Hashable {
    /// What the peer was given in the beginning, and is at most given again.
    public let size: Int
    /// Bytes that the peer may send now. Negative when it sent more before it knew the size.
    public private(set) var granted: Int
    /// Bytes that were taken and not given back yet: small amounts wait for others.
    public private(set) var owed = 0
    /// What is left of what the peer may have assumed before it knew the size.
    private var early: Int

    /// - Parameter assumed: what the peer takes for the size until this side's SETTINGS reach it (V1-25). What it sends
    ///   on the strength of that is no violation, and counts.
    public init(_ size: Int, assumed: Int = 0) {
        self.size = size
        self.granted = size
        self.early = assumed
    }

    /// Bytes that are here and that nobody has taken.
    public var unread: Int { self.size - self.granted - self.owed }

    /// DATA came.
    ///
    /// - Throws: ``WireError`` `.violation(.credit)` if it is more than was granted.
    public mutating func received(_ bytes: Int) throws(WireError) {
        guard bytes <= Swift.max(self.granted, self.early) else {
            throw WireError(.violation(.credit), "More DATA than there is credit for (V1-40).")
        }
        self.granted -= bytes
        self.early = Swift.max(0, self.early - bytes)
    }

    /// The consumer took bytes, or they were dropped.
    ///
    /// - Returns: the credit to give, if it is time for some.
    public mutating func consumed(_ bytes: Int) -> Int? {
        self.owed += bytes
        guard self.owed > 0, self.owed * 2 >= self.size else { return nil }
        defer { self.owed = 0 }
        self.granted += self.owed
        return self.owed
    }
}
