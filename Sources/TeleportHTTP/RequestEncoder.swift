public import struct NIOCore.ByteBuffer

/// Writes the head of a request for an HTTP/1.1 connection.
public enum RequestEncoder {
    /// Appends the head; the body is for the caller to append.
    ///
    /// The fields stand in their order, then those of the framing. `Content-Length` and `Transfer-Encoding` among the
    /// fields are always left out and written anew. The version is `HTTP/1.1`.
    ///
    /// - Parameters:
    ///   - head: The head. The fields hold to their rules by construction; the target is checked here.
    ///   - framing: How the body ends; not ``BodyFraming/untilClose`` or ``BodyFraming/headOnly``.
    ///   - filter: Fields to leave out.
    ///   - connection: What to say about the connection.
    ///   - via: What an intermediary adds about itself.
    ///   - buffer: Where to append.
    /// - Throws: ``HTTPError`` with `invalidTarget`, `missingHost`, `duplicateHost` or `missingLength`. Nothing is
    ///   appended then.
    public static func encode(
        _ head: RequestHead, framing: BodyFraming, filter: FieldFilter = .hopByHop,
        connection: ConnectionDirective = .unsaid, via: Via? = nil, into buffer: inout ByteBuffer
    ) throws(HTTPError) {
        if framing == .untilClose || framing == .headOnly {
            throw HTTPError(
                .missingLength, status: .internalServerError,
                message: "The body of a request cannot end with the connection.")
        }
        let plan = FieldPlan(head.fields, filter: filter)
        try check(targetOf: head, plan)
        append(head, as: head.method, plan, framing, connection, via, reserving: 0, to: &buffer)
    }

    static func check(targetOf head: borrowing RequestHead, _ plan: borrowing FieldPlan) throws(HTTPError) {
        try head.withBytes { (_, target) throws(HTTPError) in try check(target: target, plan) }
    }

    @inline(__always)
    static func check(target: RawSpan, _ plan: borrowing FieldPlan) throws(HTTPError) {
        guard plan.hostCount == 1 else { throw HTTPError(plan.hostCount == 0 ? .missingHost : .duplicateHost) }
        let length = target.byteCount
        guard length > 0, ByteScan.spaceStop(target, from: 0, to: length) == length else {
            throw HTTPError(.invalidTarget)
        }
    }

    static func append(
        _ head: RequestHead, as method: HTTPMethod, _ plan: borrowing FieldPlan, _ framing: BodyFraming,
        _ connection: ConnectionDirective, _ via: Via?, reserving bodyLength: Int, to buffer: inout ByteBuffer
    ) {
        let bound =
            method.rawValue.utf8.count + head.targetCount + plan.bytes + BodyFraming.maxBytes
            + ConnectionDirective.maxBytes + 16 + (via?.byteCount ?? 0)
        HeadWriter.append(to: &buffer, atMost: bound + bodyLength) { writer in
            writer.write(method)
            writer.write(" ")
            head.withBytes { _, target in writer.write(target) }
            writer.write(" HTTP/1.1\r\n")
            plan.write(head.fields, to: &writer)
            via?.write(for: head.version, to: &writer)
            framing.write(to: &writer)
            connection.write(to: &writer)
            writer.write("\r\n")
        }
    }
}
