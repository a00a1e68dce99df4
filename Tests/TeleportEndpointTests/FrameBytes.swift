import NIOCore
import TeleportCompress
import TeleportTestKit
import TeleportWire
import Testing

@testable import TeleportEndpoint

/// v1 as bytes, for tests that play a peer by hand.
struct FrameBytes {
    var identity = PieceCodec.identity
    private(set) var bytes = ByteBuffer()
    /// Frames that are not in a block yet.
    private var frames = ByteBuffer()

    init(identity: ProtocolIdentity = PieceCodec.identity) {
        self.identity = identity
    }

    /// Preface and SETTINGS.
    static func opening(_ settings: SettingsV1 = SettingsV1(), decodes: BlockCodecSet = .all) -> FrameBytes {
        FrameBytes().preface(decodes: decodes).settings(settings)
    }

    func preface(decodes: BlockCodecSet = .all) -> FrameBytes {
        var copy = self
        PrefaceV1(decodes: decodes).encode(identity: self.identity, into: &copy.bytes)
        return copy
    }

    func settings(_ settings: SettingsV1 = SettingsV1()) -> FrameBytes {
        var copy = self
        settings.encodeFrame(into: &copy.frames)
        return copy
    }

    func frame(
        _ type: FrameType, _ flags: FrameFlags = [], _ id: UInt32 = 0, _ payload: ByteBuffer = ByteBuffer()
    ) -> FrameBytes {
        var copy = self
        FrameHeader(type, length: payload.readableBytes, flags: flags, stream: id == 0 ? nil : CallID(rawValue: id))
            .encode(into: &copy.frames)
        copy.frames.writeImmutableBuffer(payload)
        return copy
    }

    /// REQUEST or RESPONSE.
    func message(
        _ type: FrameType, _ flags: FrameFlags, _ id: UInt32, _ head: String, body: ByteBuffer = ByteBuffer(),
        deadline: UInt32? = nil
    ) -> FrameBytes {
        var payload = ByteBuffer()
        var flags = flags
        if let deadline {
            payload.writeInteger(deadline, endianness: .little)
            flags.insert(.deadline)
        }
        payload.writeInteger(UInt8(truncatingIfNeeded: head.utf8.count))
        payload.writeInteger(UInt16(truncatingIfNeeded: head.utf8.count >> 8), endianness: .little)
        payload.writeString(head)
        payload.writeImmutableBuffer(body)
        return self.frame(type, flags, id, payload)
    }

    func request(_ id: UInt32, _ head: String = "request", _ flags: FrameFlags = .end) -> FrameBytes {
        self.message(.request, flags, id, head)
    }

    func response(_ id: UInt32, _ head: String = "response", _ flags: FrameFlags = .end) -> FrameBytes {
        self.message(.response, flags, id, head)
    }

    func data(_ id: UInt32, _ count: Int, _ flags: FrameFlags = []) -> FrameBytes {
        self.frame(.data, flags, id, ByteBuffer(repeating: 7, count: count))
    }

    func cancel(_ id: UInt32, _ code: ErrorCode = .cancelled) -> FrameBytes {
        self.frame(.cancel, [], id, ByteBuffer(integer: code.rawValue, endianness: .little))
    }

    func credit(_ id: UInt32, _ bytes: UInt32) -> FrameBytes {
        self.frame(.credit, [], id, ByteBuffer(integer: bytes, endianness: .little))
    }

    func ping(_ value: UInt64 = 1, _ type: FrameType = .ping) -> FrameBytes {
        self.frame(type, [], 0, ByteBuffer(integer: value))
    }

    func goAway(_ last: UInt32, _ code: ErrorCode = .noError, _ text: String = "") -> FrameBytes {
        var payload = ByteBuffer()
        payload.writeInteger(last, endianness: .little)
        payload.writeInteger(code.rawValue, endianness: .little)
        payload.writeString(text)
        return self.frame(.goAway, [], 0, payload)
    }

    /// Bytes in the place of frames.
    func raw(_ bytes: ByteBuffer) -> FrameBytes {
        var copy = self
        copy.frames.writeImmutableBuffer(bytes)
        return copy
    }

    /// Bytes in the place of blocks.
    func rawBlock(_ bytes: ByteBuffer) -> FrameBytes {
        var copy = self.stored()
        copy.bytes.writeImmutableBuffer(bytes)
        return copy
    }

    /// The frames so far in stored blocks of at most `length` bytes.
    func stored(_ length: Int = 65536) -> FrameBytes {
        var copy = self
        while let part = copy.frames.readSlice(length: Swift.min(length, copy.frames.readableBytes)),
            part.readableBytes > 0
        {
            BlockHeader(codec: .stored, encodedLength: part.readableBytes, decodedLength: part.readableBytes)
                .encode(into: &copy.bytes)
            copy.bytes.writeImmutableBuffer(part)
        }
        copy.frames.clear()
        return copy
    }

