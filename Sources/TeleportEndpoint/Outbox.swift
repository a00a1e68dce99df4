public import NIOCore
public import TeleportWire

/// The frames of a v1 connection that were encoded and not handed to the transport, in the order they leave in: control,
/// secrets, messages (rule V1-44). Guarded by the lock of its connection: callers append, the loop takes.
@usableFromInline
struct Outbox: Sendable {
    /// Frames that become one block, or several if they are long. In front of them there is room for its header.
    @usableFromInline
    struct Part: Sendable {
        /// Where they are in ``messages``.
        let range: Range<Int>
        /// Its block touches no history (V1-19).
        let isSensitive: Bool
    }

    /// Room in front of the first part: for frames of ``control``, and the header.
    @usableFromInline static let frontRoom = 72
    /// What most messages have besides their body, with room to spare.
    @usableFromInline static let typicalHead = 1024

    /// SETTINGS, then other frames of the connection, and credit.
    var control = ByteBuffer()
    /// SECRETS frames: all of them before all of the messages, so that a batch needs one block for them.
    @usableFromInline var secrets = ByteBuffer()
    /// Everything else, in parts that end between frames: so a batch that travels stored is never copied, neither here nor
    /// where it is read.
    @usableFromInline var messages = ByteBuffer()
    /// The parts in front of the one that grows.
    @usableFromInline var fullParts: [Part] = []
    /// Where the part that grows begins.
    @usableFromInline var partStart = Self.frontRoom
    @usableFromInline var isPartSensitive = false
    /// How many bytes of ``messages`` are PONG frames, which are of no stream.
    @usableFromInline var pongBytes = 0
    /// The loop knows already that something waits.
    @usableFromInline var isFlushRequested = false
    /// For the secrets of the next head, which mostly has none: empty in between.
    @usableFromInline var secretValues = ByteBuffer()

    @usableFromInline
    init() {}

    /// Appends a REQUEST or a RESPONSE.
    ///
    /// - Parameters:
    ///   - body: what comes of it with the head.
    ///   - writeHead: appends the head to the first buffer, and to the second the secrets of it.
    /// - Returns: whether there are secrets: place them with ``placeSecrets(of:isSensitive:)`` or
    ///   ``placeSecretsInFront(of:isSensitive:from:)``, before anything else.
    /// - Throws: what `writeHead` throws; nothing is appended then.
    @inlinable
    mutating func message<Failure: Error>(
        _ type: FrameType, flags: FrameFlags, stream: CallID, deadline: UInt32? = nil, body: ByteBuffer?,
        writeHead: (inout ByteBuffer, inout ByteBuffer) throws(Failure) -> Void
    ) throws(Failure) -> Bool {
        do throws(Failure) {
            try Self.write(type, flags, stream, deadline, body, &self.messages, &self.secretValues, writeHead)
        } catch {
            self.secretValues = ByteBuffer()
            throw error
        }
        return self.secretValues.readableBytes > 0
    }

    /// The two buffers apart, so that both can be written to.
    @inlinable
    static func write<Failure: Error>(
        _ type: FrameType, _ flags: FrameFlags, _ stream: CallID, _ deadline: UInt32?, _ body: ByteBuffer?,
        _ messages: inout ByteBuffer, _ secrets: inout ByteBuffer,
        _ writeHead: (inout ByteBuffer, inout ByteBuffer) throws(Failure) -> Void
    ) throws(Failure) {
        try FrameHeader.writeMessage(
            type, flags: flags, stream: stream, deadline: deadline, body: body, into: &messages
        ) { buffer throws(Failure) in
            try writeHead(&buffer, &secrets)
        }
    }

    @inlinable var count: Int { self.messages.readableBytes }
    /// Bytes of all frames, with the room for blocks' headers between them.
    var byteCount: Int {
        self.control.readableBytes + self.secrets.readableBytes + self.messages.readableBytes
    }
    var isEmpty: Bool {
        self.control.readableBytes == 0 && self.secrets.readableBytes == 0 && self.messages.readableBytes == 0
    }

    /// Whether a frame of a stream is among the messages.
    @usableFromInline var hasStreamFrames: Bool {
        self.messages.readableBytes - self.fullParts.count * BlockHeader.length > self.pongBytes
    }

