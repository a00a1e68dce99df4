public import NIOCore
public import TeleportCompress
public import struct TeleportRPC.RPCError
public import TeleportTransport
internal import TeleportWire

/// From encoded frames to the socket's bytes: the sending half of a v1 connection (section 2 of the specification).
///
/// A batch is cut into blocks of at most 64 KiB, those that must touch no history stored. Confined to the loop.
@usableFromInline
struct FrameOutput {
    /// A buffer that grew beyond this is not kept for the next batch.
    static let keptCapacity = 262_144

    private var compressor: BlockCompressor?
    private let codec: CompressionCodec
    private let account: LoopAccount?
    /// Chooses the level, if there is a budget and something to choose.
    private var adaptive: AdaptiveCompression?
    /// The frames that leave now. Free again as soon as they are written.
    @usableFromInline var batch = Outbox()
    private var encodedBatch = ByteBuffer()
    private let meter: TrafficCounters.Shard?

    /// - Parameters:
    ///   - codec: how to compress once the peer said that it decodes that.
    ///   - account: of the loop, if compression has a budget there.
    ///   - meter: counts what is sent.
    @usableFromInline
    init(_ codec: CompressionCodec, account: LoopAccount? = nil, meter: TrafficCounters.Shard? = nil) {
        self.codec = codec
        self.account = account
        self.meter = meter
    }

    /// What the peer decodes is known.
    mutating func peerDecodes(_ codecs: BlockCodecSet) {
        guard let block = BlockCodec(self.codec.kind), codecs.decodes(block) else { return }
        let codec = self.codec.within(windowLog: SettingsV1().zstdWindowLog)
        self.compressor = BlockCompressor(codec)
        self.adaptive = self.account.map {
            AdaptiveCompression(codec, usesLZ4: codecs.decodes(.lz4), account: $0, meter: self.meter)
        }
    }

    /// The peer's SETTINGS came, which may allow a larger window than every peer has to.
    mutating func peerAccepts(windowLog: Int) {
        guard let compressor = self.compressor else { return }
        let codec = self.codec.within(windowLog: windowLog)
        // Its first block begins a history of its own.
        if self.adaptive != nil {
            self.adaptive?.peerAccepts(codec)
        } else if codec != compressor.codec {
            self.compressor = BlockCompressor(codec)
        }
    }

    /// Whether there is a history that costs memory.
    var hasHistory: Bool { self.compressor?.hasHistory ?? false }

    /// Swaps the collected frames against an empty outbox. Call under the lock that guards it.
    @usableFromInline mutating func take(_ outbox: inout Outbox) {
        self.batch.reuse(keptCapacity: Self.keptCapacity)
        swap(&self.batch, &outbox)
    }

    /// Gives back the memory of an idle direction. Afterwards the batch holds the block that says so, if the peer has to
    /// know.
    mutating func releaseHistory() -> ByteBuffer? {
        self.encodedBatch = ByteBuffer()
        self.batch = Outbox()
        guard self.compressor?.release() == true else { return nil }
        var block = ByteBuffer()
        BlockHeader.release.encode(into: &block)
        return block
    }

    /// The bytes to write for the batch; `nil` if it is empty.
    ///
    /// - Throws: ``RPCError`` `.connectionClosed` if the compressor fails, for want of memory.
    @usableFromInline mutating func encoded() throws(RPCError) -> ByteBuffer? {
        guard !self.batch.isEmpty else { return nil }
        self.meter?.sentBatch(plain: self.batch.byteCount)
        if let bytes = self.encodedInPlace() { return bytes }
        if self.encodedBatch.capacity > Self.keptCapacity {
            self.encodedBatch = ByteBuffer()
        } else {
            self.encodedBatch.clear()
        }
        try self.append(self.batch.control, isSensitive: false)
        try self.append(self.batch.secrets, isSensitive: true)
        for part in self.batch.fullParts { try self.append(part) }
        try self.append(self.batch.growingPart)
        return self.encodedBatch
    }

