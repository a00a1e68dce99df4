/// Chooses how each block of one direction is compressed, so that a loop keeps its ``CompressionBudget`` and as few bytes
/// as possible are sent (rule V1-20).
///
/// ```
///          more demand than budget, and fewer bytes a rung lower
///        ◀───────────────────────────────────────────────────────
///   stored ·· lz4 ── zstd 1 ── zstd 6 ── zstd 9       stored ·· flate 1 ── 4 ── 6 ── 9
///        ───────────────────────────────────────────────────────▶
///          time left for the next rung; kept if it saves bytes
/// ```
///
/// - *Stored* is no rung: where a ``CompressionAccount`` has no time left, a block is stored. It leaves no trace in a
///   history, so there and back costs nothing.
/// - *Down*, with a block that had to be stored so, to the rung that saves the most bytes: a slower one of fewer blocks may
///   save more than a faster one of all.
/// - *Up* by one rung, when the demand of the loop would still be below three quarters of what it can keep up. A rung that
///   then saves less than 2 % of the bytes, or has to be left soon, was not worth it: the next attempt waits twice as
///   long, up to a minute.
///
/// Each change begins a fresh history (RESET), which costs 1.4 KB of zstd's level 1 and 2 KB of 9 with requests of 2 KB, and
/// no time: libzstd takes a level within a frame, but on one thread acts on it with the next. That is why there is a
/// window between two of them and half a megabyte before each one up, and why what a rung saves is judged from 128 KiB
/// after the change on.
///
/// It reads no clock, and decides nothing about noise: a ``BlockCompressor`` sees that for itself.
public struct AdaptiveLevel: Sendable {
    /// How to send a block.
    public enum Decision: Sendable, Hashable {
        /// Compressed like this.
        case compress(CompressionCodec)
        /// Stored, as there is no time for it.
        case store
    }

    /// What was compressed since some time.
    private struct Sample {
        var start: UInt64
        /// Bytes of all blocks that were not stored for want of time, and what they took.
        var bytes = 0
        var nanoseconds: UInt64 = 0
        /// Of the blocks that became shorter.
        var plain = 0
        var encoded = 0

        var cost: Double { Double(self.nanoseconds) / Double(max(1, self.bytes)) }
        var ratio: Double { Double(self.encoded) / Double(max(1, self.plain)) }
    }

    /// The rung that was left, and what it was like.
    private struct Move {
        let from: Int
        let cost: Double
        let ratio: Double
    }

    /// All that was to be sent since some time, whatever became of it.
    private struct Offer {
        var start: UInt64
        var bytes = 0
        var wasDenied = false
        /// What went before asked for so much of the loop's time.
        var lastShare = 0.0
    }

    private var ladder: CompressionLadder
    private var rung: Int
    private var sample: Sample
    /// Bytes until a history says what a rung is worth.
    private var settling = Self.settlingBytes
    /// The last change that is not judged yet.
    private var move: Move?
    /// When the last change was, whichever.
    private var changed: UInt64
    private var lastRaise: UInt64?
    /// Nanoseconds of a byte, as last measured.
    private var cost: Double
    private var offer: Offer
    private var patience = Self.leastPatience
    private var nextRaise: UInt64

    static let settlingBytes = 131_072
    static let sampleBytes = 524_288
    static let leastGain = 0.02
    static let leastPatience = 2 * CompressionBudget.window
    static let mostPatience = 160 * CompressionBudget.window
    /// A raise that is held for so long was right.
    static let probation = 16 * CompressionBudget.window
    /// What the loop can keep up is used to so much by a raise.
    static let headroom = 0.75
    /// A lower rung has to save so much more.
    static let leastAdvantage = 1.02

    /// Chooses for a direction in which nothing was sent yet.
    ///
    /// - Parameters:
    ///   - codec: The codec, whose level is where it begins. One without levels is compressed or stored.
    ///   - usesLZ4: Whether the receiver takes lz4, to which zstd turns when there is little time.
    ///   - now: The time, in nanoseconds.
    public init(_ codec: CompressionCodec, usesLZ4: Bool, now: UInt64) {
        self.ladder = CompressionLadder(codec, usesLZ4: usesLZ4)
        self.rung = self.ladder.index(of: codec)
        self.sample = Sample(start: now)
        self.offer = Offer(start: now)
        self.changed = now
        // A guess for until something was measured: 4 ns a byte of zstd at level 1, 15 of flate at 6.
        self.cost = (codec.kind == .flate ? 15 : 4) * self.ladder.rungs[self.rung].cost
        self.nextRaise = now + Self.leastPatience
    }

    /// What is compressed with now.
    public var codec: CompressionCodec { self.ladder.rungs[self.rung].codec }

    /// The rung of now, 1 is the lowest.
    public var step: Int { self.rung + 1 }

    /// A block is to be sent.
    ///
    /// - Parameters:
    ///   - length: Its bytes.
    ///   - now: The time.
    ///   - account: The loop's.
    public mutating func next(length: Int, now: UInt64, account: inout CompressionAccount) -> Decision {
        guard account.mayCompress(now: now) else {
            let estimate = self.cost * Double(length)
            account.denied(nanoseconds: estimate)
            self.offer.bytes += length
            self.offer.wasDenied = true
            if now >= self.changed + CompressionBudget.window { self.ranShort(now, &account) }
            return .store
        }
        if self.isSampled(now) {
            self.judge(now, &account)
            self.raise(now, &account)
            if self.changed < now {
                self.begin(now)
                self.offer = Offer(start: now, lastShare: self.share(now))
            }
        }
        return .compress(self.codec)
    }

