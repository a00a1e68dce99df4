public import NIOCore
internal import TeleportCompress
public import struct TeleportRPC.RPCError
internal import TeleportTransport
internal import enum TeleportWire.CompressionTag

/// From the socket's bytes to plain bytes: the receiving half of a v0 connection below its messages.
///
/// Expands at most ``pieceLength`` bytes at a time and lets them be consumed before the next piece, so an expanding input
/// costs the memory of one piece, whatever it claims. Confined to the loop.
@usableFromInline
struct InboundPath {
    /// Bytes expanded at a time.
    static let pieceLength = 65536

    private var decompressor: Decompressor
    private let meter: TrafficCounters.Shard?
    /// Expanded and not consumed: the beginning of a message, or what came behind the message that said stop.
    private var plain = ByteBuffer()
    /// The decompressor holds output back: there is something to expand without new input.
    private var holdsOutput = false
    /// The consumer said stop while there was more for it.
    private var wasStopped = false
    /// So much was expanded in one go that others should have their turn before the rest.
    @usableFromInline private(set) var hasYielded = false
    private let piecesPerTurn: Int
    /// Pieces expanded since others had their turn.
    private var pieces = 0

    /// - Parameter piecesPerTurn: after this many pieces ``receive(_:consume:)`` returns, with ``hasYielded`` set: call it
    ///   again in the next turn of the loop. Default 16, a megabyte: what is small on the wire may be a great many
    ///   messages.
    init(_ tag: CompressionTag, piecesPerTurn: Int = 16, meter: TrafficCounters.Shard? = nil) {
        self.meter = meter
        self.piecesPerTurn = piecesPerTurn
        self.decompressor = Decompressor(tag.kind)
    }

    /// Offers plain bytes to `consume` until all input is used up or `consume` says to stop, by returning false.
    ///
    /// What `consume` leaves is offered again with what follows; after a stop, also when nothing new comes.
    ///
    /// - Throws: ``RPCError`` `.protocolViolation` for a stream that cannot be expanded.
    @usableFromInline
    mutating func receive(_ input: inout ByteBuffer, consume: (inout ByteBuffer) -> Bool) throws(RPCError) {
        guard !self.decompressor.isIdentity else {
            // What was left is with the driver: a decoder that has looked at the front of it must not be shown less.
            let before = input.readableBytes
            if before > 0 { _ = consume(&input) }
            self.meter?.received(plain: before - input.readableBytes)
            return
        }
        if self.wasStopped {
            self.wasStopped = !consume(&self.plain)
            if self.wasStopped { return }
        } else {
            // What follows a stop may be the same turn: a consumer that stops often has no longer turns for it.
            self.pieces = 0
        }
        self.hasYielded = false
        while self.holdsOutput || input.readableBytes > 0 {
            guard self.pieces < self.piecesPerTurn else {
                self.hasYielded = true
                return
            }
            self.pieces += 1
            try self.expand(&input)
            if self.plain.readableBytes > 0, !consume(&self.plain) {
                self.wasStopped = true
                return
            }
            // What is left of the input now is a piece of a chunk whose rest has not arrived.
            guard self.holdsOutput else { return }
        }
    }

    private mutating func expand(_ input: inout ByteBuffer) throws(RPCError) {
        if self.plain.readableBytes == 0 {
            self.plain.clear()
        } else if self.plain.readerIndex > 0 {
            // Slices of the old buffer may be in use: appending to it would copy all of it.
            var next = ByteBufferAllocator().buffer(capacity: self.plain.readableBytes + Self.pieceLength)
            next.writeBuffer(&self.plain)
            self.plain = next
        }
        let before = self.plain.writerIndex
        defer { self.meter?.received(plain: self.plain.writerIndex - before) }
        do {
            self.holdsOutput =
                try self.decompressor.decompress(&input, into: &self.plain, limit: Self.pieceLength) == .outputFull
        } catch {
            throw RPCError(.protocolViolation, "The peer's compressed stream is broken.", cause: error)
        }
    }
}