    /// The frames so far in coded blocks of at most `length` bytes, stored where they do not shrink.
    func coded(_ compressor: inout BlockCompressor, _ length: Int = 65536) throws -> FrameBytes {
        var copy = self
        while let part = copy.frames.readSlice(length: Swift.min(length, copy.frames.readableBytes)),
            part.readableBytes > 0
        {
            var encoded = ByteBuffer()
            if case .encoded(let resets) = try compressor.compress(part, into: &encoded),
                let codec = BlockCodec(compressor.codec.kind)
            {
                BlockHeader(
                    codec: codec, resets: resets, encodedLength: encoded.readableBytes,
                    decodedLength: part.readableBytes
                ).encode(into: &copy.bytes)
                copy.bytes.writeImmutableBuffer(encoded)
            } else {
                BlockHeader(codec: .stored, encodedLength: part.readableBytes, decodedLength: part.readableBytes)
                    .encode(into: &copy.bytes)
                copy.bytes.writeImmutableBuffer(part)
            }
        }
        copy.frames.clear()
        return copy
    }

    /// All of it; frames that are in no block go into stored ones.
    var all: ByteBuffer { self.stored().bytes }
}

/// Takes apart what a side under test sent.
struct FrameLog {
    struct Unreadable: Error {}

    /// A block, and what it expanded to.
    struct Block {
        let header: BlockHeader
        let plain: ByteBuffer
    }

    private(set) var preface: PrefaceV1?
    private(set) var blocks: [Block] = []
    private(set) var frames: [Frame] = []
    /// What has not become a frame.
    private(set) var rest = ByteBuffer()
    private var bytes = ByteBuffer()
    private var decompressor = BlockDecompressor()
    private let identity: ProtocolIdentity

    init(identity: ProtocolIdentity = PieceCodec.identity) {
        self.identity = identity
    }

    /// - Returns: the frames in `new` and what was left before.
    @discardableResult
    mutating func read(_ new: ByteBuffer) throws -> [Frame] {
        // Frames and blocks are slices: without this each would keep all that came before it.
        self.bytes = ByteBuffer(bytes: self.bytes.readableBytesView)
        self.rest = ByteBuffer(bytes: self.rest.readableBytesView)
        self.bytes.writeImmutableBuffer(new)
        if self.preface == nil {
            self.preface = try PrefaceV1.decode(identity: self.identity, from: &self.bytes)
            guard self.preface != nil else { return [] }
        }
        while true {
            let start = self.bytes.readerIndex
            guard let header = try BlockHeader.decode(offered: .all, from: &self.bytes) else { break }
            guard let encoded = self.bytes.readSlice(length: header.encodedLength) else {
                self.bytes.moveReaderIndex(to: start)
                break
            }
            if header.releases {
                self.decompressor.release()
                self.blocks.append(Block(header: header, plain: ByteBuffer()))
                continue
            }
            var plain = ByteBuffer()
            try self.decompressor.decompress(
                header.codec.kind ?? .none, resets: header.resets, encoded, decodedLength: header.decodedLength,
                into: &plain)
            self.blocks.append(Block(header: header, plain: plain))
            self.rest.writeImmutableBuffer(plain)
        }
        var read: [Frame] = []
        while let frame = try Frame.decode(headLimit: 1 << 20, from: &self.rest) { read.append(frame) }
        self.frames += read
        return read
    }

    /// Bytes behind the last whole block.
    var unread: Int { self.bytes.readableBytes }
}

extension Frame {
    /// `RESPONSE 1 END head`, to compare and to read in failures.
    var short: String {
        var words = [self.header.type.map { "\($0)" } ?? "unknown"]
        if let id = self.header.stream { words.append("\(id.rawValue)") }
        for (flag, name) in [
            (FrameFlags.end, "END"), (.sensitive, "SENSITIVE"), (.noReply, "NO_REPLY"), (.interim, "INTERIM"),
            (.tunnel, "TUNNEL"), (.deadline, "DEADLINE"),
        ] where self.header.flags.contains(flag) { words.append(name) }
        var payload = self.payload
        switch self.header.type {
        case .request, .response:
            if let message = try? MessagePayload(self.payload, flags: self.header.flags, headLimit: 1 << 20) {
                words.append(String(buffer: message.head))
                if message.body.readableBytes > 0 { words.append("+\(message.body.readableBytes)") }
            }
        case .data:
            words.append("\(self.header.length)")
        case .cancel:
            words.append(self.code.map { "\($0)" } ?? "?")
        case .credit:
            words.append("\(payload.readInteger(endianness: .little, as: UInt32.self) ?? 0)")
        case .goAway:
            if let goAway = try? GoAway(payload: self.payload) {
                words.append(
                    "\(goAway.lastID == GoAway.everything ? "all" : "\(goAway.lastID.rawValue)") \(goAway.code)")
            }
        default: break
        }
        return words.joined(separator: " ")
    }

    /// Of CANCEL and GOAWAY.
    var code: ErrorCode? {
        switch self.header.type {
        case .cancel:
            self.payload.getInteger(at: self.payload.readerIndex, endianness: .little).map { ErrorCode(rawValue: $0) }
        case .goAway:
            (try? GoAway(payload: self.payload))?.code
        default: nil
        }
    }
}
