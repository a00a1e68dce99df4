public import struct NIOCore.ByteBuffer

/// Writes heads and trailers of protocol v1 (V1-60 to V1-68).
///
/// What belongs to one connection alone is left out, and every rule is checked before anything stays: a call that throws
/// leaves both buffers as they were. The lengths of heads and frames are the caller's to write, and so is the content.
///
/// What is written here ``FramedDecoder`` accepts, unless its limits are smaller.
public enum FramedEncoder {
    /// Heads are never larger, whatever the limits say (V1-25).
    private static let maxHeadSize = 1 << 20
    /// What has so many bytes or more might have a length that a varint cannot say.
    private static let longestVarint = 1 << 21

    /// Appends the head of a request.
    ///
    /// `Host` becomes the authority; fields of one connection and `Expect` are left out.
    ///
    /// - Parameters:
    ///   - head: The head. That it came as HTTP/1.0 is told to the other end.
    ///   - content: Where its content is; ``FramedContent/headOnly(length:)`` is not for requests.
    ///   - isSecure: Whether the scheme is `https`.
    ///   - opensTunnel: Whether its frame has TUNNEL: then `Upgrade` passes, and `CONNECT` is allowed.
    ///   - via: What an intermediary adds about itself.
    ///   - secrets: Fields whose values go to `secretValues`.
    ///   - limits: ``HTTPLimits/maxHeadSize``, for head and secret values together, and ``HTTPLimits/maxFieldCount`` are
    ///     what the other end is known to accept.
    ///   - buffer: Where the head is appended.
    ///   - secretValues: Where the payload of SECRETS is appended; nothing is if there are no secrets.
    /// - Throws: ``HTTPError`` with `missingHost`, `duplicateHost`, `invalidHost`, `invalidMethod` (one of more than 255
    ///   bytes), `invalidTarget`, `connectNotSupported`, `tooManyFields` or `headTooLarge`.
    public static func encode(
        _ head: RequestHead, content: FramedContent, isSecure: Bool = false, opensTunnel: Bool = false,
        via: Via? = nil, secrets: SecretFields = .default, limits: HTTPLimits = .default,
        into buffer: inout ByteBuffer, secretValues: inout ByteBuffer
    ) throws(HTTPError) {
        guard opensTunnel || head.method != .connect else { throw HTTPError(.connectNotSupported) }
        // Each look at a buffer costs a check for exclusive access: so there is one.
        try head.withBytes { (source, target) throws(HTTPError) in
            try encode(
                head, source, target, content, isSecure, opensTunnel, via, secrets, limits, &buffer, &secretValues)
        }
    }

    @inline(__always)
    private static func encode(
        _ head: borrowing RequestHead, _ source: RawSpan, _ target: RawSpan, _ content: FramedContent, _ isSecure: Bool,
        _ opensTunnel: Bool, _ via: Via?, _ secrets: SecretFields, _ limits: HTTPLimits, _ buffer: inout ByteBuffer,
        _ secretValues: inout ByteBuffer
    ) throws(HTTPError) {
        var plan = FieldPlan(head.fields, filter: opensTunnel ? .framedTunnel : .framed)
        let entries = head.fields.entries
        try RequestEncoder.check(target: target, plan)
        let host = try host(among: entries, source)
        let length: Int? = if case .streamed(let length) = content { length } else { nil }
        let lines = (via == nil ? 0 : 1) + (length == nil ? 0 : 1)
        try plan.check(head.fields, andLines: lines, maxCount: limits.maxFieldCount)
        plan.drop(FieldID.host)
        let fields = FramedFieldPlan(entries, source, plan, secrets)
        let method = head.method.number
        let token = method == 0 ? head.method.rawValue : ""
        guard token.utf8.count <= Int(UInt8.max) else { throw HTTPError(.invalidMethod) }
        let bound = 600 + target.byteCount + fields.bound
        guard bound < longestVarint else { throw HTTPError(.headTooLarge) }
        let start = buffer.writerIndex
        HeadWriter.append(to: &buffer, atMost: bound) { writer in
            writer.write(byte: method)
            if method == 0 {
                writer.write(byte: UInt8(truncatingIfNeeded: token.utf8.count))
                writer.write(token.utf8.span.bytes)
            }
            writer.write(byte: (isSecure ? FramedFlags.https : 0) | (head.version == .http10 ? FramedFlags.http10 : 0))
            writer.write(counted: target)
            Fields.withValue(of: host, in: source) { writer.write(counted: $0) }
            writer.write(varint: fields.count + lines)
            fields.write(entries, source, secrets: secrets, to: &writer)
            via?.writeFramed(for: head.version, to: &writer)
            if let length { writer.write(contentLength: length) }
        }
        try finish(
            from: start, secrets: fields.writeSecrets(entries, source, secrets: secrets, to: &secretValues), limits,
            &buffer,
            &secretValues)
    }

