public import struct NIOCore.ByteBuffer

/// Takes requests out of a stream of bytes, strictly and within limits.
///
/// Feed it the received bytes in one `ByteBuffer`: call ``next(from:)`` until it returns `nil`, append what arrives, call
/// again. Or use ``nextMessage(from:)``, which returns whole requests; do not mix the two within one message. Between
/// calls unread bytes may only be appended to, because the decoder remembers how far it has looked. `nil` means that more
/// bytes are needed; an incomplete head stays in the buffer.
///
/// **Two kinds of refusal.** Where the end of a bad message is certain, ``RequestEvent/refused(_:)`` comes when all of it
/// was read over; answer with the error's status and go on. Where it is not, the call throws: answer with the error's
/// status if that is still possible, then close. After a throw every call throws the same.
///
/// **Ownership.** Heads and bodies are slices of the buffer they came in.
public struct RequestDecoder: Sendable {
    /// Which stream is read.
    public let profile: HTTPProfile
    /// What is accepted.
    public let limits: HTTPLimits

    private enum Phase: Sendable {
        case startLine, fields, body
    }

    private var phase = Phase.startLine
    private var parser: HeadParser
    private var line = RequestLine()
    private var body: BodyDecoder
    /// The request is read over; this is the answer to it.
    private var refusal: HTTPError?
    private var failure: HTTPError?
    private var skippedEmptyLine = false
    /// The request that ``nextMessage(from:)`` is gathering.
    private var gathering: MessageBuilder<RequestHead>?

    /// A decoder at the beginning of a stream.
    public init(profile: HTTPProfile, limits: HTTPLimits = .default) {
        self.profile = profile
        self.limits = limits
        parser = HeadParser(
            dropping: profile == .teleport ? FieldSet().with(FieldID.expect).with(FieldID.upgrade) : FieldSet())
        body = BodyDecoder(limits: limits, maxSize: max(limits.maxBodySize, limits.maxDiscardedBody))
    }

    /// The method of the request that was read last, also of one that was refused: an answer to `HEAD` has no body.
    /// `GET` if not even that was understood.
    public var lastMethod: HTTPMethod { line.method }

    /// Whether the request that was refused last lets the connection stay open (RFC 9112 §9.3); true if its head was not
    /// understood.
    public private(set) var refusedKeepsAlive = true

    /// Whether the decoder stands between two messages: nothing of a next one has been seen.
    public var isBetweenMessages: Bool {
        phase == .startLine && !parser.hasBegun
    }

    /// What is left of the body of the request being read: 0 if it has none, `nil` if only its end will tell.
    public var remainingBodySize: Int? { body.knownSize }

    /// The next event, or `nil` if more bytes are needed.
    ///
    /// - Throws: ``HTTPError`` if the end of the message cannot be told; the connection has to be closed.
    public mutating func next(from buffer: inout ByteBuffer) throws(HTTPError) -> RequestEvent? {
        if let failure { throw failure }
        do throws(HTTPError) {
            if phase != .body {
                guard try parseHead(from: &buffer) else { return nil }
                let head = takeHead(from: &buffer)
                if refusal == nil { return .head(head) }
                refusedKeepsAlive = head.keepsAlive
            }
            return try readBody(from: &buffer)
        } catch {
            failure = error
            throw error
        }
    }

    /// The next whole request, or `nil` if more bytes are needed.
    ///
    /// If all of it is in the buffer, nothing is copied and one array is allocated. A body that arrives in pieces is
    /// gathered in a buffer that grows with what has come, not with what was announced.
    ///
    /// - Throws: As ``next(from:)``.
    public mutating func nextMessage(from buffer: inout ByteBuffer) throws(HTTPError) -> DecodedRequest? {
        if let failure { throw failure }
        do throws(HTTPError) {
            if phase != .body {
                guard try parseHead(from: &buffer) else { return nil }
                if refusal == nil, let count = body.knownSize, buffer.readableBytes - parser.lineStart >= count {
                    let head = takeHead(from: &buffer)
                    endMessage()
                    return .request(Request(head: head, body: takeBody(count, from: &buffer)))
                }
                let head = takeHead(from: &buffer)
                // The rest may be long in coming: do not pin the block that the head was received in.
                if refusal == nil { gathering = MessageBuilder(head: head.detached(), expecting: body.remaining) }
            }
            while let event = try readBody(from: &buffer) {
                switch event {
                case .head:
                    continue
                case .body(let piece):
                    gathering?.append(piece)
                case .refused(let error):
                    gathering = nil
                    return .refused(error)
                case .end(let trailers):
                    guard let whole = gathering.take() else { continue }
                    return .request(Request(head: whole.head, body: whole.body, trailers: trailers))
                }
            }
            return nil
        } catch {
            failure = error
            gathering = nil
            throw error
        }
    }

