public import struct NIOCore.ByteBuffer

/// Reads heads and trailers of protocol v1 (V1-60 to V1-68), strictly and within limits.
///
/// Where a head ends is known before it is read, so whatever is wrong with one concerns its stream alone: a request is
/// answered with the error's status, and whoever waits for a response is told.
///
/// **Ownership.** Target and fields are slices of the buffer given, and keep the block that it is a part of; the array of
/// entries is the only allocation. A head with secret values is copied together with them into a buffer of its own.
public enum FramedDecoder {
    /// Reads the head of a request.
    ///
    /// - Parameters:
    ///   - head: Exactly the head.
    ///   - secrets: The payload of the SECRETS that came for it.
    ///   - isTunnel: Whether its frame has TUNNEL: else `Upgrade` and `CONNECT` are refused.
    ///   - limits: What is accepted: ``HTTPLimits/maxHeadSize`` of head and secret values together,
    ///     ``HTTPLimits/maxTargetSize``, and ``HTTPLimits/maxFieldCount`` with `Host`.
    /// - Throws: ``HTTPError`` with the status to answer with.
    public static func decodeRequest(
        _ head: consuming ByteBuffer, secrets: ByteBuffer? = nil, isTunnel: Bool = false,
        limits: HTTPLimits = .default
    ) throws(HTTPError) -> FramedRequestHead {
        let headSize = head.readableBytes
        let buffer = try join(head, secrets, limits.maxHeadSize)
        let read = try readRequest(buffer.readableBytesSpan, headSize, isTunnel, limits)
        return FramedRequestHead(
            head: RequestHead(
                method: read.method, target: read.target, version: read.version,
                fields: Fields(buffer: consume buffer, entries: read.entries)),
            isSecure: read.isSecure, contentLength: read.contentLength)
    }

    /// What the bytes of a head say; the head itself keeps them, and is made of it when nobody looks at them any more.
    private struct ReadRequest {
        let method: HTTPMethod
        let target: TargetPlace
        let version: HTTPVersion
        let isSecure: Bool
        let contentLength: Int?
        let entries: [FieldEntry]
    }

    @inline(__always)
    private static func readRequest(
        _ bytes: RawSpan, _ headSize: Int, _ isTunnel: Bool, _ limits: HTTPLimits
    ) throws(HTTPError) -> ReadRequest {
        var reader = FramedFieldReader(to: headSize, secretsTo: bytes.byteCount)
        let method = try method(bytes, &reader.cursor)
        let flags = try reader.cursor.byte(bytes)
        guard flags & ~(FramedFlags.https | FramedFlags.http10) == 0 else { throw HTTPError(.malformedHead) }

        let targetLength = try reader.cursor.varint(bytes)
        guard targetLength <= limits.maxTargetSize else { throw HTTPError(.targetTooLong) }
        let targetStart = try reader.cursor.skip(targetLength)
        let targetEnd = targetStart &+ targetLength
        guard targetLength > 0, ByteScan.spaceStop(bytes, from: targetStart, to: targetEnd) == targetEnd else {
            throw HTTPError(.invalidTarget)
        }
        let hostLength = try reader.cursor.varint(bytes)
        let hostStart = try reader.cursor.skip(hostLength)
        guard ByteScan.isHost(bytes, from: hostStart, to: hostStart &+ hostLength) else {
            throw HTTPError(.invalidHost)
        }
        let entries = try reader.fields(
            bytes, behindHost: hostStart..<hostStart &+ hostLength,
            forbidden: forbidden(isTunnel).with(FieldID.host), maxCount: limits.maxFieldCount)
        guard isTunnel || method != .connect else { throw HTTPError(.connectNotSupported) }
        return ReadRequest(
            method: method, target: TargetPlace(start: targetStart, length: targetLength),
            version: flags & FramedFlags.http10 == 0 ? .http11 : .http10, isSecure: flags & FramedFlags.https != 0,
            contentLength: reader.contentLength, entries: entries)
    }

    @inline(__always)
    private static func method(_ bytes: RawSpan, _ cursor: inout HeadCursor) throws(HTTPError) -> HTTPMethod {
        let number = try cursor.byte(bytes)
        if let method = HTTPMethod(number: number) { return method }
        guard number == 0 else { throw HTTPError(.invalidMethod) }
        let length = Int(try cursor.byte(bytes))
        let start = try cursor.skip(length)
        guard let method = HTTPMethod(bytes: bytes, from: start, to: start &+ length) else {
            throw HTTPError(.invalidMethod)
        }
        return method
    }

