public import TeleportRPC

/// What time does to a v1 connection: silence, idleness, age, and histories that nobody uses (rules V1-14, V1-50, V1-55).
/// Reads no clock.
@usableFromInline
struct Liveliness {
    /// What to do now.
    struct Due: OptionSet {
        let rawValue: UInt8

        /// Nothing came for so long: ask.
        static let ping = Due(rawValue: 1)
        /// And no answer came: the peer is gone.
        static let giveUp = Due(rawValue: 2)
        /// Nothing was sent for so long: give back the memory of compression.
        static let release = Due(rawValue: 4)
        /// Idle for too long, or too old: drain.
        static let drain = Due(rawValue: 8)
    }

    private let limits: StreamLimits
    private let opened: Nanoseconds
    private var received: Nanoseconds
    private var sent: Nanoseconds
    private var pinged: Nanoseconds?
    private var lastBusy: Nanoseconds
    private var isReleased = true
    private var isDraining = false

    @usableFromInline
    init(_ limits: StreamLimits, now: Nanoseconds) {
        self.limits = limits
        self.opened = now
        self.received = now
        self.sent = now
        self.lastBusy = now
    }

    @usableFromInline
    mutating func bytesReceived(now: Nanoseconds) {
        self.received = now
    }

    @usableFromInline mutating func bytesSent(now: Nanoseconds) {
        self.sent = now
        self.isReleased = false
    }

    /// Something of a stream came or went: short ones may all live between two looks at the clock.
    @usableFromInline
    mutating func streamsMoved(now: Nanoseconds) { self.lastBusy = now }

    mutating func pongReceived() { self.pinged = nil }

    /// A PING is on its way for another reason, and has to be answered in time all the same.
    mutating func pingSent(now: Nanoseconds) { self.pinged = now }

    /// What is due. `hasStreams`: whether any stream is live.
    mutating func due(now: Nanoseconds, hasStreams: Bool) -> Due {
        var due: Due = []
        if hasStreams { self.lastBusy = now }
        if let pinged = self.pinged {
            if now >= pinged.adding(self.limits.pongTimeout) { due.insert(.giveUp) }
        } else if now >= self.received.adding(self.limits.pingAfter) {
            self.pinged = now
            due.insert(.ping)
        }
        if !self.isReleased, now >= self.sent.adding(self.limits.historyTimeout) {
            self.isReleased = true
            due.insert(.release)
        }
        if now >= self.drainDue {
            self.isDraining = true
            due.insert(.drain)
        }
        return due
    }

    /// When to ask ``due(now:hasStreams:)`` again, at the latest.
    var next: Nanoseconds {
        var next = self.pinged.map { $0.adding(self.limits.pongTimeout) } ?? self.received.adding(self.limits.pingAfter)
        if !self.isReleased { next = Swift.min(next, self.sent.adding(self.limits.historyTimeout)) }
        return Swift.min(next, self.drainDue)
    }

    private var drainDue: Nanoseconds {
        guard !self.isDraining else { return .never }
        return Swift.min(self.lastBusy.adding(self.limits.maxIdle), self.opened.adding(self.limits.maxAge))
    }
}

extension Nanoseconds {
    /// The sum; ``never`` if that is out of reach.
    fileprivate func adding(_ span: Nanoseconds) -> Nanoseconds {
        let (sum, overflow) = self.addingReportingOverflow(span)
        return overflow ? .never : sum
    }
}
