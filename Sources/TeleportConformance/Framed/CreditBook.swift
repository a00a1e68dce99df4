/// What one receiver allows one sender, as both can count it (rules V1-40, V1-41).
struct CreditBook {
    /// DATA that was sent, on each stream and in all.
    private var sent: [UInt32: Int] = [:]
    private(set) var sentInAll = 0
    /// CREDIT that was given.
    private var given: [UInt32: Int] = [:]
    private(set) var givenInAll = 0
    /// What a stream, and the connection, began with.
    var streamCredit: Int
    var connectionCredit: Int

    init(streamCredit: Int = 262_144, connectionCredit: Int = 4_194_304) {
        self.streamCredit = streamCredit
        self.connectionCredit = connectionCredit
    }

    mutating func sent(_ count: Int, on stream: UInt32) {
        self.sent[stream, default: 0] += count
        self.sentInAll += count
    }

    /// CREDIT for a stream, or for the connection if that is 0.
    mutating func gave(_ count: Int, to stream: UInt32) {
        if stream == 0 { self.givenInAll += count } else { self.given[stream, default: 0] += count }
    }

    func sent(on stream: UInt32) -> Int { self.sent[stream, default: 0] }
    func given(to stream: UInt32) -> Int { self.given[stream, default: 0] }

    /// What may still be sent on a stream as far as its own credit goes.
    func left(on stream: UInt32) -> Int { self.streamCredit + self.given(to: stream) - self.sent(on: stream) }

    /// What may still be sent in all.
    var left: Int { self.connectionCredit + self.givenInAll - self.sentInAll }
}
