public import struct NIOCore.ByteBuffer

/// Writes the head of a response for an HTTP/1.1 connection.
public enum ResponseEncoder {
    /// Appends the head; the body is for the caller to append.
    ///
    /// The fields stand in their order, then those of the framing. `Content-Length` and `Transfer-Encoding` among the
    /// fields are left out and written anew, except that ``BodyFraming/headOnly`` lets one valid `Content-Length` pass.
    /// The version is `HTTP/1.1`.
    ///
    /// - Parameters:
    ///   - head: The head.
    ///   - framing: How the body ends. With a status that has no body, `.length(0)` is the same as ``BodyFraming/none``.
    ///   - filter: Fields to leave out.
    ///   - connection: What to say about the connection.
    ///   - date: Written as `Date` if the head has none. An intermediary gives none: answers pass unchanged.
    ///   - bodyLength: Bytes of a body that is appended next: there is room for them then. Default 0.
    ///   - buffer: Where to append.
    /// - Throws: ``HTTPError/Code/bodyNotAllowed`` if the status forbids the body that `framing` announces. Nothing is
    ///   appended then.
    public static func encode(
        _ head: ResponseHead, framing: BodyFraming, filter: FieldFilter = .hopByHop,
        connection: ConnectionDirective = .unsaid, date: HTTPDate? = nil, reserving bodyLength: Int = 0,
        into buffer: inout ByteBuffer
    ) throws(HTTPError) {
        var framing = framing
        if head.status.forbidsBody {
            switch framing {
            case .none, .headOnly: break
            case .length(0): framing = .none
            case .length, .chunked, .untilClose: throw HTTPError(.bodyNotAllowed, status: .internalServerError)
            }
        }
        // A 1xx or a 204 may not even describe a body.
        let keepsLength = framing == .headOnly && (!head.status.forbidsBody || head.status == .notModified)
        let plan = FieldPlan(head.fields, filter: filter, keepsLength: keepsLength)
        append(head, plan, framing, connection, date, reserving: bodyLength, to: &buffer)
    }

    static func append(
        _ head: ResponseHead, _ plan: borrowing FieldPlan, _ framing: BodyFraming, _ connection: ConnectionDirective,
        _ date: HTTPDate?, reserving bodyLength: Int, to buffer: inout ByteBuffer
    ) {
        let bound =
            64 + (head.customReason?.readableBytes ?? 0) + plan.bytes + BodyFraming.maxBytes
            + ConnectionDirective.maxBytes + 40
        HeadWriter.append(to: &buffer, atMost: bound + bodyLength) { writer in
            writer.write("HTTP/1.1 ")
            writer.write(decimal: Int(head.status.code))
            writer.write(" ")
            if let reason = head.customReason {
                writer.write(reason.readableBytesSpan)
            } else {
                writer.write(head.status.standardReason)
            }
            writer.write("\r\n")
            plan.write(head.fields, to: &writer)
            if let date, !plan.hasDate {
                writer.write("Date: ")
                date.withBytes { writer.write($0) }
                writer.write("\r\n")
            }
            framing.write(to: &writer)
            connection.write(to: &writer)
            writer.write("\r\n")
        }
    }
}
