internal import NIOCore

/// A v1 connection to the peer under test. What comes is decoded as strictly as the specification has it: a check that
/// asks for something else fails all the same if the peer breaks another rule meanwhile.
///
/// A value lives within one check, and is used by one task.
final class FramedPeer {
    let link: Link
    let timeout: Duration
    var monitor: PeerMonitor
    var writer = BlockWriter()
    /// The codecs that the peer decodes.
    private(set) var mask: UInt8 = 0
    private(set) var blocks: BlockReader
    private var frames: FrameReader
    /// Every frame that came, in order.
    private(set) var log: [Frame] = []
    /// How the peer ended the connection, once all that came before was read.
    private(set) var end: LinkEnd?
    /// Whether a PING is answered at once.
    var answersPings = true
    /// Whether credit is given back for DATA as it comes.
    var givesCredit = true
    private var creditOwed: [UInt32: Int] = [:]
    private var pingCount: UInt32 = 0
    private(set) var hasPreface = false

    /// - Parameter decoding: what the peer's preface said, if it was read already.
    init(
        _ link: Link, side: Side, offering mask: UInt8, settings: [SettingsKey: UInt32], timeout: Duration,
        decoding: UInt8? = nil
    ) {
        self.link = link
        self.timeout = timeout
        self.monitor = PeerMonitor(side: side, settings: settings)
        self.blocks = BlockReader(offered: mask, windowLog: Int(settings[.window] ?? 17))
        self.frames = FrameReader(headLimit: Int(settings[.headLimit] ?? 65536))
        self.hasPreface = decoding != nil
        self.mask = decoding ?? 0
    }

    // MARK: Sending

    /// Sends frames in one block after the other, stored unless a codec is given.
    func send(_ frames: [Frame], in codec: BlockCodec = .stored) async throws {
        await self.link.write(try self.encoded(frames, in: codec))
    }

    func send(_ frames: Frame..., in codec: BlockCodec = .stored) async throws {
        try await self.send(frames, in: codec)
    }

    /// The blocks of frames, which count as sent.
    func encoded(_ frames: [Frame], in codec: BlockCodec = .stored) throws -> [UInt8] {
        for frame in frames { self.monitor.sent(frame) }
        let bytes = frames.flatMap(\.bytes)
        return codec == .stored ? Block.stored(bytes) : try self.writer.encode(bytes, in: codec).block()
    }

    /// Sends bytes in stored blocks that are no whole frame, or none that the tool has words for.
    func send(raw bytes: [UInt8]) async {
        await self.link.write(Block.stored(bytes))
    }

    /// A PING that no other is like.
    func makePing() -> Frame {
        self.pingCount += 1
        return .ping([0x74, 0x63, 0x2D, 0x70] + [UInt8](littleEndian: self.pingCount))
    }

    // MARK: Receiving

    /// Reads until `condition` holds.
    ///
    /// - Parameter limit: how long to wait; the check's timeout unless given.
    /// - Returns: whether it holds: false if the connection ended before, or the time was over.
    /// - Throws: ``Departure`` if the peer broke a rule.
    func advance(within limit: Duration? = nil, until condition: (FramedPeer) -> Bool) async throws -> Bool {
        let clock = ContinuousClock()
        let deadline = clock.now + (limit ?? self.timeout)
        while !condition(self) {
            guard self.end == nil else { return false }
            let left = deadline - clock.now
            guard left > .zero else { return false }
            switch await self.link.read(within: left) {
            case .bytes(let bytes): try await self.received(bytes)
            case .end(let end): self.end = end
            case .silence: return condition(self)
            }
        }
        return true
    }

    private func received(_ bytes: ByteBuffer) async throws {
        var bytes = bytes
        do throws(Fault) {
            if !self.hasPreface {
                self.early.writeBuffer(&bytes)
                guard let preface = self.early.readBytes(length: FramedPreface.length) else { return }
                self.mask = try FramedPreface.check(preface)
                self.hasPreface = true
                bytes = self.early
            }
            for piece in try self.blocks.feed(bytes) {
                self.frames.feed(piece)
                while let frame = try self.frames.next() { try self.received(frame) }
            }
        } catch {
            throw Departure(error)
        }
        await self.reply()
    }

    /// Bytes of a preface that is not complete.
    private var early = ByteBuffer()

    private func received(_ frame: Frame) throws(Fault) {
        // Nothing is read behind a GOAWAY with a code (V1-53).
        guard self.monitor.goAways.last?.code ?? .noError == .noError else { return }
        self.log.append(frame)
        try self.monitor.received(frame)
        switch frame.kind {
        case .ping where self.answersPings:
            self.replies.append(.pong(frame.payload))
        case .data where self.givesCredit && !frame.payload.isEmpty:
            self.creditOwed[frame.stream, default: 0] += frame.payload.count
            self.creditOwed[0, default: 0] += frame.payload.count
        default: break
        }
    }

    /// What the tool owes the peer by itself.
    private var replies: [Frame] = []

    private func reply() async {
        // Little pieces would cost the tool tokens (V1-77).
        for (stream, count) in self.creditOwed.sorted(by: { $0.key < $1.key }) where count >= 16384 {
            self.replies.append(.credit(stream, UInt32(count)))
            self.creditOwed[stream] = nil
        }
        guard !self.replies.isEmpty else { return }
        let replies = self.replies
        self.replies = []
        for frame in replies { self.monitor.sent(frame) }
        self.link.enqueue(Block.stored(replies.flatMap(\.bytes)))
    }

    /// Changes what the peer is expected to keep of its heads, for frames from now on.
    func expect(headLimit: Int) { self.frames.headLimit = headLimit }

    // MARK: Words

    /// What came since `mark`, for the column "seen".
    func words(since mark: Int = 0, limit: Duration? = nil) -> String {
        var words: [String] = []
        for frame in self.log.dropFirst(mark) where frame.kind != .credit {
            let text = frame.words
            // Hundreds of them are no more telling than two.
            if words.last?.hasPrefix(text) == true { continue }
            words.append(text)
        }
        if words.count > 6 { words = Array(words.prefix(3)) + ["…"] + Array(words.suffix(2)) }
        if let end = self.end {
            let isCut = self.frames.isWithinFrame || self.blocks.isWithinBlock
            words.append(end.words + (isCut ? " within a frame" : ""))
        } else if words.isEmpty {
            words.append("nothing within \((limit ?? self.timeout).words)")
        }
        return words.joined(separator: ", ")
    }
}
