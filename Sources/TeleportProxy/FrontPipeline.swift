internal import NIOCore
internal import Teleport

/// Puts the answers of one HTTP/1.1 connection into the order of their requests (RFC 9112 §9.3.2), and writes them.
///
/// Pure: it moves no byte but from the bodies it is given into the buffer that it is given.
struct FrontPipeline {
    /// What of a request shapes how its answer is written.
    private struct Asked {
        let isHEAD: Bool
        let version: HTTPVersion
        let keepsAlive: Bool
    }

    /// A request that was read. Changed in place and never copied: that would be a dozen references counted each time.
    private struct Entry {
        let asked: Asked
        var informational: [ResponseHead] = []
        /// Until it is written, or begins to be.
        var answer: Answer?
        var isAnswered = false
        /// Who works on the answer.
        var exchange: Exchange?
    }

    /// What is being written in pieces.
    private struct Writing {
        let body: BodyPipe
        let framing: BodyFraming
        /// Nobody wants the content: the answer to a `HEAD`, a 304.
        var dropsContent: Bool { !self.isTunnel && (self.framing == .headOnly || self.framing == .none) }
        /// The connection closes behind it.
        let closes: Bool
        /// Bytes of a tunnel, as they are.
        var isTunnel = false
    }

    enum Outcome {
        case open
        /// The answer just written is the last on this connection.
        case close
        /// The answer that was being written broke off. The client can tell, as its end is missing.
        case abort
        /// The answer broke off whose end would be that of the connection: only a reset tells the client.
        case reset
        /// The server has sent its last through a tunnel; the client may go on.
        case halfClose
    }

    private let limit: Int
    /// Grows with what is pipelined: most connections have one request at a time, and many have none.
    private var entries: [Entry] = []
    /// Entries at the front whose answers were written: there is nothing left in them.
    private var writtenCount = 0
    /// The number of the first entry that is not written.
    private(set) var firstNumber: UInt64 = 0
    /// The first entry's answer, while it is being written in pieces.
    private var writing: Writing?
    /// A client waits for `100 (Continue)` before it sends the body of the request with this number.
    private var owesContinueTo: UInt64?
    /// There was no room for all that could be written.
    private(set) var wantsRoom = false

    /// - Parameter limit: requests that may be under way at the same time.
    init(limit: Int) { self.limit = Swift.max(1, limit) }

    private var count: Int { self.entries.count - self.writtenCount }
    var isEmpty: Bool { self.count == 0 }
    /// The head that grants a tunnel was written: what follows each way is the tunnel's.
    var isTunnel: Bool { self.writing?.isTunnel ?? false }
    var isFull: Bool { self.count >= self.limit }

    /// Whether something of the first answer is here, or its client has to be told to go on.
    var canWrite: Bool {
        if self.writing != nil || self.owesContinueTo == self.firstNumber { return true }
        guard !self.isEmpty else { return false }
        return self.entries[self.writtenCount].isAnswered || !self.entries[self.writtenCount].informational.isEmpty
    }

    /// The head of the next request was read, whose client waits to be told to go on.
    mutating func continueExpected() { self.owesContinueTo = self.firstNumber + UInt64(self.count) }

    /// The body is here, with or without having been asked for.
    mutating func bodyArrived() { self.owesContinueTo = nil }

    /// Whether the client still waits to be told to send the body of that request.
    func isContinueOwed(to number: UInt64) -> Bool { self.owesContinueTo == number }

    /// A request was read, or its head. Returns its number.
    mutating func requestRead(isHEAD: Bool, version: HTTPVersion, keepsAlive: Bool) -> UInt64 {
        self.entries.append(Entry(asked: Asked(isHEAD: isHEAD, version: version, keepsAlive: keepsAlive)))
        return self.firstNumber + UInt64(self.count) - 1
    }

    /// Somebody works on the answer to a request.
    mutating func accepted(_ number: UInt64, by exchange: Exchange?) {
        guard let index = self.index(of: number), !self.entries[index].isAnswered else { return }
        self.entries[index].exchange = exchange
    }

    mutating func answered(_ number: UInt64, with answer: consuming Answer) {
        guard let index = self.index(of: number), !self.entries[index].isAnswered else {
            answer.pipe?.cancel()
            return
        }
        self.entries[index].answer = consume answer
        self.entries[index].isAnswered = true
        self.entries[index].exchange = nil
    }

