public import NIOCore
public import TeleportEndpoint
public import TeleportHTTP
public import TeleportRPC

/// HTTP on protocol v1 (section 7 of its specification): heads in their own form, bodies as they come.
extension HTTPCodec {
    /// What is remembered of a request to read its answer.
    public struct FramedContext: Sendable {
        /// Its answer has a head alone.
        @usableFromInline let isHead: Bool
        @usableFromInline let opensTunnel: Bool

        @inlinable
        init(isHead: Bool, opensTunnel: Bool) {
            self.isHead = isHead
            self.opensTunnel = opensTunnel
        }
    }

    // MARK: Sending

    @inlinable
    public func outboundRequest(_ request: Request) -> OutboundMessage {
        OutboundMessage(
            OutboundBody(request.body, request.trailers), isSensitive: request.isSensitive,
            isTunnel: request.opensTunnel)
    }

    @inlinable
    public func outboundResponse(_ response: Response) -> OutboundMessage {
        if response.grantsTunnel {
            let body = response.body
            return OutboundMessage(.stream { body.openPipe(trailers: nil) }, isTunnel: true)
        }
        // A 204 or 304 has none, whatever it was given.
        guard !response.status.forbidsBody else { return OutboundMessage(.none) }
        return OutboundMessage(OutboundBody(response.body, response.trailers))
    }

    @inlinable
    public func encodeHead(
        request: Request, into buffer: inout ByteBuffer, secrets: inout ByteBuffer
    ) throws(RPCError) -> FramedContext {
        guard !request.body.isConsumed else { throw Self.consumed }
        do throws(HTTPError) {
            try FramedEncoder.encode(
                request.head, content: FramedContent(request.body, hasTrailers: request.hasTrailers),
                isSecure: request.isSecure, opensTunnel: request.opensTunnel,
                via: self.via, secrets: self.secrets, limits: self.sentLimits, into: &buffer, secretValues: &secrets)
            return FramedContext(isHead: request.head.method == .head, opensTunnel: request.opensTunnel)
        } catch {
            throw RPCError(.unsendable, error.message, cause: error)
        }
    }

    @inlinable
    public func encodeHead(
        response: Response, into buffer: inout ByteBuffer, secrets: inout ByteBuffer
    ) throws(RPCError) {
        guard !response.body.isConsumed else { throw Self.consumed }
        try self.encodeHead(response, FramedContent(response), &buffer, &secrets)
    }

    @inlinable
    func encodeHead(
        _ response: Response, _ content: FramedContent, _ buffer: inout ByteBuffer, _ secrets: inout ByteBuffer
    ) throws(RPCError) {
        let kind: FramedResponseKind =
            response.grantsTunnel ? .tunnel : response.status.isInformational ? .interim : .final
        do throws(HTTPError) {
            try FramedEncoder.encode(
                response.head, kind: kind, content: content, date: kind == .final ? self.dateClock?.now() : nil,
                secrets: self.secrets, limits: self.sentLimits, into: &buffer, secretValues: &secrets)
        } catch {
            throw RPCError(.unsendable, error.message, cause: error)
        }
    }

    @usableFromInline
    static var consumed: RPCError {
        RPCError(.unsendable, "The body is a stream that was read already: it can be sent once only.")
    }

    public func encodeTrailers(_ trailers: any Sendable, into buffer: inout ByteBuffer) throws(RPCError) {
        guard let fields = trailers as? Fields else { throw RPCError(.unsendable, "The trailers are no fields.") }
        do throws(HTTPError) {
            try FramedEncoder.encode(trailers: fields, secrets: self.secrets, limits: self.sentLimits, into: &buffer)
        } catch {
            throw RPCError(.unsendable, error.message, cause: error)
        }
    }

    @inlinable
    public func wantsHeadOnly(_ request: Request) -> Bool { request.head.method == .head }

    /// `Content-Length` then says how long the body would have been.
    public func encodeHeadAlone(
        of response: Response, into buffer: inout ByteBuffer, secrets: inout ByteBuffer
    ) throws(RPCError) {
        let length = response.body.count ?? 0
        try self.encodeHead(response, .headOnly(length: length > 0 ? length : nil), &buffer, &secrets)
    }

