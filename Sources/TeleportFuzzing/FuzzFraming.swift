import TeleportHTTP
import TeleportWire

import struct NIOCore.ByteBuffer

/// v0 framing: behind a byte that chooses direction and limits, any input as what follows the preface of a plain
/// connection: ids, each with an HTTP message behind it.
///
/// What was accepted goes out again as one stream, and must come back as the same calls in the same order: were one
/// message to end where another reader sees it go on, it would show here.
public func fuzzFraming(_ input: UnsafeRawBufferPointer) {
    guard let first = input.first else { return }
    let mode = HTTPMode(first | 1)
    let stream = input.dropFirst()
    if first & 1 == 0 {
        check(stream, mode, RequestFraming(mode.limits)) { RequestFraming(mode.roomy) }
    } else {
        check(stream, mode, ResponseFraming(mode.limits)) { ResponseFraming(mode.roomy) }
    }
}

/// One call read from a stream.
private struct FramedCall<Head: Equatable>: Equatable {
    var id: CallID
    var occurrence: HTTPOccurrence<Head>
}

/// Reads and writes the messages of one direction.
private protocol Framing {
    associatedtype Head: Equatable
    init(_ limits: HTTPLimits)
    mutating func next(from buffer: inout ByteBuffer) throws(HTTPError) -> HTTPOccurrence<Head>?
    /// What arrives of a message that is sent; `nil` if it cannot be sent.
    func encode(
        _ occurrence: HTTPOccurrence<Head>, _ limits: HTTPLimits, into buffer: inout ByteBuffer
    ) throws(HTTPError)
}

private struct RequestFraming: Framing {
    var decoder: RequestDecoder

    init(_ limits: HTTPLimits) { decoder = RequestDecoder(profile: .teleport, limits: limits) }

    mutating func next(from buffer: inout ByteBuffer) throws(HTTPError) -> RequestOccurrence? {
        switch try decoder.nextMessage(from: &buffer) {
        case .request(let request): request.occurrence
        case .refused(let error): .refused(error)
        case nil: nil
        }
    }

    func encode(
        _ occurrence: RequestOccurrence, _ limits: HTTPLimits, into buffer: inout ByteBuffer
    ) throws(HTTPError) {
        guard case .message(let head, let body, _) = occurrence else { throw HTTPError(.inexpressible) }
        try TeleportEncoder.encode(Request(head: head, body: Body(body)), limits: limits, into: &buffer)
    }
}

private struct ResponseFraming: Framing {
    var decoder: ResponseDecoder

    init(_ limits: HTTPLimits) { decoder = ResponseDecoder(profile: .teleport, limits: limits) }

    mutating func next(from buffer: inout ByteBuffer) throws(HTTPError) -> ResponseOccurrence? {
        switch try decoder.nextOutcome(from: &buffer) {
        case .response(let response): response.occurrence
        case .refused(let error): .refused(error)
        case nil: nil
        }
    }

    func encode(
        _ occurrence: ResponseOccurrence, _ limits: HTTPLimits, into buffer: inout ByteBuffer
    ) throws(HTTPError) {
        guard case .message(let head, let body, _) = occurrence else { throw HTTPError(.inexpressible) }
        try TeleportEncoder.encode(Response(head: head, body: Body(body)), limits: limits, into: &buffer)
    }
}

private func check<Direction: Framing>(
    _ stream: Slice<UnsafeRawBufferPointer>, _ mode: HTTPMode, _ framing: Direction, _ makeRoomy: () -> Direction
) {
    let calls = read(Feeder(stream, step: stream.count), framing)
    for step in [1, mode.step] {
        precondition(calls == read(Feeder(stream, step: step), framing), "The calls depend on how the input is cut.")
    }
    for call in calls { check(call.id) }

    var link = ByteBuffer()
    var sent: [FramedCall<Direction.Head>] = []
    for call in calls {
        let mark = link.writerIndex
        call.id.encode(into: &link)
        do throws(HTTPError) {
            try framing.encode(call.occurrence, mode.roomy, into: &link)
            sent.append(call)
        } catch {
            // What a sender does: cut back, and nobody else notices.
            link.moveWriterIndex(to: mark)
        }
    }
    let received = link.withUnsafeReadableBytes { bytes in
        read(Feeder(bytes[...], step: mode.step), makeRoomy())
    }
    precondition(received.map(\.id) == sent.map(\.id), "Other calls arrived than were sent.")
    var again = ByteBuffer()
    for call in received {
        call.id.encode(into: &again)
        mustSucceed("An encoded message cannot be encoded again") { () throws(HTTPError) in
            try framing.encode(call.occurrence, mode.roomy, into: &again)
        }
    }
    precondition(again == link, "The calls changed on the way.")
}

/// What one end of a connection does: an id, then its message, for ever.
private func read<Direction: Framing>(_ feeder: Feeder, _ framing: Direction) -> [FramedCall<Direction.Head>] {
    var feeder = feeder
    var framing = framing
    var calls: [FramedCall<Direction.Head>] = []
    var begun: CallID?
    while feeder.feed() {
        while true {
            if begun == nil {
                let before = feeder.buffer.readableBytes
                begun = CallID.decode(from: &feeder.buffer)
                precondition(feeder.buffer.readableBytes == before - (begun == nil ? 0 : CallID.encodedLength))
            }
            guard let id = begun else { break }
            do throws(HTTPError) {
                guard let occurrence = try framing.next(from: &feeder.buffer) else { break }
                calls.append(FramedCall(id: id, occurrence: occurrence))
                begun = nil
            } catch {
                calls.append(FramedCall(id: id, occurrence: .failed(error)))
                return calls
            }
        }
    }
    return calls
}

/// Checks the arithmetic of ids around one that a peer chose.
private func check(_ id: CallID) {
    precondition(id.next != .oneWay && id.next != id, "An id without a successor.")
    precondition(id.precedes(id.next) && !id.next.precedes(id) && !id.precedes(id), "Ids out of order.")
    var buffer = ByteBuffer()
    id.encode(into: &buffer)
    precondition(buffer.readableBytes == CallID.encodedLength)
    precondition(CallID.decode(from: &buffer) == id && buffer.readableBytes == 0, "An id changed on the way.")
}
