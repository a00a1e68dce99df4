public import struct NIOCore.ByteBuffer

/// Takes responses out of a stream of bytes, strictly and within limits.
///
/// Fed and drained as ``RequestDecoder`` is. On an HTTP/1.1 connection tell it with ``expect(_:)`` what was asked, in
/// order, because the answer to a `HEAD` has no body and nothing in it says so. On a teleport stream nothing needs to be
/// told: `HEAD` is never sent there.
///
/// What breaks a rule throws, with status 502 to pass on, and the connection has to be closed: bytes behind a response
/// that could be read in two ways belong to nobody.
///
/// **Ownership.** Heads and bodies are slices of the buffer they came in.
public struct ResponseDecoder: Sendable {
    /// Which stream is read.
    public let profile: HTTPProfile
    /// What is accepted. A body over ``HTTPLimits/maxBodySize`` throws.
    public let limits: HTTPLimits
    /// Whether the connection has stopped being HTTP: after 101, or 2xx to `CONNECT`. What follows is left in the buffer.
    public private(set) var isTunnel = false

    private enum Phase: Sendable {
        case startLine, fields, body
    }

    private var phase = Phase.startLine
    private var parser = HeadParser()
    private var line = StatusLine()
    private var body: BodyDecoder
    private var expected = ExpectedMethods()
    private var informationalCount = 0
    private var failure: HTTPError?
    /// The response that ``nextMessage(from:)`` is gathering.
    private var gathering: MessageBuilder<ResponseHead>?
    /// Whether a body that is too large may be read over: only ``nextOutcome(from:)`` can say that it was.
    private var discardsLargeBodies = false
    /// The response is read over; this is what is wrong with it.
    private var refusal: HTTPError?

    /// A decoder at the beginning of a stream.
    public init(profile: HTTPProfile, limits: HTTPLimits = .default) {
        self.profile = profile
        self.limits = limits
        body = BodyDecoder(limits: limits, maxSize: limits.maxBodySize)
    }

    /// Notes that a request with this method was sent. Not needed on a teleport stream, where it does nothing.
    public mutating func expect(_ method: HTTPMethod) {
        if profile == .http1 { expected.append(method) }
    }

    /// Whether the decoder stands between two messages: nothing of a next one has been seen.
    public var isBetweenMessages: Bool {
        phase == .startLine && !parser.hasBegun && informationalCount == 0
    }

    /// What is left of the body of the response being read: 0 if it has none, `nil` if only its end will tell.
    public var remainingBodySize: Int? { body.knownSize }

    /// The next event, or `nil` if more bytes are needed.
    ///
    /// - Throws: ``HTTPError``; the connection has to be closed.
    public mutating func next(from buffer: inout ByteBuffer) throws(HTTPError) -> ResponseEvent? {
        if let failure { throw failure }
        do throws(HTTPError) {
            if phase == .body { return try readBody(from: &buffer) }
            guard try parseHead(from: buffer) else { return nil }
            let head = takeHead(from: &buffer)
            return phase == .body ? .head(head) : .informational(head)
        } catch {
            throw fail(error)
        }
    }

    /// The next whole final response, or `nil` if more bytes are needed. Informational ones are dropped.
    ///
    /// If all of it is in the buffer, nothing is copied and one array is allocated.
    ///
    /// - Throws: As ``next(from:)``.
    public mutating func nextMessage(from buffer: inout ByteBuffer) throws(HTTPError) -> Response? {
        guard case .response(let response)? = try nextDecoded(from: &buffer) else { return nil }
        return response
    }

    /// As ``nextMessage(from:)``, but on a teleport stream a response whose announced body is over
    /// ``HTTPLimits/maxBodySize`` is read over, up to ``HTTPLimits/maxDiscardedBody``: others share the connection, and
    /// only its caller has to hear of it.
    ///
    /// Use one of the two for the life of a connection.
    ///
    /// - Throws: As ``next(from:)``.
    public mutating func nextOutcome(from buffer: inout ByteBuffer) throws(HTTPError) -> DecodedResponse? {
        discardsLargeBodies = profile == .teleport
        return try nextDecoded(from: &buffer)
    }

    private mutating func nextDecoded(from buffer: inout ByteBuffer) throws(HTTPError) -> DecodedResponse? {
        if let failure { throw failure }
        do throws(HTTPError) {
            while phase != .body {
                guard try parseHead(from: buffer) else { return nil }
                let head = takeHead(from: &buffer)
                guard phase == .body else { continue }
                if refusal != nil { break }
                if let count = body.knownSize, buffer.readableBytes >= count {
                    endMessage()
                    return .response(Response(head: head, body: takeBody(count, from: &buffer)))
                }
                // The rest may be long in coming: do not pin the block that the head was received in.
                gathering = MessageBuilder(head: head.detached(), expecting: body.remaining)
            }
            while let event = try readBody(from: &buffer) {
                if case .end = event, let refusal = refusal.take() { return .refused(refusal) }
                if let response = gathered(event) { return .response(response) }
            }
            return nil
        } catch {
            throw fail(error)
        }
    }