    /// Reads the head of a response.
    ///
    /// - Parameters:
    ///   - head: Exactly the head.
    ///   - secrets: The payload of the SECRETS that came for it.
    ///   - kind: Which one it is, by the flags of its frame.
    ///   - limits: As for requests.
    /// - Throws: ``HTTPError`` with status 502 to pass on.
    public static func decodeResponse(
        _ head: consuming ByteBuffer, secrets: ByteBuffer? = nil, kind: FramedResponseKind = .final,
        limits: HTTPLimits = .default
    ) throws(HTTPError) -> FramedResponseHead {
        do throws(HTTPError) {
            return try response(head, secrets, kind, limits)
        } catch {
            throw error.fromUpstream
        }
    }

    @inline(__always)
    private static func response(
        _ head: consuming ByteBuffer, _ secrets: ByteBuffer?, _ kind: FramedResponseKind, _ limits: HTTPLimits
    ) throws(HTTPError) -> FramedResponseHead {
        let headSize = head.readableBytes
        let buffer = try join(head, secrets, limits.maxHeadSize)
        let read = try readResponse(buffer.readableBytesSpan, headSize, kind, limits)
        let fields = Fields(buffer: consume buffer, entries: read.entries)
        let reason = read.customReason.map { fields.slice($0.lowerBound, $0.count) }
        return FramedResponseHead(
            head: ResponseHead(status: read.status, version: .http11, customReason: reason, fields: fields),
            contentLength: read.contentLength)
    }

    /// As ``ReadRequest``.
    private struct ReadResponse {
        let status: Status
        let customReason: Range<Int>?
        let contentLength: Int?
        let entries: [FieldEntry]
    }

    @inline(__always)
    private static func readResponse(
        _ bytes: RawSpan, _ headSize: Int, _ kind: FramedResponseKind, _ limits: HTTPLimits
    ) throws(HTTPError) -> ReadResponse {
        var reader = FramedFieldReader(to: headSize, secretsTo: bytes.byteCount)
        let low = try reader.cursor.byte(bytes)
        let high = try reader.cursor.byte(bytes)
        guard let status = Status(code: Int(high) << 8 | Int(low)) else { throw HTTPError(.invalidStatusLine) }
        try kind.check(status)
        let reasonLength = try reader.cursor.varint(bytes)
        let reasonStart = try reader.cursor.skip(reasonLength)
        let reasonEnd = reasonStart &+ reasonLength
        guard ByteScan.lineStop(bytes, from: reasonStart, to: reasonEnd) == reasonEnd else {
            throw HTTPError(.invalidStatusLine, message: "The reason phrase contains a control character.")
        }
        let isStandardReason =
            reasonLength == 0
            || bytes.extracting(reasonStart..<reasonEnd).isIdenticalContent(to: status.standardReason)
        let entries = try reader.fields(
            bytes, forbidden: forbidden(kind == .tunnel), maxCount: limits.maxFieldCount)
        return ReadResponse(
            status: status, customReason: isStandardReason ? nil : reasonStart..<reasonEnd,
            contentLength: reader.contentLength, entries: entries)
    }

    /// Fields that have no place in a head.
    @inline(__always)
    private static func forbidden(_ isTunnel: Bool) -> FieldSet {
        isTunnel ? .ofConnection.without(FieldID.upgrade) : .ofConnection
    }

    /// Reads the payload of TRAILERS (V1-66); `nil` if it has no field.
    ///
    /// - Parameters:
    ///   - trailers: Exactly the payload.
    ///   - limits: What is accepted: ``HTTPLimits/maxTrailerSize`` and ``HTTPLimits/maxFieldCount``.
    /// - Throws: ``HTTPError``, with the status for a request's trailers.
    public static func decodeTrailers(
        _ trailers: ByteBuffer, limits: HTTPLimits = .default
    ) throws(HTTPError) -> Fields? {
        guard trailers.readableBytes <= limits.maxTrailerSize else { throw HTTPError(.trailersTooLarge) }
        let size = trailers.readableBytes
        var reader = FramedFieldReader(to: size, secretsTo: size)
        let entries = try reader.fields(
            trailers.readableBytesSpan, forbidden: .forbiddenInTrailers, maxCount: limits.maxFieldCount)
        return entries.isEmpty ? nil : Fields(buffer: trailers, entries: entries)
    }

    /// Head and secret values as one buffer; the head as it is if there are none.
    @inline(__always)
    private static func join(_ head: consuming ByteBuffer, _ secrets: ByteBuffer?, _ limit: Int) throws(HTTPError)
        -> ByteBuffer
    {
        guard let secrets, secrets.readableBytes > 0 else {
            guard head.readableBytes <= limit else { throw HTTPError(.headTooLarge) }
            return consume head
        }
        guard secrets.readableBytes <= limit, head.readableBytes <= limit - secrets.readableBytes else {
            throw HTTPError(.headTooLarge)
        }
        var joined = ByteBuffer()
        joined.reserveCapacity(minimumWritableBytes: head.readableBytes + secrets.readableBytes)
        joined.writeImmutableBuffer(head)
        joined.writeImmutableBuffer(secrets)
        return joined
    }
}