    // MARK: Receiving

    @inlinable
    public func decodeRequest(_ message: consuming InboundMessage) -> ReceivedRequest<Request, Response> {
        guard !message.isTunnel else { return self.decodeTunnel(message) }
        let isSensitive = message.isSensitive
        let (head, secrets, bytes) = message.split()
        do throws(HTTPError) {
            let framed = try FramedDecoder.decodeRequest(
                consume head, secrets: consume secrets, limits: self.limits)
            let body = try self.body(bytes, ContentCheck(framed))
            let isSecure = framed.isSecure
            return .request(
                Request(head: (consume framed).head, body: body, isSecure: isSecure, isSensitive: isSensitive))
        } catch {
            return .refused(.refusal(error))
        }
    }

    @inlinable
    public func decodeResponse(_ message: consuming InboundMessage, context: FramedContext) -> ReceivedResponse<
        Response
    > {
        let (isTunnel, isInterim) = (message.isTunnel, message.isInterim)
        let (head, secrets, bytes) = message.split()
        do throws(HTTPError) {
            let framed = try FramedDecoder.decodeResponse(
                consume head, secrets: consume secrets, kind: isInterim ? .interim : isTunnel ? .tunnel : .final,
                limits: self.limits)
            if isTunnel { return try self.grantedTunnel(framed.head, bytes, context) }
            if isInterim { return .response(Response(head: framed.head)) }
            let body = try self.body(bytes, ContentCheck(framed, to: context.isHead ? .head : .get))
            return .response(Response(head: (consume framed).head, body: body))
        } catch {
            return .refused(RPCError(.unacceptableAnswer, error.message, possiblyExecuted: true, cause: error))
        }
    }

    /// A request that asks for a tunnel: its body is no body, and has no length.
    @usableFromInline
    func decodeTunnel(_ message: consuming InboundMessage) -> ReceivedRequest<Request, Response> {
        do throws(HTTPError) {
            guard self.allowsTunnels else {
                throw HTTPError(.connectNotSupported, message: "Tunnels are not opened here.")
            }
            let framed = try FramedDecoder.decodeRequest(
                message.head, secrets: message.secrets, isTunnel: true, limits: self.limits)
            guard framed.head.method == .connect || framed.head.fields.contains(.upgrade),
                framed.contentLength ?? 0 == 0
            else {
                throw HTTPError(
                    .malformedHead, message: "A tunnel is asked for by CONNECT or an upgrade, without a body.")
            }
            return .request(
                Request(
                    head: framed.head, body: Self.bytes(message.body), isSecure: framed.isSecure,
                    isSensitive: message.isSensitive, opensTunnel: true))
        } catch {
            return .refused(.refusal(error))
        }
    }

    @usableFromInline
    func grantedTunnel(
        _ head: ResponseHead, _ body: InboundBody, _ context: FramedContext
    ) throws(HTTPError) -> ReceivedResponse<Response> {
        guard context.opensTunnel else {
            throw HTTPError(
                .informationalAsFinal, status: .badGateway,
                message: "The server granted a tunnel that nobody asked for.")
        }
        return .response(Response(head: head, body: Self.bytes(body), grantsTunnel: true))
    }

    /// One half of a tunnel.
    private static func bytes(_ body: InboundBody) -> Body {
        switch body {
        case .none: return .empty
        case .whole(let bytes): return Body(bytes)
        case .pipe(let pipe):
            pipe.declare(size: nil)
            return Body(source: PipeSource(pipe))
        }
    }

    /// The body, held to what its head declared and to the limit.
    @inlinable
    func body(_ body: consuming InboundBody, _ check: ContentCheck) throws(HTTPError) -> Body {
        switch consume body {
        case .none:
            try check.ended()
            return .empty
        case .whole(let bytes):
            var check = check
            try check.received(bytes.readableBytes)
            try check.ended()
            guard bytes.readableBytes <= self.streamLimit else { throw HTTPError(.bodyTooLarge) }
            return Body(bytes)
        case .pipe(let pipe):
            guard check.remaining ?? 0 <= self.streamLimit else { throw HTTPError(.bodyTooLarge) }
            pipe.declare(size: check.remaining, limit: self.streamLimit)
            return Body(source: PipeSource(pipe))
        }
    }