    /// The one `Host`: that there is just one is known already.
    @inline(__always)
    private static func host(among entries: [FieldEntry], _ source: RawSpan) throws(HTTPError) -> FieldEntry {
        for entry in entries where entry.nameID == FieldID.host {
            let isHost = Fields.withValue(of: entry, in: source) { ByteScan.isHost($0, from: 0, to: $0.byteCount) }
            guard isHost else { throw HTTPError(.invalidHost) }
            return entry
        }
        throw HTTPError(.missingHost)
    }

    /// Appends the head of a response.
    ///
    /// - Parameters:
    ///   - head: The head.
    ///   - kind: Which one it is.
    ///   - content: Where its content is. With a status that has none `.whole(0)` is right, and lets the `Content-Length`
    ///     of a 304 pass.
    ///   - date: Written as `Date` if the head has none.
    ///   - secrets: As for requests.
    ///   - limits: As for requests.
    ///   - buffer: As for requests.
    ///   - secretValues: As for requests.
    /// - Throws: ``HTTPError`` with `informationalAsFinal`; `invalidStatusLine` for a final status as an interim one, or a
    ///   tunnel granted by one that cannot; `bodyNotAllowed` (status 500), `tooManyFields` or `headTooLarge`.
    public static func encode(
        _ head: ResponseHead, kind: FramedResponseKind = .final, content: FramedContent, date: HTTPDate? = nil,
        secrets: SecretFields = .default, limits: HTTPLimits = .default,
        into buffer: inout ByteBuffer, secretValues: inout ByteBuffer
    ) throws(HTTPError) {
        try kind.check(head.status)
        // A tunnel has bytes, but no length.
        let description: (keepsField: Bool, length: Int?) =
            kind == .tunnel ? (false, nil) : try describedLength(of: head, content)
        let plan = FieldPlan(
            head.fields, filter: kind == .tunnel ? .framedTunnel : .framed, keepsLength: description.keepsField)
        let entries = head.fields.entries
        let source = head.fields.buffer.readableBytesSpan
        let length = plan.keepsLength ? nil : description.length
        let date = plan.hasDate ? nil : date
        let lines = (date == nil ? 0 : 1) + (length == nil ? 0 : 1)
        try plan.check(head.fields, andLines: lines, maxCount: limits.maxFieldCount)
        let fields = FramedFieldPlan(entries, source, plan, secrets)
        let bound = 64 + (head.customReason?.readableBytes ?? 0) + fields.bound
        guard bound < longestVarint else { throw HTTPError(.headTooLarge) }
        let start = buffer.writerIndex
        HeadWriter.append(to: &buffer, atMost: bound) { writer in
            writer.write(byte: UInt8(truncatingIfNeeded: head.status.code))
            writer.write(byte: UInt8(truncatingIfNeeded: head.status.code >> 8))
            if let reason = head.customReason {
                writer.write(counted: reason.readableBytesSpan)
            } else {
                writer.write(byte: 0)
            }
            writer.write(varint: fields.count + lines)
            fields.write(entries, source, secrets: secrets, to: &writer)
            if let date {
                writer.write(byte: FieldID.date)
                date.withBytes { writer.write(counted: $0) }
            }
            if let length { writer.write(contentLength: length) }
        }
        try finish(
            from: start, secrets: fields.writeSecrets(entries, source, secrets: secrets, to: &secretValues), limits,
            &buffer,
            &secretValues)
    }