    /// An informational answer, for clients that know such.
    mutating func informed(_ number: UInt64, _ head: ResponseHead) {
        guard let index = self.index(of: number), self.entries[index].asked.version == .http11,
            !self.entries[index].isAnswered
        else { return }
        self.entries[index].informational.append(head)
    }

    private func index(of number: UInt64) -> Int? {
        guard number >= self.firstNumber, number - self.firstNumber < UInt64(self.count) else { return nil }
        return self.writtenCount + Int(number - self.firstNumber)
    }

    /// The connection is gone: nobody wants the bodies that are still coming, nor the answers that are worked on.
    ///
    /// - Returns: who works on them.
    @discardableResult
    mutating func abandoned() -> [Exchange] {
        var exchanges: [Exchange] = []
        self.writing?.body.cancel()
        for entry in self.entries {
            entry.answer?.pipe?.cancel()
            if let exchange = entry.exchange { exchanges.append(exchange) }
        }
        self.entries = []
        self.writtenCount = 0
        return exchanges
    }

    /// Writes what means nothing to a client that waits for an answer, and makes one known that is gone: the operating
    /// system of that one answers with a reset. True if there is such a client.
    mutating func probe(into buffer: inout ByteBuffer) -> Bool {
        guard self.writing == nil, !self.isEmpty, !self.entries[self.writtenCount].isAnswered,
            self.entries[self.writtenCount].asked.version == .http11
        else { return false }
        buffer.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
        return true
    }

    // MARK: Writing

    /// Writes what can be written in order, until `buffer` holds `room` bytes.
    ///
    /// - Parameter reader: told when more of a body comes that is being written.
    mutating func write(
        closing: Bool, room: Int, reader: () -> BodyPipe.Side, into buffer: inout ByteBuffer
    ) -> Outcome {
        self.wantsRoom = false
        while let outcome = self.writeNext(closing: closing, room: room, reader: reader, into: &buffer) {
            if outcome != .open { return outcome }
        }
        if let number = self.owesContinueTo, number == self.firstNumber {
            self.owesContinueTo = nil
            buffer.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
        }
        return .open
    }

    /// One answer, or what there is of it; `nil` if nothing more can be written now.
    private mutating func writeNext(
        closing: Bool, room: Int, reader: () -> BodyPipe.Side, into buffer: inout ByteBuffer
    ) -> Outcome? {
        if let writing = self.writing { return self.writePieces(writing, room, &buffer) }
        guard !self.isEmpty else { return nil }
        guard buffer.readableBytes < room else {
            self.wantsRoom = true
            return nil
        }
        let first = self.writtenCount
        if !self.entries[first].informational.isEmpty { self.writeInformational(first, into: &buffer) }
        // Taken, not copied.
        guard let answer = self.entries[first].answer.take() else { return nil }
        let asked = self.entries[first].asked
        let closes = !asked.keepsAlive || (closing && self.count == 1)
        switch consume answer {
        case .whole(let response):
            Self.write(response, for: asked, closes: closes, into: &buffer)
            return self.firstEnded(closes: closes)
        case .stream(_, let body) where body.hasFailed:
            // It broke off before a byte of it was passed on: the client can still be told so.
            Self.write(.brokenAnswer, for: asked, closes: closes, into: &buffer)
            return self.firstEnded(closes: closes)
        case .stream(let head, let body):
            self.begin(head, body, for: asked, closes: closes, into: &buffer)
            body.attach(reader())
            return .open
        case .tunnel(let head, let body):
            Self.writeGrant(head, into: &buffer)
            self.writing = Writing(body: body, framing: .none, closes: true, isTunnel: true)
            body.attach(reader())
            return .open
        }
    }

    private mutating func writeInformational(_ index: Int, into buffer: inout ByteBuffer) {
        for head in self.entries[index].informational {
            // A 1xx has no body, so nothing can be wrong with this framing.
            try? ResponseEncoder.encode(head, framing: .none, into: &buffer)
        }
        self.entries[index].informational = []
    }

