import TeleportHTTP

/// HTTP/1.1 requests: behind a byte that chooses profile and limits, any input as a stream of requests; what is accepted
/// is written again in every form it can travel in, and read back.
public func fuzzHTTPRequest(_ input: UnsafeRawBufferPointer) {
    guard let first = input.first else { return }
    let mode = HTTPMode(first)
    let stream = input.dropFirst()

    let messages = readEveryWay(stream, mode, events: readRequestEvents, messages: readRequests)
    for case .message(let head, let body, let trailers) in messages {
        let request = Request(head: head, body: Body(body), trailers: trailers)
        precondition(request.detached().occurrence == request.occurrence, "A copy differs.")
        checkOnTeleport(request, mode)
        checkOnHTTP1(request, mode)
    }
}
