public import struct NIOCore.ByteBuffer

/// Writes whole messages for a v0 teleport stream.
///
/// Such a stream has no lengths of its own: the HTTP parser at the other end is all that separates one message from the
/// next. So only what both ends delimit alike is sent: hop-by-hop fields, `Expect` and trailers are left out, and there
/// is exactly one correct `Content-Length`. Every rule is checked before anything of the message stays in the buffer; a
/// call that throws leaves it as it was, so that one bad message harms only its caller.
public enum TeleportEncoder {
    /// Whether the request is sent as `GET` because nobody could tell where the answer ends: that is `HEAD`.
    ///
    /// The caller drops the body of the answer and hands out its head.
    @inlinable
    public static func mapsToGET(_ method: HTTPMethod) -> Bool {
        method == .head
    }

    /// Appends a request.
    ///
    /// `Content-Length` is written unless the method is `GET` or `HEAD` and the body empty.
    ///
    /// - Parameters:
    ///   - request: The request, its body complete.
    ///   - via: What an intermediary adds about itself.
    ///   - limits: ``HTTPLimits/maxHeadSize`` and ``HTTPLimits/maxFieldCount`` are what the other end is assumed to
    ///     accept: one more would cost it the connection.
    ///   - buffer: Where to append.
    /// - Throws: ``HTTPError`` with `missingHost`, `duplicateHost`, `invalidTarget`, `connectNotSupported`,
    ///   `bodyNotComplete`, `tooManyFields` or `headTooLarge`.
    public static func encode(
        _ request: Request, via: Via? = nil, limits: HTTPLimits = .default, into buffer: inout ByteBuffer
    ) throws(HTTPError) {
        guard let length = request.body.wholeCount else { throw HTTPError(.bodyNotComplete) }
        let method = request.head.method
        guard method != .connect else { throw HTTPError(.connectNotSupported) }
        let plan = FieldPlan(request.head.fields, filter: .teleport)
        try RequestEncoder.check(targetOf: request.head, plan)
        let hasLength = length > 0 || !method.usuallyHasNoBody
        try plan.check(
            request.head.fields, andLines: (via == nil ? 0 : 1) + (hasLength ? 1 : 0), maxCount: limits.maxFieldCount)
        let start = buffer.writerIndex
        RequestEncoder.append(
            request.head, as: mapsToGET(method) ? .get : method, plan,
            hasLength ? .length(length) : .none, .unsaid, via,
            reserving: length, to: &buffer)
        try checkHead(of: &buffer, from: start, limits)
        request.body.append(to: &buffer)
    }

    /// Appends a response.
    ///
    /// `Content-Length` is always written, except with 204 and 304, whose body is left out.
    ///
    /// - Parameters:
    ///   - response: The response, its body complete.
    ///   - date: Written as `Date` if the response has none.
    ///   - limits: As for requests.
    ///   - buffer: Where to append.
    /// - Throws: ``HTTPError`` with `informationalAsFinal`, `bodyNotComplete`, `tooManyFields` or `headTooLarge`.
    public static func encode(
        _ response: Response, date: HTTPDate? = nil, limits: HTTPLimits = .default, into buffer: inout ByteBuffer
    ) throws(HTTPError) {
        guard let count = response.body.wholeCount else { throw HTTPError(.bodyNotComplete) }
        let status = response.head.status
        guard !status.isInformational else { throw HTTPError(.informationalAsFinal) }
        let plan = FieldPlan(response.head.fields, filter: .teleport)
        try plan.check(
            response.head.fields, andLines: (date == nil ? 0 : 1) + (status.forbidsBody ? 0 : 1),
            maxCount: limits.maxFieldCount)
        let length = status.forbidsBody ? 0 : count
        let start = buffer.writerIndex
        ResponseEncoder.append(
            response.head, plan, status.forbidsBody ? .none : .length(length), .unsaid, date,
            reserving: length, to: &buffer)
        try checkHead(of: &buffer, from: start, limits)
        if length > 0 { response.body.append(to: &buffer) }
    }

    /// The exact size of a head is known only when it stands there; one that is too large is cut off again.
    private static func checkHead(
        of buffer: inout ByteBuffer, from start: Int, _ limits: HTTPLimits
    ) throws(HTTPError) {
        guard buffer.writerIndex - start > limits.maxHeadSize else { return }
        buffer.moveWriterIndex(to: start)
        throw HTTPError(.headTooLarge)
    }
}
