public import struct NIOCore.ByteBuffer

/// Two ends of a connection in memory, with latency, arbitrary cuts, and loss: what a network does to bytes.
///
/// Time is a ``ManualClock``'s. What one end sends reaches the other after the latency, in order, in pieces whose
/// lengths come from a seeded generator. The same seed and the same calls give the same pieces.
///
/// ```swift
/// var pair = LossyPair(clock: clock, latency: 1_000_000, seed: 7)
/// pair.send(bytes, from: .client)
/// while let time = pair.nextDelivery(at: .server) {
///     clock.advance(to: time)
///     while let delivery = pair.receive(at: .server) { … }
/// }
/// ```
public struct LossyPair {
    /// An end of the connection.
    public enum Side: Sendable, Hashable, CaseIterable {
        case client
        case server

        /// The other end.
        public var peer: Side { self == .client ? .server : .client }
    }

    /// What an end gets.
    public enum Delivery: Sendable, Hashable {
        /// A piece of what the other end sent; never empty.
        case bytes(ByteBuffer)
        /// The other end has closed its direction; nothing else comes from it. Delivered once.
        case endOfStream
        /// The connection is lost, both ways. Delivered once to each end.
        case lost
    }

    private struct Parcel {
        var time: UInt64
        /// `nil` for the end of the stream.
        var bytes: ByteBuffer?
    }

    private struct Direction {
        var parcels: [Parcel] = []
        var isClosed = false
        var delivered = 0
        var cut: Int?
        /// Whether the receiving end has been told that the connection is lost.
        var lossIsTold = false
    }

    private let clock: ManualClock
    private let latency: UInt64
    private let longestPiece: Int
    private var random: SeededRandom
    /// Indexed by the end that sends.
    private var client = Direction()
    private var server = Direction()

    /// Whether the connection is lost.
    public private(set) var isLost = false

    /// Makes a connection.
    ///
    /// - Parameters:
    ///   - clock: Where the time comes from.
    ///   - latency: How long bytes are on their way, in nanoseconds. 0: they are there at once.
    ///   - longestPiece: The most bytes delivered at a time; at least 1.
    ///   - seed: For the lengths of the pieces.
    public init(clock: ManualClock, latency: UInt64 = 0, longestPiece: Int = 16_384, seed: UInt64) {
        precondition(longestPiece >= 1, "A piece has at least one byte.")
        self.clock = clock
        self.latency = latency
        self.longestPiece = longestPiece
        self.random = SeededRandom(seed: seed)
    }

    /// Puts bytes on their way. After the end of this direction or after the loss they vanish.
    public mutating func send(_ bytes: ByteBuffer, from side: Side) {
        guard !self.isLost, !self[side].isClosed, bytes.readableBytes > 0 else { return }
        self[side].parcels.append(Parcel(time: self.arrival, bytes: bytes))
    }

    /// Ends one direction; the other goes on. The end arrives behind the bytes sent before it.
    public mutating func close(from side: Side) {
        guard !self.isLost, !self[side].isClosed else { return }
        self[side].isClosed = true
        self[side].parcels.append(Parcel(time: self.arrival, bytes: nil))
    }

    /// Loses the connection now: what is on its way vanishes, and each end's next delivery is ``Delivery/lost``.
    public mutating func lose() {
        self.isLost = true
        for side in Side.allCases {
            self[side].parcels.removeAll()
        }
    }

    /// Plans the loss of the connection for when a number of bytes of one direction have been delivered.
    ///
    /// - Parameters:
    ///   - side: The end that sends.
    ///   - count: How many bytes of that direction still arrive, counted from its first byte.
    public mutating func lose(afterBytes count: Int, from side: Side) {
        self[side].cut = count
    }

    /// The next thing that has arrived at an end, or `nil` if there is none at this time.
    public mutating func receive(at side: Side) -> Delivery? {
        let sender = side.peer
        if let cut = self[sender].cut, self[sender].delivered >= cut, !self.isLost {
            self.lose()
        }
        guard !self.isLost else {
            guard !self[sender].lossIsTold else { return nil }
            self[sender].lossIsTold = true
            return .lost
        }
        guard let parcel = self[sender].parcels.first, parcel.time <= self.clock.now else { return nil }
        guard var bytes = parcel.bytes else {
            self[sender].parcels.removeFirst()
            return .endOfStream
        }
        var length = min(Int.random(in: 1...self.longestPiece, using: &self.random), bytes.readableBytes)
        if let cut = self[sender].cut {
            length = min(length, cut - self[sender].delivered)
        }
        guard let piece = bytes.readSlice(length: length) else { return nil }
        self[sender].delivered += length
        if bytes.readableBytes > 0 {
            self[sender].parcels[0].bytes = bytes
        } else {
            self[sender].parcels.removeFirst()
        }
        return .bytes(piece)
    }

    /// When the next thing arrives at an end, in the clock's nanoseconds; `nil` if nothing is on its way.
    public func nextDelivery(at side: Side) -> UInt64? {
        let sender = side.peer
        if self.isLost {
            return self[sender].lossIsTold ? nil : self.clock.now
        }
        return self[sender].parcels.first?.time
    }

    private var arrival: UInt64 {
        let (sum, overflow) = self.clock.now.addingReportingOverflow(self.latency)
        return overflow ? .max : sum
    }

    private subscript(side: Side) -> Direction {
        get { side == .client ? self.client : self.server }
        set {
            if side == .client {
                self.client = newValue
            } else {
                self.server = newValue
            }
        }
    }
}