    /// Tells the decoder that no more bytes will come, after the last call of ``next(from:)``.
    ///
    /// - Returns: `.end` if that is what ends the body; `nil` between messages.
    /// - Throws: ``HTTPError/Code/truncated`` within a message.
    public mutating func inputClosed() throws(HTTPError) -> ResponseEvent? {
        if let failure { throw failure }
        if phase == .body, body.endsWithConnection {
            endMessage()
            return .end(trailers: nil)
        }
        guard isBetweenMessages else { throw fail(HTTPError(.truncated)) }
        return nil
    }

    /// The same for a caller of ``nextMessage(from:)``.
    ///
    /// - Returns: The response whose body ended with the connection; `nil` between messages.
    /// - Throws: As ``inputClosed()``.
    public mutating func lastMessage() throws(HTTPError) -> Response? {
        try inputClosed().flatMap { gathered($0) }
    }

    private mutating func fail(_ error: HTTPError) -> HTTPError {
        let error = error.fromUpstream
        failure = error
        gathering = nil
        return error
    }

    private mutating func gathered(_ event: ResponseEvent) -> Response? {
        switch event {
        case .body(let piece):
            gathering?.append(piece)
            return nil
        case .end(let trailers):
            return gathering.take().map { Response(head: $0.head, body: $0.body, trailers: trailers) }
        case .head, .informational:
            return nil
        }
    }

    /// Goes over a head, which stays in the buffer; false if it is not complete.
    private mutating func parseHead(from buffer: ByteBuffer) throws(HTTPError) -> Bool {
        if isTunnel || buffer.readableBytes == 0 { return false }
        if profile == .http1, phase == .startLine, expected.isEmpty { throw HTTPError(.unexpectedResponse) }
        return try parseHead(buffer.readableBytesSpan)
    }

    /// Takes the head out of the buffer. Behind a final one the decoder stands in front of the body.
    @inline(__always)
    private mutating func takeHead(from buffer: inout ByteBuffer) -> ResponseHead {
        let whole = buffer.readSlice(length: parser.lineStart) ?? ByteBuffer()
        let fields = Fields(buffer: whole, entries: parser.takeEntries())
        let reason = line.hasStandardReason ? nil : fields.slice(line.reasonStart, line.reasonLength)
        let head = ResponseHead(status: line.status, version: line.version, customReason: reason, fields: fields)
        // 101 ends HTTP on the connection, so nothing can follow it.
        if !line.status.isInformational || line.status == .switchingProtocols {
            phase = .body
        } else {
            parser.reset()
            phase = .startLine
        }
        return head
    }

    /// Goes over the lines of a head and decides on the body; false if the head is not complete.
    private mutating func parseHead(_ bytes: RawSpan) throws(HTTPError) -> Bool {
        if phase == .startLine {
            guard let end = try parser.startLine(bytes, limit: limits.maxHeadSize) else {
                if bytes.byteCount >= limits.maxHeadSize { throw HTTPError(.headTooLarge) }
                return false
            }
            line = try StatusLine(bytes, from: 0, to: end)
            phase = .fields
        }
        guard try parser.fieldLines(bytes, limit: limits.maxHeadSize, maxCount: limits.maxFieldCount) else {
            if bytes.byteCount >= limits.maxHeadSize { throw HTTPError(.headTooLarge) }
            return false
        }
        try beginBody(bytes)
        return true
    }

    /// RFC 9112 §6.3, in its order.
    private mutating func beginBody(_ bytes: RawSpan) throws(HTTPError) {
        let length = try parser.facts.bodyLength(bytes, version: line.version)
        let status = line.status
        body.beginNothing()
        if status.isInformational || status == .noContent {
            // One reader would take what is announced for a body, another for the next message.
            guard length == .unsaid || length == .bytes(0) else { throw HTTPError(.bodyNotAllowed) }
        }
        if status.isInformational, status != .switchingProtocols {
            informationalCount += 1
            guard informationalCount <= limits.maxInformationalResponses else {
                throw HTTPError(.tooManyInformationalResponses)
            }
            return
        }
        informationalCount = 0
        let method = expected.popFirst()
        if profile == .http1, status == .switchingProtocols || method == .connect && status.isSuccessful {
            isTunnel = true
            return
        }
        if method == .head || status.forbidsBody { return }
        switch length {
        case .chunked:
            body.beginChunks()
        case .bytes(let count):
            if count > limits.maxBodySize {
                guard discardsLargeBodies, count <= limits.maxDiscardedBody else { throw HTTPError(.bodyTooLarge) }
                refusal = HTTPError(.bodyTooLarge).fromUpstream
            }
            body.begin(length: count)
        case .unsaid:
            guard profile == .http1 else { throw HTTPError(.missingLength) }
            body.beginUntilClose()
        }
    }

    private mutating func readBody(from buffer: inout ByteBuffer) throws(HTTPError) -> ResponseEvent? {
        switch try body.next(from: &buffer) {
        case .piece(let piece): return .body(piece)
        case .end(let trailers):
            endMessage()
            return .end(trailers: trailers)
        case nil: return nil
        }
    }

    private mutating func endMessage() {
        parser.reset()
        phase = .startLine
    }
}