    /// A block was given to a ``BlockCompressor``, as decided.
    ///
    /// - Parameters:
    ///   - plain: Its bytes.
    ///   - encoded: Its bytes as they are sent, as many if it is stored.
    ///   - nanoseconds: What it took.
    ///   - now: The time, behind it.
    ///   - account: The loop's.
    public mutating func compressed(
        plain: Int, encoded: Int, nanoseconds: UInt64, now: UInt64, account: inout CompressionAccount
    ) {
        account.compressed(nanoseconds: nanoseconds, now: now)
        self.offer.bytes += plain
        if self.settling > 0 {
            self.settling -= plain
            if self.settling <= 0 { self.begin(now) }
            return
        }
        self.sample.bytes += plain
        self.sample.nanoseconds += nanoseconds
        if encoded < plain {
            self.sample.plain += plain
            self.sample.encoded += encoded
        }
        if self.sample.bytes >= Self.settlingBytes { self.cost = self.sample.cost }
    }

    // MARK: Changes

    private func isSampled(_ now: UInt64) -> Bool {
        // Where little can be compressed, what there is decides.
        self.sample.bytes >= Self.sampleBytes && self.sample.plain >= Self.settlingBytes
            && now >= self.sample.start + CompressionBudget.window
    }

    private mutating func begin(_ now: UInt64) {
        self.sample = Sample(start: now)
    }

    /// What this direction asks for of the loop's time.
    private func share(_ now: UInt64) -> Double {
        // A shorter time says little.
        guard now >= self.offer.start + CompressionBudget.window / 2 else { return self.offer.lastShare }
        return self.cost * Double(self.offer.bytes) / Double(now - self.offer.start)
    }

    /// A rung has been used for long enough to say what it is like.
    private mutating func judge(_ now: UInt64, _ account: inout CompressionAccount) {
        guard let move = self.move else {
            if let raise = self.lastRaise, now >= raise + Self.probation {
                self.lastRaise = nil
                self.patience = Self.leastPatience
            }
            return
        }
        self.move = nil
        self.ladder.moved(
            from: move.from, to: self.rung, cost: self.sample.cost / move.cost,
            saving: (1 - self.sample.ratio) / max(1e-3, 1 - move.ratio))
        guard self.rung > move.from, self.sample.ratio > move.ratio * (1 - Self.leastGain) else { return }
        self.change(to: move.from, now, &account)
        self.becamePatient(now)
    }

    /// Up, if there is time left and the last attempt is long enough ago.
    private mutating func raise(_ now: UInt64, _ account: inout CompressionAccount) {
        guard self.rung < self.ladder.top, !self.offer.wasDenied, now >= self.nextRaise,
            now >= self.changed + CompressionBudget.window,
            self.demand(at: self.rung + 1, now, account) <= Self.headroom * account.sustainable
        else { return }
        self.change(to: self.rung + 1, now, &account)
        self.lastRaise = now
        self.nextRaise = now + self.patience
    }

    /// Down, if that saves bytes.
    private mutating func ranShort(_ now: UInt64, _ account: inout CompressionAccount) {
        guard self.rung > 0, account.demand > account.sustainable else { return }
        var best = self.rung
        var mostSaved = self.saved(at: self.rung, now, account) * Self.leastAdvantage
        for rung in (0..<self.rung).reversed() {
            let saved = self.saved(at: rung, now, account)
            if saved > mostSaved { (best, mostSaved) = (rung, saved) }
        }
        guard best < self.rung else { return }
        let isEarly = self.lastRaise.map { now < $0 + Self.probation } ?? false
        self.change(to: best, now, &account)
        if isEarly { self.becamePatient(now) }
        self.nextRaise = now + self.patience
    }

    /// The demand of the loop if this direction were at another rung.
    private func demand(at rung: Int, _ now: UInt64, _ account: CompressionAccount) -> Double {
        let factor = self.ladder.rungs[rung].cost / self.ladder.rungs[self.rung].cost
        return account.demand + min(self.share(now), account.demand) * (factor - 1)
    }

    /// How many bytes a rung saves, in proportion to others, if some blocks have to be stored.
    private func saved(at rung: Int, _ now: UInt64, _ account: CompressionAccount) -> Double {
        let demand = self.demand(at: rung, now, account)
        return self.ladder.rungs[rung].saving * min(1, account.sustainable / max(demand, 1e-9))
    }

    private mutating func change(to rung: Int, _ now: UInt64, _ account: inout CompressionAccount) {
        account.demandChanges(by: self.demand(at: rung, now, account) - account.demand)
        let isMeasured = self.sample.plain >= Self.settlingBytes
        self.move = isMeasured ? Move(from: self.rung, cost: self.sample.cost, ratio: self.sample.ratio) : nil
        let factor = self.ladder.rungs[rung].cost / self.ladder.rungs[self.rung].cost
        self.offer = Offer(start: now, lastShare: self.share(now) * factor)
        self.cost *= factor
        self.rung = rung
        self.changed = now
        self.settling = Self.settlingBytes
        self.begin(now)
    }

    private mutating func becamePatient(_ now: UInt64) {
        self.lastRaise = nil
        self.patience = min(2 * self.patience, Self.mostPatience)
        self.nextRaise = now + self.patience
    }
}
