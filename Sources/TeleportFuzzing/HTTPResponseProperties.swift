import TeleportHTTP

import struct NIOCore.ByteBuffer

typealias ResponseOccurrence = HTTPOccurrence<ResponseHead>

/// What was asked before the responses came, in order.
struct ExpectedResponses {
    let methods: [HTTPMethod]

    init(_ mode: HTTPMode) {
        let pattern: [HTTPMethod] =
            switch mode.choice {
            case 0: [.get]
            case 1: [.head]
            case 2: [.post, .head, .get]
            default: [.get, .head, .connect]
            }
        methods = (0..<9).map { pattern[$0 % pattern.count] }
    }

    /// Whether the answer with this number is one to a `HEAD`.
    func isToHead(_ index: Int, _ mode: HTTPMode) -> Bool {
        mode.profile == .http1 && methods[index % methods.count] == .head
    }

    func decoder(_ mode: HTTPMode) -> ResponseDecoder {
        var decoder = ResponseDecoder(profile: mode.profile, limits: mode.limits)
        for method in methods { decoder.expect(method) }
        return decoder
    }
}

/// Everything that a stream of responses holds, read event by event.
func readResponseEvents(_ input: Slice<UnsafeRawBufferPointer>, _ mode: HTTPMode, step: Int) -> [ResponseOccurrence] {
    var feeder = Feeder(input, step: step)
    var decoder = ExpectedResponses(mode).decoder(mode)
    var occurrences: [ResponseOccurrence] = []
    var head: ResponseHead?
    var body = ByteBuffer()
    func note(_ event: ResponseEvent) {
        switch event {
        case .head(let next):
            precondition(head == nil, "A response began within another.")
            precondition(!next.status.isInformational || next.status == 101, "An informational response as final.")
            precondition(next.fields.count <= mode.limits.maxFieldCount, "More fields than the limit.")
            head = next
        case .body(let piece):
            precondition(piece.readableBytes > 0 && head != nil, "A piece of nothing.")
            body.writeImmutableBuffer(piece)
            precondition(body.readableBytes <= mode.limits.maxBodySize, "A body over the limit.")
        case .end(let trailers):
            guard let whole = head.take() else { preconditionFailure("An end without a beginning.") }
            precondition(!whole.status.forbidsBody || body.readableBytes == 0, "A body where none is allowed.")
            occurrences.append(.message(whole, body: body, trailers: trailers))
            body.clear()
        case .informational(let head):
            precondition(head.status.isInformational && head.status != 101, "A final response as informational.")
            occurrences.append(.informational(head))
        }
    }
    do throws(HTTPError) {
        while feeder.feed() {
            while let event = try decoder.next(from: &feeder.buffer) { note(event) }
            precondition(
                decoder.isTunnel || feeder.buffer.readableBytes < mode.maxUnread,
                "More is unread than a head can have.")
        }
        occurrences.append(.unfinished(head, body: body))
        if let last = try decoder.inputClosed() { note(last) }
        precondition(head == nil, "The stream ended within a response and nobody noticed.")
        occurrences.append(.ended(unread: feeder.buffer.readableBytes))
    } catch {
        precondition(error.status == .badGateway, "What an upstream did wrong is blamed on the client.")
        occurrences.append(.failed(error))
        do throws(HTTPError) {
            _ = try decoder.next(from: &feeder.buffer)
            preconditionFailure("A decoder went on after it had failed.")
        } catch let again {
            precondition(again == error, "A decoder changed its mind about what went wrong.")
        }
    }
    return occurrences
}

/// The same, read message by message.
func readResponses(_ input: Slice<UnsafeRawBufferPointer>, _ mode: HTTPMode, step: Int) -> [ResponseOccurrence] {
    var feeder = Feeder(input, step: step)
    var decoder = ExpectedResponses(mode).decoder(mode)
    var occurrences: [ResponseOccurrence] = []
    do throws(HTTPError) {
        while feeder.feed() {
            while let response = try decoder.nextMessage(from: &feeder.buffer) {
                occurrences.append(response.occurrence)
            }
        }
        if let last = try decoder.lastMessage() { occurrences.append(last.occurrence) }
    } catch {
        occurrences.append(.failed(error))
    }
    return occurrences
}

extension Response {
    var occurrence: ResponseOccurrence {
        .message(head, body: body.buffer ?? ByteBuffer(), trailers: trailers)
    }
}

// MARK: What was accepted, written again