    /// A batch that travels stored, and whose parts each fit a block: the headers go into the room in front of them.
    private mutating func encodedInPlace() -> ByteBuffer? {
        let control = self.batch.control.readableBytes
        guard self.compressor == nil, self.batch.secrets.readableBytes == 0,
            control <= Outbox.frontRoom - BlockHeader.length,
            self.setHeader(of: self.batch.fullParts.first ?? self.batch.growingPart, behind: control)
        else { return nil }
        if !self.batch.fullParts.isEmpty {
            for part in self.batch.fullParts.dropFirst() {
                guard self.setHeader(of: part) else { return nil }
            }
            guard self.setHeader(of: self.batch.growingPart) else { return nil }
        }
        let start = Outbox.frontRoom - control
        if control > 0 { self.batch.messages.setBuffer(self.batch.control, at: start) }
        self.batch.messages.moveReaderIndex(to: start - BlockHeader.length)
        return self.batch.messages
    }

    /// False if the part has no frames, or does not fit a block together with `control` bytes in front of it.
    private mutating func setHeader(of part: Outbox.Part, behind control: Int = 0) -> Bool {
        let count = part.range.count + control
        guard !part.range.isEmpty, count <= BlockHeader.maximumDecodedLength, control == 0 || !part.isSensitive
        else { return false }
        BlockHeader(codec: .stored, encodedLength: count, decodedLength: count)
            .set(at: part.range.lowerBound - control - BlockHeader.length, in: &self.batch.messages)
        return true
    }

    private mutating func append(_ part: Outbox.Part) throws(RPCError) {
        guard let frames = self.batch.messages.getSlice(at: part.range.lowerBound, length: part.range.count) else {
            return
        }
        try self.append(frames, isSensitive: part.isSensitive)
    }

    private mutating func append(_ frames: ByteBuffer, isSensitive: Bool) throws(RPCError) {
        var rest = frames
        while rest.readableBytes > 0 {
            let count = Swift.min(BlockHeader.maximumDecodedLength, rest.readableBytes)
            guard let part = rest.readSlice(length: count) else { return }
            try self.appendBlock(part, isSensitive: isSensitive)
        }
    }

    private mutating func appendBlock(_ plain: ByteBuffer, isSensitive: Bool) throws(RPCError) {
        let start = self.encodedBatch.writerIndex
        var header = BlockHeader(
            codec: .stored, encodedLength: plain.readableBytes, decodedLength: plain.readableBytes)
        header.encode(into: &self.encodedBatch)
        guard !isSensitive, self.compressor != nil else {
            self.encodedBatch.writeImmutableBuffer(plain)
            return
        }
        let outcome: BlockCompressor.Outcome
        do throws(CompressionError) {
            outcome = try self.compressed(plain)
        } catch {
            throw RPCError(.connectionClosed, "The batch could not be compressed.", cause: error)
        }
        switch outcome {
        case .stored:
            self.encodedBatch.writeImmutableBuffer(plain)
        case .encoded(let resets):
            let block = self.compressor.flatMap { BlockCodec($0.codec.kind) } ?? .stored
            header = BlockHeader(
                codec: block, resets: resets,
                encodedLength: self.encodedBatch.writerIndex - start - BlockHeader.length,
                decodedLength: plain.readableBytes)
            header.set(at: start, in: &self.encodedBatch)
        }
    }
}

extension FrameOutput {
    /// Appends the block compressed, or says that it has to be stored.
    private mutating func compressed(_ plain: ByteBuffer) throws(CompressionError) -> BlockCompressor.Outcome {
        guard self.adaptive != nil else {
            return try self.compressor?.compress(plain, into: &self.encodedBatch) ?? .stored
        }
        return try self.adaptive?.compress(plain, with: &self.compressor, into: &self.encodedBatch) ?? .stored
    }
}

extension CompressionCodec {
    /// The same codec with a window that is no larger.
    fileprivate func within(windowLog limit: Int) -> CompressionCodec {
        guard let windowLog = self.windowLog, let level = self.level, windowLog > limit else { return self }
        return (try? .zstd(level: level, windowLog: limit)) ?? self
    }
}

extension BlockCodec {
    /// The codec of blocks for a kind of compression; `nil` for none.
    init?(_ kind: CodecKind) {
        switch kind {
        case .none: return nil
        case .flate: self = .flate
        case .snappy: self = .snappy
        case .lz4: self = .lz4
        case .zstd: self = .zstd
        }
    }

    /// And back; stored blocks have none.
    var kind: CodecKind? {
        switch self {
        case .stored: nil
        case .flate: .flate
        case .snappy: .snappy
        case .lz4: .lz4
        case .zstd: .zstd
        }
    }
}