    /// Tells the decoder that no more bytes will come, after the last call of ``next(from:)``.
    ///
    /// - Throws: ``HTTPError/Code/truncated`` if that is within a message.
    public mutating func inputClosed() throws(HTTPError) {
        if let failure { throw failure }
        guard isBetweenMessages else {
            let error = HTTPError(.truncated)
            failure = error
            throw error
        }
    }

    /// Goes over an empty line and the head, which stays in the buffer; false if it is not complete.
    private mutating func parseHead(from buffer: inout ByteBuffer) throws(HTTPError) -> Bool {
        if phase == .startLine, profile == .http1, !skippedEmptyLine {
            guard let skipped = try emptyLine(buffer.readableBytesSpan) else { return false }
            buffer.moveReaderIndex(forwardBy: skipped)
            skippedEmptyLine = true
        }
        return try parseHead(buffer.readableBytesSpan)
    }

    /// Takes the head out of the buffer and leaves the decoder in front of the body.
    @inline(__always)
    private mutating func takeHead(from buffer: inout ByteBuffer) -> RequestHead {
        let whole = buffer.readSlice(length: parser.lineStart) ?? ByteBuffer()
        phase = .body
        return RequestHead(
            method: line.method, target: TargetPlace(start: line.targetStart, length: line.targetLength),
            version: line.version, fields: Fields(buffer: whole, entries: parser.takeEntries()))
    }

    /// Goes over the lines of a head and decides on the body; false if the head is not complete.
    private mutating func parseHead(_ bytes: RawSpan) throws(HTTPError) -> Bool {
        if phase == .startLine {
            guard let end = try parser.startLine(bytes, limit: limits.maxHeadSize) else {
                // It is the target that is too long: nothing else in the line has a length worth mentioning.
                if bytes.byteCount >= limits.maxHeadSize { throw HTTPError(.targetTooLong) }
                return false
            }
            line = try RequestLine(bytes, from: 0, to: end, maxTargetSize: limits.maxTargetSize)
            phase = .fields
        }
        guard try parser.fieldLines(bytes, limit: limits.maxHeadSize, maxCount: limits.maxFieldCount) else {
            if bytes.byteCount >= limits.maxHeadSize { throw HTTPError(.headTooLarge) }
            return false
        }
        try beginBody(bytes)
        return true
    }

    /// The length of an empty line before a request, 0 or 2: old clients sent one behind a body, and one is skipped
    /// (RFC 9112 §2.2). `nil` if it cannot be told yet.
    private func emptyLine(_ bytes: RawSpan) throws(HTTPError) -> Int? {
        guard bytes.byteCount > 0 else { return nil }
        guard ByteScan.byte(bytes, 0) == ASCII.carriageReturn else { return 0 }
        guard bytes.byteCount > 1 else { return nil }
        guard ByteScan.byte(bytes, 1) == ASCII.lineFeed else { throw HTTPError(.bareCarriageReturn) }
        return 2
    }

    private mutating func beginBody(_ bytes: RawSpan) throws(HTTPError) {
        let facts = parser.facts
        let length = try facts.bodyLength(bytes, version: line.version)
        refusal = facts.hostFault(bytes, version: line.version)
        switch length {
        case .unsaid:
            body.beginNothing()
        case .chunked:
            body.beginChunks()
        case .bytes(let count):
            if count > limits.maxBodySize {
                guard count <= limits.maxDiscardedBody else { throw HTTPError(.bodyTooLarge) }
                refusal = refusal ?? HTTPError(.bodyTooLarge)
            }
            body.begin(length: count)
        }
        // On a teleport stream the body always follows, whatever was expected.
        guard profile == .http1 else { return }
        let expectation = facts.expectation(bytes, version: line.version)
        if expectation == .unknown { refusal = refusal ?? HTTPError(.unsupportedExpectation) }
        // A client that waits may see the refusal and send no body after all, so the end is not certain.
        if expectation != .none, length != .unsaid, let refusal { throw refusal }
    }

    private mutating func readBody(from buffer: inout ByteBuffer) throws(HTTPError) -> RequestEvent? {
        while let event = try body.next(from: &buffer) {
            if refusal == nil, body.announced > limits.maxBodySize { refusal = HTTPError(.bodyTooLarge) }
            switch event {
            case .piece(let piece):
                if refusal == nil { return .body(piece) }
            case .end(let trailers):
                let refusal = self.refusal
                endMessage()
                return refusal.map { .refused($0) } ?? .end(trailers: trailers)
            }
        }
        return nil
    }

    private mutating func endMessage() {
        parser.reset()
        phase = .startLine
        refusal = nil
        skippedEmptyLine = false
    }
}
