internal import NIOCore
internal import TeleportCompress

/// A v0 connection to the peer under test, its prefaces gone both ways.
///
/// A value lives within one check, and is used by one task.
final class StreamPeer {
    let link: Link
    let side: Side
    let timeout: Duration
    private var compressor: Compressor
    private var decompressor: Decompressor
    private var reader: MessageReader
    /// Every message that came, in order.
    private(set) var messages: [Message] = []
    /// How many of them a check has looked at.
    private var taken = 0
    /// How the peer ended the connection, once all that came before was read.
    private(set) var end: LinkEnd?
    /// Bytes that came, before they were expanded.
    private(set) var received: [UInt8] = []

    /// - Parameters:
    ///   - codec: how the tool compresses.
    ///   - peerCodec: how the peer does.
    init(_ link: Link, side: Side, codec: StreamCodec, peerCodec: StreamCodec, timeout: Duration) {
        self.link = link
        self.side = side
        self.timeout = timeout
        self.compressor = Compressor(CompressionCodec(codec.kind))
        self.decompressor = Decompressor(peerCodec.kind)
        self.reader = MessageReader(side: side)
    }

    // MARK: Sending

    /// The bytes of messages, compressed and flushed as one batch.
    func encoded(_ bytes: [UInt8]) throws -> [UInt8] {
        var output = ByteBuffer()
        try self.compressor.compress(ByteBuffer(bytes: bytes), into: &output)
        return Array(output.readableBytesView)
    }

    /// Sends messages, each behind its id, as one batch.
    func send(_ messages: (id: UInt32, text: String)...) async throws {
        try await self.send(bytes: messages.flatMap { Self.bytes($0.id, $0.text) })
    }

    func send(bytes: [UInt8]) async throws {
        await self.link.write(try self.encoded(bytes))
    }

    static func bytes(_ id: UInt32, _ text: String) -> [UInt8] { .init(littleEndian: id) + text.utf8 }

    // MARK: Receiving

    /// Reads until `condition` holds.
    ///
    /// - Returns: whether it holds: false if the connection ended before, or the time was over.
    func advance(within limit: Duration? = nil, until condition: (StreamPeer) -> Bool) async throws -> Bool {
        let clock = ContinuousClock()
        let deadline = clock.now + (limit ?? self.timeout)
        while !condition(self) {
            guard self.end == nil else { return false }
            let left = deadline - clock.now
            guard left > .zero else { return false }
            switch await self.link.read(within: left) {
            case .bytes(let bytes): try self.received(bytes)
            case .end(let end): self.end = end
            case .silence: return condition(self)
            }
        }
        return true
    }

    private func received(_ bytes: ByteBuffer) throws {
        var bytes = bytes
        self.received += bytes.readableBytesView
        var plain = ByteBuffer()
        do {
            self.unexpanded.writeBuffer(&bytes)
            while try self.decompressor.decompress(&self.unexpanded, into: &plain, limit: 1 << 20) == .outputFull {}
        } catch {
            throw Departure("a stream that cannot be expanded: \(error)")
        }
        do throws(Fault) {
            self.reader.feed(plain.readableBytesView)
            while let message = try self.reader.next() { self.messages.append(message) }
        } catch {
            throw Departure(error)
        }
    }

    /// Bytes of a chunk that is not complete.
    private var unexpanded = ByteBuffer()

    /// Waits for the answer with an id.
    func answer(to id: UInt32, within limit: Duration? = nil) async throws -> Message {
        let mark = self.messages.count
        guard try await self.advance(within: limit, until: { $0.messages.contains { $0.id == id } }),
            let message = self.messages.first(where: { $0.id == id })
        else { throw Departure("no answer to \(id): \(self.words(since: mark))") }
        return message
    }

    /// Waits for the next message that no check has looked at.
    func next(within limit: Duration? = nil) async throws -> Message {
        let index = self.taken
        guard try await self.advance(within: limit, until: { $0.messages.count > index }) else {
            throw Departure(self.words(since: index))
        }
        self.taken += 1
        return self.messages[index]
    }

    /// Waits for the end of the connection.
    func ended(within limit: Duration? = nil) async throws -> String {
        let mark = self.messages.count
        _ = try await self.advance(within: limit) { _ in false }
        guard self.end != nil else { throw Departure("\(self.words(since: mark)), and open still") }
        return self.words(since: mark)
    }

    func words(since mark: Int = 0) -> String {
        var words = self.messages.dropFirst(mark).map(\.words)
        if words.count > 4 { words = Array(words.prefix(2)) + ["…"] + Array(words.suffix(1)) }
        if let end = self.end {
            words.append(end.words + (self.reader.isWithinMessage ? " within a message" : ""))
        } else if words.isEmpty {
            words.append("nothing within \(self.timeout.words)")
        }
        return words.joined(separator: ", ")
    }
}
