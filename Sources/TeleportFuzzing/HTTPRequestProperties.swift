import TeleportHTTP

import struct NIOCore.ByteBuffer

typealias RequestOccurrence = HTTPOccurrence<RequestHead>

/// Everything that a stream of requests holds, read event by event.
func readRequestEvents(_ input: Slice<UnsafeRawBufferPointer>, _ mode: HTTPMode, step: Int) -> [RequestOccurrence] {
    var feeder = Feeder(input, step: step)
    var decoder = RequestDecoder(profile: mode.profile, limits: mode.limits)
    var occurrences: [RequestOccurrence] = []
    var head: RequestHead?
    var body = ByteBuffer()
    do throws(HTTPError) {
        while feeder.feed() {
            while let event = try decoder.next(from: &feeder.buffer) {
                switch event {
                case .head(let next):
                    precondition(head == nil, "A request began within another.")
                    precondition(next.fields.count <= mode.limits.maxFieldCount, "More fields than the limit.")
                    precondition(
                        next.targetBytes.readableBytes <= mode.limits.maxTargetSize, "A target over the limit.")
                    head = next
                case .body(let piece):
                    precondition(piece.readableBytes > 0 && head != nil, "A piece of nothing.")
                    body.writeImmutableBuffer(piece)
                    precondition(body.readableBytes <= mode.limits.maxBodySize, "A body over the limit.")
                case .end(let trailers):
                    guard let whole = head.take() else { preconditionFailure("An end without a beginning.") }
                    occurrences.append(.message(whole, body: body, trailers: trailers))
                    body.clear()
                case .refused(let error):
                    head = nil
                    body.clear()
                    occurrences.append(.refused(error))
                }
            }
            precondition(feeder.buffer.readableBytes < mode.maxUnread, "More is unread than a head can have.")
        }
        occurrences.append(.unfinished(head, body: body))
        try decoder.inputClosed()
        precondition(head == nil, "The stream ended within a request and nobody noticed.")
        occurrences.append(.ended(unread: feeder.buffer.readableBytes))
    } catch {
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

/// The same, read message by message. Of a message that did not come whole nothing is known.
func readRequests(_ input: Slice<UnsafeRawBufferPointer>, _ mode: HTTPMode, step: Int) -> [RequestOccurrence] {
    var feeder = Feeder(input, step: step)
    var decoder = RequestDecoder(profile: mode.profile, limits: mode.limits)
    var occurrences: [RequestOccurrence] = []
    do throws(HTTPError) {
        while feeder.feed() {
            while let message = try decoder.nextMessage(from: &feeder.buffer) {
                switch message {
                case .request(let request): occurrences.append(request.occurrence)
                case .refused(let error): occurrences.append(.refused(error))
                }
            }
        }
        try decoder.inputClosed()
    } catch {
        occurrences.append(.failed(error))
    }
    return occurrences
}

extension Request {
    var occurrence: RequestOccurrence {
        .message(head, body: body.buffer ?? ByteBuffer(), trailers: trailers)
    }
}

// MARK: What was accepted, written again

/// Checks what becomes of an accepted request on a v0 stream: exactly one request, and the same one.
func checkOnTeleport(_ request: Request, _ mode: HTTPMode) {
    var encoded = ByteBuffer()
    do throws(HTTPError) {
        try TeleportEncoder.encode(request, limits: mode.roomy, into: &encoded)
    } catch {
        precondition(encoded.readableBytes == 0, "A request that was refused left bytes behind.")
        switch error.code {
        case .connectNotSupported: precondition(request.method == .connect)
        case .missingHost: precondition(!request.fields.contains(.host) && request.head.version == .http10)
        default: preconditionFailure("An accepted request cannot be sent: \(error)")
        }
        return
    }
    checkIsRefusedWhole(encoded.readableBytes - (request.body.count ?? 0)) { limits, buffer throws(HTTPError) in
        try TeleportEncoder.encode(request, limits: limits, into: &buffer)
    }
    let again = onlyRequest(in: encoded, .teleport, mode)
    precondition(again.method == (request.method == .head ? .get : request.method), "The method changed.")
    checkSame(again, request, filter: .teleport)
    precondition(again.trailers == nil, "Trailers on a v0 stream.")
    var repeated = ByteBuffer()
    mustSucceed("An encoded request cannot be encoded again") { () throws(HTTPError) in
        try TeleportEncoder.encode(again, limits: mode.roomy, into: &repeated)
    }
    precondition(repeated == encoded, "Encoding again gives other bytes.")
}

/// Checks that an encoder keeps to a limit on heads, and leaves nothing behind when it cannot.
func checkIsRefusedWhole(_ headSize: Int, _ encode: (HTTPLimits, inout ByteBuffer) throws(HTTPError) -> Void) {
    var buffer = ByteBuffer(string: "before")
    do throws(HTTPError) {
        try encode(HTTPLimits(maxHeadSize: headSize - 1), &buffer)
        preconditionFailure("A head over the limit was written.")
    } catch {
        precondition(error.code == .headTooLarge && buffer == ByteBuffer(string: "before"), "A head was half written.")
    }
    mustSucceed("A head of exactly the limit was refused") { () throws(HTTPError) in
        try encode(HTTPLimits(maxHeadSize: headSize), &buffer)
    }
}

/// Checks what becomes of an accepted request on an HTTP/1.1 connection, with a length and chunked, forwarded whole
/// and without what belongs to one hop.
func checkOnHTTP1(_ request: Request, _ mode: HTTPMode) {
    guard request.fields.contains(.host) else { return }
    let body = request.body.buffer ?? ByteBuffer()
    // In HTTP/1.0 an expectation means nothing, in HTTP/1.1 it could be refused.
    let isOld = request.head.version == .http10
    for filter in [ExpectedFilter.none, .hopByHop] {
        let base: FieldFilter = filter == .none ? .none : .hopByHop
        let fieldFilter = isOld ? base.dropping(.expect) : base
        var encoded = ByteBuffer()
        encode(request.head, .length(body.readableBytes), fieldFilter, into: &encoded)
        encoded.writeImmutableBuffer(body)
        let again = onlyRequest(in: encoded, .http1, mode)
        precondition(again.method == request.method, "The method changed.")
        checkSame(again, request, filter: filter, isOld: isOld)

        var copied = ByteBuffer()
        encode(again.detached().head, .length(body.readableBytes), fieldFilter, into: &copied)
        copied.writeImmutableBuffer(body)
        precondition(copied == encoded, "Encoding again, from a copy, gives other bytes.")

        var chunked = ByteBuffer()
        encode(request.head, .chunked, fieldFilter, into: &chunked)
        encodeChunks(of: body, trailers: request.trailers, mode, into: &chunked)
        let unchunked = onlyRequest(in: chunked, .http1, mode)
        checkSame(unchunked, request, filter: filter, isOld: isOld)
        let trailers = (request.trailers ?? Fields()).expected(after: .teleport)
        precondition(trailers == (unchunked.trailers ?? Fields()).expected(after: .none), "The trailers changed.")
    }
}

private func encode(
    _ head: RequestHead, _ framing: BodyFraming, _ filter: FieldFilter, into buffer: inout ByteBuffer
) {
    mustSucceed("An accepted request cannot be sent") { () throws(HTTPError) in
        try RequestEncoder.encode(head, framing: framing, filter: filter, into: &buffer)
    }
}

private func checkSame(_ again: Request, _ request: Request, filter: ExpectedFilter, isOld: Bool = false) {
    precondition(again.head.targetBytes == request.head.targetBytes, "The target changed.")
    precondition(again.head.version == .http11, "The version is not HTTP/1.1.")
    precondition(again.body.buffer == request.body.buffer, "The body changed.")
    var wanted = request.fields.expected(after: filter)
    if isOld { wanted.removeAll { $0.lowercased().hasPrefix("expect:") } }
    precondition(again.fields.expected(after: .none) == wanted, "The fields changed.")
}

/// The one request that a stream must hold.
func onlyRequest(in stream: ByteBuffer, _ profile: HTTPProfile, _ mode: HTTPMode) -> Request {
    var buffer = stream
    var decoder = RequestDecoder(profile: profile, limits: mode.roomy)
    let first = mustSucceed("Own output is refused") { () throws(HTTPError) in
        try decoder.nextMessage(from: &buffer)
    }
    guard case .request(let request)? = first else { preconditionFailure("Own output is not a request.") }
    precondition(buffer.readableBytes == 0 && decoder.isBetweenMessages, "One request became more than one.")
    return request
}