    /// Call before a frame is appended to ``messages``.
    ///
    /// - Parameters:
    ///   - count: about how many bytes it will have.
    ///   - isSensitive: its class of blocks.
    @inlinable
    mutating func beginFrame(of count: Int, isSensitive: Bool = false) {
        if self.messages.writerIndex == 0 {
            self.messages.reserveCapacity(minimumWritableBytes: 1024)
            self.messages.moveWriterIndex(to: Self.frontRoom)
            self.messages.moveReaderIndex(to: Self.frontRoom)
        }
        let isFull = self.messages.writerIndex - self.partStart + count > BlockHeader.maximumDecodedLength
        if isFull || isSensitive != self.isPartSensitive { self.beginPart(isSensitive) }
    }

    @usableFromInline
    mutating func beginPart(_ isSensitive: Bool) {
        if self.messages.writerIndex > self.partStart {
            self.fullParts.append(self.growingPart)
            self.messages.writeRepeatingByte(0, count: BlockHeader.length)
            self.partStart = self.messages.writerIndex
        }
        self.isPartSensitive = isSensitive
    }

    /// The last part; it may be empty.
    var growingPart: Part {
        Part(
            range: self.partStart..<Swift.max(self.partStart, self.messages.writerIndex),
            isSensitive: self.isPartSensitive)
    }

    /// Appends CANCEL. It follows the messages, as it may speak of one of them.
    @usableFromInline
    mutating func cancel(_ id: CallID, _ code: ErrorCode) {
        self.beginFrame(of: FrameHeader.headerLength + 2)
        FrameHeader(.cancel, length: 2, stream: id).encode(into: &self.messages)
        self.messages.writeInteger(code.rawValue, endianness: .little)
    }

    /// Puts SETTINGS before everything else: they are the first frame (V1-25).
    mutating func settings(_ settings: SettingsV1) { settings.encodeFrame(into: &self.control) }

    /// Appends CREDIT.
    @usableFromInline
    mutating func credit(_ bytes: Int, to id: CallID?) {
        FrameHeader(.credit, length: 4, stream: id).encode(into: &self.control)
        self.control.writeInteger(UInt32(clamping: bytes), endianness: .little)
    }

    /// Appends PONG. It follows the messages: in a drain it says that all of them have come (V1-51).
    mutating func pong(_ bytes: ByteBuffer) {
        self.beginFrame(of: FrameHeader.headerLength + 8)
        let start = self.messages.writerIndex
        FrameHeader(.pong, length: 8).encode(into: &self.messages)
        self.messages.writeImmutableBuffer(bytes)
        self.pongBytes += self.messages.writerIndex - start
    }

    /// Appends PING.
    mutating func ping(_ bytes: ByteBuffer) {
        FrameHeader(.ping, length: 8).encode(into: &self.control)
        self.control.writeImmutableBuffer(bytes)
    }

    /// Puts the secrets of the message that was appended last into a frame.
    @usableFromInline
    mutating func placeSecrets(of id: CallID, isSensitive: Bool) {
        let values = self.takeSecretValues()
        FrameHeader(.secrets, length: values.readableBytes, flags: isSensitive ? .sensitive : [], stream: id)
            .encode(into: &self.secrets)
        self.secrets.writeImmutableBuffer(values)
    }

    /// What held secrets is not kept.
    private mutating func takeSecretValues() -> ByteBuffer {
        defer { self.secretValues = ByteBuffer() }
        return self.secretValues
    }

    /// Puts the secrets of the message that was appended last, from `start` on, in front of it: where those of another head
    /// of its stream may wait in the same batch.
    @usableFromInline
    mutating func placeSecretsInFront(of id: CallID, isSensitive: Bool, from start: Int) {
        let values = self.takeSecretValues()
        let count = self.messages.writerIndex - start
        guard let message = self.messages.getSlice(at: start, length: count) else { return }
        self.messages.moveWriterIndex(to: start)
        self.beginFrame(of: FrameHeader.headerLength + values.readableBytes, isSensitive: true)
        FrameHeader(.secrets, length: values.readableBytes, flags: isSensitive ? .sensitive : [], stream: id)
            .encode(into: &self.messages)
        self.messages.writeImmutableBuffer(values)
        self.beginFrame(of: count, isSensitive: isSensitive)
        self.messages.writeImmutableBuffer(message)
    }

    /// Empty again, with its memory for the next batch, except what grew beyond `keptCapacity`.
    mutating func reuse(keptCapacity: Int) {
        self.control.clear()
        self.secrets.clear()
        if self.messages.capacity > keptCapacity {
            self.messages = ByteBuffer()
        } else {
            self.messages.clear()
        }
        self.fullParts.removeAll(keepingCapacity: true)
        self.partStart = Self.frontRoom
        self.isPartSensitive = false
        self.pongBytes = 0
        self.isFlushRequested = false
    }

    /// Forgets everything: the connection is gone.
    mutating func clear() { self = Outbox() }
}
