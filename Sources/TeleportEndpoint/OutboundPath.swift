public import NIOCore
public import TeleportCompress
public import struct TeleportRPC.RPCError
public import TeleportTransport

/// From a batch of encoded messages to the socket's bytes: the sending half of a v0 connection below its messages.
///
/// A batch is compressed as a whole and ends in one flush. Two plain buffers alternate: one collects messages while the
/// other is on its way. Confined to the loop.
@usableFromInline
struct OutboundPath {
    /// A buffer that grew beyond this is not kept for the next batch.
    static let keptCapacity = 262_144

    private var compressor: Compressor
    /// The batch that was taken last. Free again as soon as it is written, or compressed.
    private var batch = ByteBuffer()
    private var compressed = ByteBuffer()
    private let meter: TrafficCounters.Shard?

    @usableFromInline
    init(v0 codec: CompressionCodec, meter: TrafficCounters.Shard? = nil) {
        self.meter = meter
        self.compressor = Compressor(codec.onV0)
    }

    /// Swaps the collected messages against an empty buffer. Call under the lock that guards `outbound`; compress after.
    @usableFromInline
    mutating func take(_ outbound: inout ByteBuffer) {
        if self.batch.capacity > Self.keptCapacity {
            self.batch = ByteBuffer()
        } else {
            self.batch.clear()
        }
        swap(&self.batch, &outbound)
    }

    /// The bytes to write for the batch that was taken; `nil` if it was empty.
    ///
    /// - Throws: ``RPCError`` `.connectionClosed` if the compressor fails, for want of memory.
    @usableFromInline
    mutating func encoded() throws(RPCError) -> ByteBuffer? {
        guard self.batch.readableBytes > 0 else { return nil }
        self.meter?.sentBatch(plain: self.batch.readableBytes)
        guard !self.compressor.isIdentity else { return self.batch }
        if self.compressed.capacity > Self.keptCapacity {
            self.compressed = ByteBuffer()
        } else {
            self.compressed.clear()
        }
        do {
            try self.compressor.compress(self.batch, into: &self.compressed)
        } catch {
            throw RPCError(.connectionClosed, "The batch could not be compressed.", cause: error)
        }
        return self.compressed
    }
}