    /// What a response says about its length: whether its field passes, and what is written if there is none.
    private static func describedLength(
        of head: ResponseHead, _ content: FramedContent
    ) throws(HTTPError) -> (keepsField: Bool, length: Int?) {
        // A 1xx or a 204 may not even describe a body.
        let describesNothing = head.status.forbidsBody && head.status != .notModified
        switch content {
        case .headOnly(let length):
            return describesNothing ? (false, nil) : (true, length)
        case .whole(let count):
            guard count == 0 || !head.status.forbidsBody else { break }
            return (head.status == .notModified, nil)
        case .streamed(let length):
            guard !head.status.forbidsBody || head.status == .switchingProtocols else { break }
            return (false, describesNothing ? nil : length)
        }
        throw HTTPError(.bodyNotAllowed, status: .internalServerError)
    }

    /// Appends the payload of TRAILERS (V1-66). Fields about framing, routing, authentication and the connection are left
    /// out, and those whose values are secret: trailers have no SECRETS.
    ///
    /// - Parameters:
    ///   - trailers: The fields.
    ///   - secrets: As for heads.
    ///   - limits: ``HTTPLimits/maxTrailerSize`` and ``HTTPLimits/maxFieldCount`` are what the other end is known to accept.
    ///   - buffer: Where the payload is appended.
    /// - Throws: ``HTTPError`` with `tooManyFields` or `trailersTooLarge`.
    public static func encode(
        trailers: Fields, secrets: SecretFields = .default, limits: HTTPLimits = .default, into buffer: inout ByteBuffer
    ) throws(HTTPError) {
        let plan = FieldPlan(trailers, filter: .trailers)
        let (entries, source) = (trailers.entries, trailers.buffer.readableBytesSpan)
        let fields = FramedFieldPlan(entries, source, plan, secrets, dropsSecrets: true)
        guard fields.count <= limits.maxFieldCount else { throw HTTPError(.tooManyFields) }
        guard fields.bound < longestVarint else { throw HTTPError(.trailersTooLarge) }
        let start = buffer.writerIndex
        HeadWriter.append(to: &buffer, atMost: 3 + fields.bound) { writer in
            writer.write(varint: fields.count)
            fields.write(entries, source, secrets: secrets, to: &writer)
        }
        guard buffer.writerIndex - start > limits.maxTrailerSize else { return }
        buffer.moveWriterIndex(to: start)
        throw HTTPError(.trailersTooLarge)
    }

    /// The exact size of a head is known only when it stands there; one that is too large is cut off again.
    @inline(__always)
    private static func finish(
        from start: Int, secrets secretSize: Int, _ limits: HTTPLimits, _ buffer: inout ByteBuffer,
        _ secretValues: inout ByteBuffer
    ) throws(HTTPError) {
        guard buffer.writerIndex - start + secretSize > min(limits.maxHeadSize, maxHeadSize) else { return }
        buffer.moveWriterIndex(to: start)
        secretValues.moveWriterIndex(to: secretValues.writerIndex - secretSize)
        throw HTTPError(.headTooLarge)
    }
}

/// The flags of a request's head (V1-61).
enum FramedFlags {
    static let https: UInt8 = 1
    static let http10: UInt8 = 2
}

extension FramedResponseKind {
    /// Throws if a head with that status cannot be of this kind (V1-62).
    func check(_ status: Status) throws(HTTPError) {
        switch self {
        case .interim:
            guard !status.isInformational || status == .switchingProtocols else { return }
            throw HTTPError(.invalidStatusLine, message: "An interim response must be a 1xx other than 101.")
        case .final:
            if status.isInformational { throw HTTPError(.informationalAsFinal) }
        case .tunnel:
            guard status != .switchingProtocols, !status.isSuccessful else { return }
            throw HTTPError(.invalidStatusLine, message: "Only a 101 or a 2xx grants a tunnel.")
        }
    }
}

extension HeadWriter {
    /// `Content-Length` as it stands in heads of protocol v1; negative lengths are taken as 0.
    fileprivate mutating func write(contentLength length: Int) {
        write(byte: FieldID.contentLength)
        write(byte: UInt8(truncatingIfNeeded: HeadWriter.digits(of: max(0, length))))
        write(decimal: max(0, length))
    }
}
