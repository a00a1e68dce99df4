import TeleportHTTP

/// HTTP/1.1 responses: behind a byte that chooses profile, limits and what was asked, any input as a stream of responses;
/// what is accepted is written again in every form it can travel in, and read back.
public func fuzzHTTPResponse(_ input: UnsafeRawBufferPointer) {
    guard let first = input.first else { return }
    let mode = HTTPMode(first)
    let stream = input.dropFirst()

    let messages = readEveryWay(stream, mode, events: readResponseEvents, messages: readResponses)
    let asked = ExpectedResponses(mode)
    for (index, occurrence) in messages.enumerated() {
        guard case .message(let head, let body, let trailers) = occurrence else { continue }
        let response = Response(head: head, body: Body(body), trailers: trailers)
        precondition(response.detached().occurrence == response.occurrence, "A copy differs.")
        checkOnTeleport(response, mode)
        checkOnHTTP1(response, isToHead: asked.isToHead(index, mode), mode)
    }
}