    private mutating func firstEnded(closes: Bool) -> Outcome {
        self.writing = nil
        self.writtenCount += 1
        self.firstNumber += 1
        if self.isEmpty {
            // The memory of a long pipeline is not kept for the next request, which mostly comes alone.
            self.entries.removeAll(keepingCapacity: self.entries.count <= 8)
            self.writtenCount = 0
        } else if self.writtenCount >= 64, self.writtenCount * 2 >= self.entries.count {
            self.entries.removeFirst(self.writtenCount)
            self.writtenCount = 0
        }
        return closes ? .close : .open
    }

    private static func write(
        _ response: borrowing Response, for asked: Asked, closes: Bool, into buffer: inout ByteBuffer
    ) {
        let content = response.body.buffer ?? ByteBuffer()
        // Trailers need a chunked body, which HTTP/1.0 does not know.
        let trailers = asked.version == .http11 ? response.trailers : nil
        let framing = Self.framing(
            of: response.status, size: trailers == nil ? content.readableBytes : nil, for: asked)
        guard
            Self.write(
                response.head, framing, for: asked, closes: closes, reserving: content.readableBytes, into: &buffer)
        else { return }
        switch framing {
        case .length, .untilClose:
            buffer.writeImmutableBuffer(content)
        case .chunked:
            ChunkEncoder.encode(content, into: &buffer)
            ChunkEncoder.encodeEnd(trailers: trailers, into: &buffer)
        case .none, .headOnly:
            break
        }
    }

    private static func writeGrant(_ head: ResponseHead, into buffer: inout ByteBuffer) {
        let switches = head.status == .switchingProtocols
        // Nothing is said about a body, so nothing can be wrong with this framing.
        try? ResponseEncoder.encode(
            head, framing: head.status.forbidsBody ? .none : .untilClose, filter: switches ? .upgrade : .hopByHop,
            connection: switches ? .upgrade : .unsaid, into: &buffer)
    }

    private mutating func begin(
        _ head: ResponseHead, _ body: BodyPipe, for asked: Asked, closes: Bool, into buffer: inout ByteBuffer
    ) {
        let framing = Self.framing(of: head.status, size: body.size, for: asked)
        let closes = closes || framing == .untilClose
        _ = Self.write(head, framing, for: asked, closes: closes, into: &buffer)
        self.writing = Writing(body: body, framing: framing, closes: closes)
    }

    /// How the end of an answer is told to this client.
    private static func framing(of status: Status, size: Int?, for asked: Asked) -> BodyFraming {
        if asked.isHEAD || status == .notModified { return .headOnly }
        if status.forbidsBody { return .none }
        if let size { return .length(size) }
        return asked.version == .http10 ? .untilClose : .chunked
    }

    private static func write(
        _ head: ResponseHead, _ framing: BodyFraming, for asked: Asked, closes: Bool, reserving bodyLength: Int = 0,
        into buffer: inout ByteBuffer
    ) -> Bool {
        let directive: ConnectionDirective =
            if closes { .close } else if asked.version == .http10 { .keepAlive } else { .unsaid }
        do throws(HTTPError) {
            try ResponseEncoder.encode(
                head, framing: framing, connection: directive, reserving: bodyLength, into: &buffer)
            return true
        } catch {
            // The framing always fits the status, so this is unreachable; an answer is owed all the same.
            buffer.writeStaticString("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return false
        }
    }

    private mutating func writePieces(_ writing: Writing, _ room: Int, _ buffer: inout ByteBuffer) -> Outcome? {
        while buffer.readableBytes < room {
            switch writing.body.next() {
            case nil:
                return nil
            case .piece(let piece):
                if writing.dropsContent { continue }
                if writing.framing == .chunked {
                    ChunkEncoder.encode(piece, into: &buffer)
                } else {
                    buffer.writeImmutableBuffer(piece)
                }
            case .end(let trailers):
                if writing.framing == .chunked {
                    ChunkEncoder.encodeEnd(trailers: trailers as? Fields, into: &buffer)
                }
                let outcome = self.firstEnded(closes: writing.closes)
                return writing.isTunnel ? .halfClose : outcome
            case .failed:
                return writing.framing == .untilClose || writing.isTunnel ? .reset : .abort
            }
        }
        self.wantsRoom = true
        return nil
    }
}
