import TeleportHTTP

import struct NIOCore.ByteBuffer

/// Heads and trailers of protocol v1: a byte that chooses what is read and the limits, a byte that says how many of the
/// last bytes are secret values, then the head.
///
/// What is accepted is written again and read back, in its own form and in those of HTTP/1.1 and v0.
public func fuzzFramedHead(_ input: UnsafeRawBufferPointer) {
    guard input.count >= 2 else { return }
    // The second bit of `HTTPMode` chooses limits that short inputs reach.
    let mode = HTTPMode(input[0] & 2)
    let rest = ByteBuffer(bytes: input[2...])
    let secretSize = min(Int(input[1]), rest.readableBytes)
    var head = rest
    // The head stands within other bytes, as it does in a block that was received.
    let secrets = head.getSlice(at: head.readableBytes - secretSize, length: secretSize)
    head.moveWriterIndex(to: head.readableBytes - secretSize)
    switch input[0] >> 2 & 7 {
    case 0, 1: checkRequest(head, secrets, isTunnel: false, mode)
    case 2: checkRequest(head, secrets, isTunnel: true, mode)
    case 3, 4: checkResponse(head, secrets, .final, mode)
    case 5: checkResponse(head, secrets, .interim, mode)
    case 6: checkResponse(head, secrets, .tunnel, mode)
    default: checkTrailers(rest, mode)
    }
}

/// A head as it is sent.
private struct Sent: Equatable {
    var head = ByteBuffer()
    var secrets = ByteBuffer()

    var size: Int { head.readableBytes + secrets.readableBytes }
}

/// Writes a head, and checks that the limit on its size is kept and nothing left behind when it cannot be.
private func send(
    _ what: String, _ mode: HTTPMode,
    _ encode: (HTTPLimits, inout ByteBuffer, inout ByteBuffer) throws(HTTPError) -> Void
) -> Sent {
    var sent = Sent()
    mustSucceed(what) { () throws(HTTPError) in try encode(mode.roomy, &sent.head, &sent.secrets) }
    var (buffer, values) = (ByteBuffer(string: "before"), ByteBuffer(string: "secret"))
    var tight = mode.roomy
    tight.maxHeadSize = sent.size - 1
    do throws(HTTPError) {
        try encode(tight, &buffer, &values)
        preconditionFailure("A head over the limit was written.")
    } catch {
        precondition(error.code == .headTooLarge, "A head over the limit is refused for another reason.")
        precondition(
            buffer == ByteBuffer(string: "before") && values == ByteBuffer(string: "secret"),
            "A head was half written.")
    }
    return sent
}

private func checkRequest(_ head: ByteBuffer, _ secrets: ByteBuffer?, isTunnel: Bool, _ mode: HTTPMode) {
    let first: FramedRequestHead
    do throws(HTTPError) {
        first = try FramedDecoder.decodeRequest(head, secrets: secrets, isTunnel: isTunnel, limits: mode.limits)
    } catch {
        precondition(error.status.code >= 400, "A refusal without a status.")
        return
    }
    precondition(first.head.fields.count <= mode.limits.maxFieldCount, "More fields than the limit.")
    precondition(first.head.targetBytes.readableBytes <= mode.limits.maxTargetSize, "A target over the limit.")
    precondition(first.head.detached() == first.head, "A copy differs.")

    func encode(_ request: FramedRequestHead) -> Sent {
        send("An accepted head cannot be sent", mode) { limits, buffer, values throws(HTTPError) in
            try FramedEncoder.encode(
                request.head, content: .streamed(length: request.contentLength), isSecure: request.isSecure,
                opensTunnel: isTunnel, secrets: .none, limits: limits, into: &buffer, secretValues: &values)
        }
    }
    let sent = encode(first)
    let again = mustSucceed("Own output is refused") { () throws(HTTPError) in
        try FramedDecoder.decodeRequest(
            sent.head, secrets: sent.secrets, isTunnel: isTunnel, limits: mode.roomy)
    }
    // The length goes to the end; all else stays.
    precondition(again.contentLength == first.contentLength && again.isSecure == first.isSecure)
    precondition(again.head.withoutLength == first.head.withoutLength, "The head changed.")
    precondition(encode(again) == sent, "Encoding again gives other bytes.")
    var copy = again
    copy.head = again.head.detached()
    precondition(encode(copy) == sent, "Encoding a copy gives other bytes.")

    let request = Request(head: first.head)
    checkOnTeleport(request, mode)
    checkOnHTTP1(request, mode)
}