/// Checks what becomes of an accepted response on a v0 stream: exactly one response, and the same one.
func checkOnTeleport(_ response: Response, _ mode: HTTPMode) {
    var encoded = ByteBuffer()
    do throws(HTTPError) {
        try TeleportEncoder.encode(response, limits: mode.roomy, into: &encoded)
    } catch {
        precondition(encoded.readableBytes == 0, "A response that was refused left bytes behind.")
        precondition(
            error.code == .informationalAsFinal && response.status.isInformational,
            "An accepted response cannot be sent: \(error)")
        return
    }
    checkIsRefusedWhole(encoded.readableBytes - (response.body.count ?? 0)) { limits, buffer throws(HTTPError) in
        try TeleportEncoder.encode(response, limits: limits, into: &buffer)
    }
    let again = onlyResponse(in: encoded, to: .get, .teleport, mode)
    checkSame(again, response, filter: .teleport)
    precondition(again.trailers == nil, "Trailers on a v0 stream.")
    var repeated = ByteBuffer()
    mustSucceed("An encoded response cannot be encoded again") { () throws(HTTPError) in
        try TeleportEncoder.encode(again, limits: mode.roomy, into: &repeated)
    }
    precondition(repeated == encoded, "Encoding again gives other bytes.")
}

/// Checks what becomes of an accepted response on an HTTP/1.1 connection.
func checkOnHTTP1(_ response: Response, isToHead: Bool, _ mode: HTTPMode) {
    let body = response.body.buffer ?? ByteBuffer()
    for filter in [ExpectedFilter.none, .hopByHop] {
        let fieldFilter: FieldFilter = filter == .none ? .none : .hopByHop
        let framing: BodyFraming =
            isToHead ? .headOnly : response.status.forbidsBody ? .none : .length(body.readableBytes)
        var encoded = ByteBuffer()
        encode(response.head, framing, fieldFilter, into: &encoded)
        encoded.writeImmutableBuffer(body)
        let again = onlyResponse(in: encoded, to: isToHead ? .head : .get, .http1, mode)
        checkSame(again, response, filter: filter)
        checkLength(again, response, framing, filter)

        var copied = ByteBuffer()
        encode(again.detached().head, framing, fieldFilter, into: &copied)
        copied.writeImmutableBuffer(body)
        precondition(copied == encoded, "Encoding again, from a copy, gives other bytes.")

        guard !isToHead, !response.status.forbidsBody else { continue }
        var chunked = ByteBuffer()
        encode(response.head, .chunked, fieldFilter, into: &chunked)
        encodeChunks(of: body, trailers: response.trailers, mode, into: &chunked)
        let unchunked = onlyResponse(in: chunked, to: .get, .http1, mode)
        checkSame(unchunked, response, filter: filter)
        let trailers = (response.trailers ?? Fields()).expected(after: .teleport)
        precondition(trailers == (unchunked.trailers ?? Fields()).expected(after: .none), "The trailers changed.")

        var untilClose = ByteBuffer()
        encode(response.head, .untilClose, fieldFilter, into: &untilClose)
        untilClose.writeImmutableBuffer(body)
        checkSame(onlyResponse(in: untilClose, to: .get, .http1, mode), response, filter: filter)
    }
}

/// A length that describes a body which does not follow passes; every other is written anew.
private func checkLength(_ again: Response, _ response: Response, _ framing: BodyFraming, _ filter: ExpectedFilter) {
    let lengths = again.fields.all(.contentLength)
    switch framing {
    case .length(let count): precondition(lengths == ["\(count)"], "The length is not the body's.")
    case .headOnly where !response.status.forbidsBody:
        precondition(lengths == response.fields.all(.contentLength), "The length in an answer to HEAD changed.")
    case .none: precondition(lengths.isEmpty, "A length where no body is allowed.")
    default: break
    }
}

private func encode(
    _ head: ResponseHead, _ framing: BodyFraming, _ filter: FieldFilter, into buffer: inout ByteBuffer
) {
    mustSucceed("An accepted response cannot be sent") { () throws(HTTPError) in
        try ResponseEncoder.encode(head, framing: framing, filter: filter, into: &buffer)
    }
}

private func checkSame(_ again: Response, _ response: Response, filter: ExpectedFilter) {
    precondition(again.status == response.status, "The status changed.")
    precondition(again.head.reasonPhrase == response.head.reasonPhrase, "The reason phrase changed.")
    precondition(again.head.version == .http11, "The version is not HTTP/1.1.")
    precondition(again.body.buffer == response.body.buffer, "The body changed.")
    precondition(
        again.fields.expected(after: .none) == response.fields.expected(after: filter), "The fields changed.")
}

/// The one response that a stream must hold.
func onlyResponse(in stream: ByteBuffer, to method: HTTPMethod, _ profile: HTTPProfile, _ mode: HTTPMode) -> Response {
    var buffer = stream
    var decoder = ResponseDecoder(profile: profile, limits: mode.roomy)
    decoder.expect(method)
    let response = mustSucceed("Own output is refused") { () throws(HTTPError) -> Response? in
        if let response = try decoder.nextMessage(from: &buffer) { return response }
        return try decoder.lastMessage()
    }
    guard let response else { preconditionFailure("Own output is not a response.") }
    precondition(buffer.readableBytes == 0 && decoder.isBetweenMessages, "One response became more than one.")
    return response
}
