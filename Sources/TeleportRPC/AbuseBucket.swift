public import struct TeleportWire.ErrorCode
public import struct TeleportWire.WireError

/// Pays for frames that cost more than they say (rule V1-77): a bucket of tokens that fills with time.
public struct AbuseBucket: Sendable, Hashable {
    /// Tokens that it holds at most. Default 1000.
    public let capacity: Int
    /// Tokens that it gains in a second. Default 100.
    public let perSecond: Int
    @usableFromInline var tokens: Int
    private var filled: Nanoseconds?

    public init(capacity: Int = 1000, perSecond: Int = 100) {
        self.capacity = Swift.max(0, capacity)
        self.perSecond = perSecond
        self.tokens = self.capacity
    }

    /// Takes a token.
    ///
    /// - Throws: ``WireError`` `.violation(.abuse)` if there is none.
    public mutating func take(now: Nanoseconds) throws(WireError) {
        self.fill(now)
        guard self.tokens > 0 else {
            throw WireError(
                .violation(.abuse), "Too many frames that cost more than they say, such as CANCEL and PING (V1-77).")
        }
        self.tokens -= 1
    }

    /// A stream ended: whoever has work done may cost a little besides.
    @inlinable
    public mutating func streamEnded() {
        if self.tokens < self.capacity { self.tokens += 1 }
    }

    private mutating func fill(_ now: Nanoseconds) {
        guard let filled = self.filled else {
            self.filled = now
            return
        }
        let second: Nanoseconds = 1_000_000_000
        guard now > filled, self.perSecond > 0 else { return }
        let gained = (now - filled).multipliedFullWidth(by: UInt64(self.perSecond))
        let (count, rest) =
            gained.high >= second ? (UInt64(self.capacity), 0) : second.dividingFullWidth((gained.high, gained.low))
        guard count > 0 else { return }
        let room = self.capacity - self.tokens
        self.tokens = count >= UInt64(room) ? self.capacity : self.tokens + Int(count)
        // What does not make a whole token yet is kept.
        self.filled = now - rest / UInt64(self.perSecond)
    }
}
