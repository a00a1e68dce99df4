public import NIOCore
public import TeleportWire

/// The frames of a v1 connection that were encoded and not handed to the transport, in the order they leave in: control,
/// secrets, messages (rule V1-44). Guarded by the lock of its connection: callers append, the loop takes.
@usableFromInline
struct Outbox: Sendable {
    /// Where ``messages`` change between the two classes of blocks (V1-19).
    @usableFromInline
    struct Cut: Sendable {
        let offset: Int
        let isSensitive: Bool
    }

    /// SETTINGS, then other frames of the connection, and credit.
    var control = ByteBuffer()
    /// SECRETS frames: all of them before all of the messages, so that a batch needs one block for them.
    @usableFromInline var secrets = ByteBuffer()
    /// Everything else. In front there is room for the header of a block, so that a batch that travels stored is never
    /// copied.
    @usableFromInline var messages = ByteBuffer()
    @usableFromInline var cuts: [Cut] = []
    /// How many bytes of ``messages`` are PONG frames, which are of no stream.
    @usableFromInline var pongBytes = 0
    /// The loop knows already that something waits.
    @usableFromInline var isFlushRequested = false

    @usableFromInline
    init() {}

    @inlinable var count: Int { self.messages.readableBytes }
    var isEmpty: Bool {
        self.control.readableBytes == 0 && self.secrets.readableBytes == 0 && self.messages.readableBytes == 0
    }

    /// Whether a frame of a stream is among the messages.
    @usableFromInline var hasStreamFrames: Bool { self.messages.readableBytes > self.pongBytes }

    /// Makes the room in front. Call before anything is appended to ``messages``.
    @inlinable
    mutating func prepare() {
        guard self.messages.writerIndex == 0 else { return }
        self.messages.reserveCapacity(minimumWritableBytes: 1024)
        self.messages.moveWriterIndex(to: BlockHeader.length)
        self.messages.moveReaderIndex(to: BlockHeader.length)
    }

    /// What follows in ``messages`` is sensitive or not.
    @inlinable
    mutating func enter(sensitive: Bool) {
        if !sensitive, self.cuts.isEmpty { return }
        self.cut(sensitive: sensitive)
    }

    @usableFromInline
    mutating func cut(sensitive: Bool) {
        guard (self.cuts.last?.isSensitive ?? false) != sensitive else { return }
        self.cuts.append(Cut(offset: self.messages.readableBytes, isSensitive: sensitive))
    }

    /// Appends CANCEL. It follows the messages, as it may speak of one of them.
    @usableFromInline
    mutating func cancel(_ id: CallID, _ code: ErrorCode) {
        self.prepare()
        self.enter(sensitive: false)
        FrameHeader(.cancel, length: 2, stream: id).encode(into: &self.messages)
        self.messages.writeInteger(code.rawValue, endianness: .little)
    }

    /// Puts SETTINGS before everything else: they are the first frame (V1-25).
    mutating func settings(_ settings: SettingsV1) { settings.encodeFrame(into: &self.control) }

    /// Appends CREDIT.
    mutating func credit(_ bytes: Int, to id: CallID?) {
        FrameHeader(.credit, length: 4, stream: id).encode(into: &self.control)
        self.control.writeInteger(UInt32(clamping: bytes), endianness: .little)
    }

    /// Appends PONG. It follows the messages: in a drain it says that all of them have come (V1-51).
    mutating func pong(_ bytes: ByteBuffer) {
        self.prepare()
        self.enter(sensitive: false)
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

    /// Puts the secrets of a head that was encoded into a frame.
    @usableFromInline
    mutating func secrets(_ values: ByteBuffer, of id: CallID, isSensitive: Bool) {
        FrameHeader(.secrets, length: values.readableBytes, flags: isSensitive ? .sensitive : [], stream: id)
            .encode(into: &self.secrets)
        self.secrets.writeImmutableBuffer(values)
    }

    /// Puts the secrets of the message that was appended last, from `start` on, in front of it: where those of another head
    /// of its stream may wait in the same batch.
    @usableFromInline
    mutating func secretsInPlace(_ values: ByteBuffer, of id: CallID, isSensitive: Bool, before start: Int) {
        let count = self.messages.writerIndex - start
        guard let message = self.messages.getSlice(at: start, length: count) else { return }
        self.messages.moveWriterIndex(to: start)
        self.enter(sensitive: true)
        FrameHeader(.secrets, length: values.readableBytes, flags: isSensitive ? .sensitive : [], stream: id)
            .encode(into: &self.messages)
        self.messages.writeImmutableBuffer(values)
        self.enter(sensitive: isSensitive)
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
        self.cuts.removeAll(keepingCapacity: true)
        self.pongBytes = 0
        self.isFlushRequested = false
    }

    /// Forgets everything: the connection is gone.
    mutating func clear() { self = Outbox() }
}