    public func decodeTrailers(_ bytes: ByteBuffer) throws(RPCError) -> any Sendable {
        do throws(HTTPError) {
            return try FramedDecoder.decodeTrailers(bytes, limits: self.limits) ?? Fields()
        } catch {
            throw RPCError(.unacceptableAnswer, error.message, possiblyExecuted: true, cause: error)
        }
    }

    // MARK: On v0

    @inlinable
    public func isStreamed(request: Request) -> Bool { request.body.isStream }
    @inlinable
    public func isStreamed(response: Response) -> Bool { response.body.isStream }

    public func buffered(request: Request) async throws(RPCError) -> Request {
        var request = request
        request.body = try await self.buffered(request.body)
        return request
    }

    public func buffered(response: Response) async throws(RPCError) -> Response {
        var response = response
        response.body = try await self.buffered(response.body)
        return response
    }

    private func buffered(_ body: Body) async throws(RPCError) -> Body {
        do throws(BodyError) {
            return Body(try await body.collect(upTo: self.sentLimits.maxBodySize))
        } catch {
            throw RPCError(
                .unsendable,
                """
                Protocol v0 cannot send a body as it comes, and this one could not be gathered first (at most \
                \(self.sentLimits.maxBodySize) bytes). Use v1, or a smaller body.
                """, cause: error)
        }
    }
}

extension OutboundBody {
    /// A body as it is sent on v1.
    @inlinable
    init(_ body: Body, _ trailers: Fields?) {
        if trailers == nil, let count = body.wholeCount {
            self = if count > 0, let bytes = body.buffer { .whole(bytes) } else { .none }
        } else {
            self = .stream { body.openPipe(trailers: trailers) }
        }
    }
}

extension FramedContent {
    @inlinable
    init(_ body: borrowing Body, hasTrailers: Bool) {
        // What one frame carries with the head.
        if !hasTrailers, let count = body.wholeCount, count <= 65536 {
            self = .whole(count)
        } else {
            // Trailers reach HTTP/1.1 only behind a chunked body, which has no length.
            self = .streamed(length: hasTrailers ? nil : body.count)
        }
    }

    @inlinable
    init(_ response: borrowing Response) {
        if response.status.forbidsBody {
            self = .whole(0)
        } else {
            self.init(response.body, hasTrailers: response.hasTrailers)
        }
    }
}

extension Body {
    /// The body as a pipe; one that has failed if somebody else reads it.
    @usableFromInline
    func openPipe(trailers: Fields?) -> BodyPipe {
        if let bytes = self.buffer { return BodyPipe(whole: bytes, trailers: trailers) }
        do throws(BodyError) {
            guard let source = try self.takeSource() else { return BodyPipe(whole: ByteBuffer()) }
            if trailers == nil, let pipe = (source as? PipeSource)?.handOn() { return pipe }
            let pipe = BodyPipe(size: source.length)
            let pouring = Task { await source.pour(into: pipe, trailers: trailers) }
            // It may be waiting for a piece that never comes.
            pipe.onCancel {
                pouring.cancel()
                source.cancel()
            }
            return pipe
        } catch {
            let pipe = BodyPipe()
            pipe.fail(RPCError(.unsendable, error.description, cause: error))
            return pipe
        }
    }
}

extension BodySource {
    /// Moves everything into a pipe.
    func pour(into pipe: BodyPipe, trailers: Fields?) async {
        do {
            while let piece = try await self.next() { try await pipe.write(piece) }
            pipe.finish(trailers: self.trailers ?? trailers)
        } catch {
            self.cancel()
            pipe.fail(error as? RPCError ?? RPCError(.unsendable, "The body broke off.", cause: error))
        }
    }
}

extension HTTPLimits {
    /// The largest head that the peer is told to send on v1. Never less than the default: what is over a smaller limit gets
    /// its answer, 431, and does not end the connection.
    public var headSizeOnWire: Int { Swift.min(Swift.max(self.maxHeadSize, 65536), 1 << 20) }
}
