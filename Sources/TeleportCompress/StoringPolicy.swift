/// Which blocks are stored without trying to encode them (rule V1-20).
///
/// An attempt that fails costs more than its time: what was encoded for nothing stands in the sender's history and not
/// in the receiver's, so both have to begin anew. That is why noise is looked for first, and why attempts become rare
/// where they fail: after the first failure one block is stored untried, after the next two, then four, up to 32.
struct StoringPolicy {
    /// Shorter blocks are stored: they rarely shrink, and where they do nothing is gained.
    static let leastLength = 32

    /// The most blocks that are stored untried after a failure.
    static let longestPause = 32

    /// A block so many times as long as the one that failed is tried all the same: it is of another kind.
    static let otherKind = 4

    private var pause = 0
    private var nextPause = 1
    private var failedLength = 0

    /// Whether a block is worth an attempt, whose outcome is then to be told.
    mutating func isWorthTrying(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= Self.leastLength else { return false }
        if self.pause > 0, bytes.count / Self.otherKind < self.failedLength {
            self.pause -= 1
            return false
        }
        return bytes.count < CollisionProbe.leastLength || !CollisionProbe.looksLikeNoise(bytes)
    }

    /// An attempt made a block shorter.
    mutating func attemptSucceeded() {
        self.pause = 0
        self.nextPause = 1
    }

    /// An attempt did not make a block of this length shorter.
    mutating func attemptFailed(length: Int) {
        self.failedLength = length
        self.pause = self.nextPause
        self.nextPause = min(2 * self.nextPause, Self.longestPause)
    }
}
