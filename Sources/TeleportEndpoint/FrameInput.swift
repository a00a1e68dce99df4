public import NIOCore
internal import TeleportCompress
public import TeleportTransport
public import TeleportWire

/// From the socket's bytes to frames: the receiving half of a v1 connection (sections 2 and 3 of the specification).
///
/// Pulled: ``next(_:)`` takes what it needs from the front of the received bytes. A stored block is offered as it comes,
/// without a copy; any other is expanded whole, at most 64 KiB, before the next is looked at. So an expanding input costs
/// the memory of one block, whatever follows. Confined to the loop.
@usableFromInline
struct FrameInput {
    private let offered: BlockCodecSet
    private let headLimit: Int
    private let meter: TrafficCounters.Shard?
    private var decompressor: BlockDecompressor
    /// Expanded and not consumed; or the beginning of a frame that goes on in the next block.
    private var plain = ByteBuffer()
    /// A coded block whose bytes have not all come.
    private var awaited: BlockHeader?
    /// Bytes of a stored block that are still to be taken from the received ones.
    private var storedLeft = 0
    /// Whether the frame at the front of ``plain``, and those behind it, have bytes of a coded block.
    private var isFirstCoded = false
    private var isRestCoded = false
    /// Blocks that cost more than they say (V1-77), since this was asked last.
    private var cheapBlocks = 0
    /// Bytes expanded since others had their turn.
    private var expanded = 0

    /// So much is expanded in one go before others have their turn.
    static let expandedPerTurn = 1 << 20

    /// - Parameters:
    ///   - offered: what this side said that it decodes.
    ///   - settings: what it said that it accepts.
    ///   - meter: counts what comes.
    @usableFromInline
    init(offered: BlockCodecSet, settings: SettingsV1, meter: TrafficCounters.Shard? = nil) {
        self.meter = meter
        self.offered = offered
        self.headLimit = settings.maxHeadSize
        self.decompressor = BlockDecompressor(zstdWindowLog: settings.zstdWindowLog)
    }

    /// Whether others should have their turn before more is read: what is small on the wire may be a great deal.
    @usableFromInline
    var isTurnOver: Bool { self.expanded >= Self.expandedPerTurn }

    @usableFromInline
    mutating func beginTurn() { self.expanded = 0 }

    /// Blocks that came and that cost more than they say.
    @usableFromInline
    mutating func takeCheapBlocks() -> Int {
        defer { self.cheapBlocks = 0 }
        return self.cheapBlocks
    }

    /// Gives back what an idle direction needs not keep. The history stays: only the sender can say that it is gone.
    mutating func releaseBuffer() {
        if self.plain.readableBytes == 0 { self.plain = ByteBuffer() }
    }

    /// Takes up to `limit` frames, or as many as have come.
    ///
    /// - Parameters:
    ///   - frames: where they go.
    ///   - headers: the same headers once more, for who only looks at them: an element that may be absent is copied for that.
    /// - Throws: as ``next(_:)``; what came before the fault is in `frames`.
    @usableFromInline
    mutating func read(
        _ limit: Int, into frames: inout [Frame?], _ headers: inout [FrameHeader], from input: inout ByteBuffer
    ) throws(WireError) {
        while frames.count < limit, let frame = try self.next(&input) {
            headers.append(frame.header)
            frames.append(frame)
        }
    }

    /// The next frame, or `nil` if more bytes are needed.
    ///
    /// - Throws: ``WireError`` `.violation`: the connection ends.
    @usableFromInline
    mutating func next(_ input: inout ByteBuffer) throws(WireError) -> Frame? {
        while true {
            if self.plain.readableBytes > 0 {
                if let frame = try self.nextFromPlain() { return frame }
            } else if self.storedLeft > 0, let frame = try self.nextFromStored(&input) {
                return frame
            }
            guard try self.nextBlock(&input) else { return nil }
        }
    }

    private mutating func nextFromPlain() throws(WireError) -> Frame? {
        guard let frame = try Frame.decode(headLimit: self.headLimit, from: &self.plain) else { return nil }
        if self.isFirstCoded, frame.header.type == .secrets || frame.header.flags.contains(.sensitive) {
            throw WireError(.violation(.secret), "A sensitive frame came in a coded block (V1-19).")
        }
        self.isFirstCoded = self.isRestCoded
        return frame
    }

    /// A frame that lies within a stored block, in place.
    private mutating func nextFromStored(_ input: inout ByteBuffer) throws(WireError) -> Frame? {
        guard self.storedLeft < input.readableBytes else {
            let before = input.readableBytes
            let frame = try Frame.decode(headLimit: self.headLimit, from: &input)
            self.storedLeft -= before - input.readableBytes
            return frame
        }
        // Not beyond the block.
        guard var block = input.getSlice(at: input.readerIndex, length: self.storedLeft),
            let frame = try Frame.decode(headLimit: self.headLimit, from: &block)
        else { return nil }
        let used = self.storedLeft - block.readableBytes
        input.moveReaderIndex(forwardBy: used)
        self.storedLeft -= used
        return frame
    }

    /// Makes more plain bytes available. False if more have to come first.
    private mutating func nextBlock(_ input: inout ByteBuffer) throws(WireError) -> Bool {
        if self.storedLeft > 0 { return self.takeStored(&input) }
        if self.awaited == nil {
            guard let header = try BlockHeader.decode(offered: self.offered, from: &input) else { return false }
            if header.decodedLength <= 1 { self.cheapBlocks += 1 }
            self.meter?.received(plain: header.decodedLength)
            if header.releases {
                self.decompressor.release()
                return true
            }
            if header.codec == .stored {
                self.storedLeft = header.decodedLength
                return self.plain.readableBytes == 0 ? input.readableBytes > 0 : self.takeStored(&input)
            }
            self.awaited = header
        }
        guard let header = self.awaited, let encoded = input.readSlice(length: header.encodedLength) else {
            return false
        }
        self.awaited = nil
        try self.expand(encoded, header)
        return true
    }

    /// A frame goes beyond its stored block, or began in an earlier one: the bytes are joined.
    private mutating func takeStored(_ input: inout ByteBuffer) -> Bool {
        // While the block is not complete its frames may yet be.
        guard input.readableBytes >= self.storedLeft, let part = input.readSlice(length: self.storedLeft) else {
            return false
        }
        self.storedLeft = 0
        self.makeRoom(for: part.readableBytes, isCoded: false)
        self.plain.writeImmutableBuffer(part)
        return true
    }

    private mutating func expand(_ encoded: ByteBuffer, _ header: BlockHeader) throws(WireError) {
        guard let kind = header.codec.kind else { return }
        self.makeRoom(for: header.decodedLength, isCoded: true)
        self.expanded += header.decodedLength
        do throws(CompressionError) {
            try self.decompressor.decompress(
                kind, resets: header.resets, encoded, decodedLength: header.decodedLength, into: &self.plain)
        } catch {
            throw WireError(.violation(.block), "A block cannot be expanded as it says (V1-12, V1-13): \(error)")
        }
    }

    private mutating func makeRoom(for count: Int, isCoded: Bool) {
        self.isFirstCoded = (self.plain.readableBytes > 0 && self.isFirstCoded) || isCoded
        self.isRestCoded = isCoded
        if self.plain.readableBytes == 0 {
            self.plain.clear(minimumCapacity: count)
        } else {
            // Slices of the old buffer may be in use: appending to it would copy all of it.
            var next = ByteBufferAllocator().buffer(capacity: self.plain.readableBytes + count)
            next.writeBuffer(&self.plain)
            self.plain = next
        }
    }
}