private func checkResponse(
    _ head: ByteBuffer, _ secrets: ByteBuffer?, _ kind: FramedResponseKind, _ mode: HTTPMode
) {
    let first: FramedResponseHead
    do throws(HTTPError) {
        first = try FramedDecoder.decodeResponse(head, secrets: secrets, kind: kind, limits: mode.limits)
    } catch {
        precondition(error.status == .badGateway, "What an upstream did wrong is blamed on the client.")
        return
    }
    let status = first.head.status
    precondition((kind == .interim) == (status.isInformational && status != 101), "A head of another kind.")
    precondition(first.head.fields.count <= mode.limits.maxFieldCount, "More fields than the limit.")
    precondition(first.head.detached() == first.head, "A copy differs.")

    func encode(_ head: ResponseHead) -> Sent {
        send("An accepted head cannot be sent", mode) { limits, buffer, values throws(HTTPError) in
            try FramedEncoder.encode(
                head, kind: kind, content: .headOnly(), secrets: .none, limits: limits, into: &buffer,
                secretValues: &values)
        }
    }
    let sent = encode(first.head)
    let again = mustSucceed("Own output is refused") { () throws(HTTPError) in
        try FramedDecoder.decodeResponse(sent.head, secrets: sent.secrets, kind: kind, limits: mode.roomy)
    }
    if status.forbidsBody, status != 304 {
        precondition(again.contentLength == nil && again.head.withoutLength == first.head.withoutLength)
    } else {
        precondition(again == first, "The head changed.")
    }
    precondition(encode(again.head) == sent, "Encoding again gives other bytes.")
    precondition(encode(again.head.detached()) == sent, "Encoding a copy gives other bytes.")

    guard kind == .final else { return }
    let response = Response(head: first.head)
    checkOnTeleport(response, mode)
    checkOnHTTP1(response, isToHead: true, mode)
}

private func checkTrailers(_ payload: ByteBuffer, _ mode: HTTPMode) {
    let first: Fields?
    do throws(HTTPError) {
        first = try FramedDecoder.decodeTrailers(payload, limits: mode.limits)
    } catch {
        return
    }
    precondition(first?.isEmpty != true, "No trailers are not nil.")
    precondition(first?.count ?? 0 <= mode.limits.maxFieldCount, "More fields than the limit.")
    var sent = ByteBuffer()
    mustSucceed("Accepted trailers cannot be sent") { () throws(HTTPError) in
        try FramedEncoder.encode(trailers: first ?? Fields(), limits: mode.roomy, into: &sent)
    }
    let again = mustSucceed("Own output is refused") { () throws(HTTPError) in
        try FramedDecoder.decodeTrailers(sent, limits: mode.roomy)
    }
    precondition(again == first, "The trailers changed.")
    var repeated = ByteBuffer()
    mustSucceed("Encoded trailers cannot be encoded again") { () throws(HTTPError) in
        try FramedEncoder.encode(trailers: again?.detached() ?? Fields(), limits: mode.roomy, into: &repeated)
    }
    precondition(repeated == sent, "Encoding again gives other bytes.")
}

extension RequestHead {
    fileprivate var withoutLength: RequestHead {
        var copy = self
        copy.fields.remove(.contentLength)
        return copy
    }
}

extension ResponseHead {
    fileprivate var withoutLength: ResponseHead {
        var copy = self
        copy.fields.remove(.contentLength)
        return copy
    }
}
