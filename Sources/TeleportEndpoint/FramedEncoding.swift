public import struct NIOCore.ByteBuffer
public import TeleportRPC

/// What a v1 connection of a server has to know of the codec to send answers. Made where the codec is known, so that what
/// is behind the closures is specialised for it (a protocol in their place would not be); one object for all connections of
/// a server.
@usableFromInline
final class FramedEncoding<Response: Sendable>: Sendable {
    /// The body of a response.
    @usableFromInline let message: @Sendable (borrowing Response) -> OutboundMessage
    /// Appends the head of a response, and its secrets.
    @usableFromInline let head:
        @Sendable (borrowing Response, inout ByteBuffer, inout ByteBuffer) throws(RPCError) -> Void
    /// What stands in for a response that cannot be sent.
    @usableFromInline let substitute: @Sendable (RPCError) -> Response

    @inlinable
    init<Codec: FramedCodec>(_ codec: Codec) where Codec.Response == Response {
        self.message = { codec.outboundResponse($0) }
        self.head = { response, buffer, secrets throws(RPCError) in
            try codec.encodeHead(response: response, into: &buffer, secrets: &secrets)
        }
        self.substitute = { codec.response(to: .unsendable($0)) }
    }

    /// For requests that want the head of the answer alone.
    @inlinable
    init<Codec: FramedCodec>(headsOf codec: Codec) where Codec.Response == Response {
        self.message = { _ in OutboundMessage(.none) }
        self.head = { response, buffer, secrets throws(RPCError) in
            try codec.encodeHeadAlone(of: response, into: &buffer, secrets: &secrets)
        }
        self.substitute = { codec.response(to: .unsendable($0)) }
    }
}

/// A v1 connection of a server together with how its answers look: all that a responder has to hold, in one reference.
@usableFromInline
final class FramedAnswers<Response: Sendable>: Sendable {
    @usableFromInline let connection: FramedServerConnection
    @usableFromInline let encoding: FramedEncoding<Response>

    @inlinable
    init(_ connection: FramedServerConnection, _ encoding: FramedEncoding<Response>) {
        self.connection = connection
        self.encoding = encoding
    }

    @inlinable
    func answer(_ token: StreamToken, with response: borrowing Response, isServersOwn: Bool = false) {
        self.connection.answer(token, with: response, self.encoding, isServersOwn: isServersOwn)
    }
}

/// What reads the requests of one v1 connection of a server, and hands them to the handler or answers them.
@usableFromInline
final class FramedDispatcher<Codec: FramedCodec, Handler: RequestHandler>: Sendable
where Handler.Request == Codec.Request, Handler.Response == Codec.Response {
    @usableFromInline let codec: Codec
    @usableFromInline let handler: Handler
    @usableFromInline let load: RequestLoad
    @usableFromInline let whole: FramedAnswers<Codec.Response>
    @usableFromInline let headsAlone: FramedAnswers<Codec.Response>

    @inlinable
    init(
        _ codec: Codec, _ handler: Handler, _ connection: FramedServerConnection,
        _ whole: FramedEncoding<Codec.Response>,
        _ headsAlone: FramedEncoding<Codec.Response>
    ) {
        self.codec = codec
        self.handler = handler
        self.load = connection.load
        self.whole = FramedAnswers(connection, whole)
        self.headsAlone = FramedAnswers(connection, headsAlone)
    }

    @inlinable
    func dispatch(_ message: consuming InboundMessage, _ request: StreamRequest) {
        let pipe = message.pipe
        let received = self.codec.decodeRequest(message)
        switch consume received {
        case .request(let decoded):
            let answers = self.codec.wantsHeadOnly(decoded) ? self.headsAlone : self.whole
            guard self.load.enter() else {
                let refusal = self.codec.response(to: .tooManyConcurrent(limit: self.load.limit))
                return answers.answer(request.token, with: refusal, isServersOwn: true)
            }
            self.handler.handle(consume decoded, Responder(consume answers, request))
        case .refused(let response), .unreadable(let response, _):
            // Nobody reads the body.
            pipe?.cancel()
            self.whole.answer(request.token, with: response, isServersOwn: true)
        }
    }
}

/// What the v1 connections of a server hand to the codec and the handler, whose types they do not know.
@usableFromInline
struct FramedService: Sendable {
    /// Reads a request.
    @usableFromInline typealias Dispatch = @Sendable (consuming InboundMessage, StreamRequest) -> Void

    /// What reads the requests of one connection: a ``FramedDispatcher``, whose types are known behind the closure.
    @usableFromInline let open: @Sendable (FramedServerConnection) -> Dispatch
    @usableFromInline let encodeTrailers: @Sendable (any Sendable, inout ByteBuffer) throws(RPCError) -> Void
    @usableFromInline let decodeTrailers: @Sendable (ByteBuffer) throws(RPCError) -> any Sendable

    @inlinable
    init<Codec: FramedCodec, Handler: RequestHandler>(
        _ codec: Codec, _ handler: Handler
    ) where Handler.Request == Codec.Request, Handler.Response == Codec.Response {
        let (whole, headsAlone) = (FramedEncoding(codec), FramedEncoding(headsOf: codec))
        self.encodeTrailers = { trailers, buffer throws(RPCError) in try codec.encodeTrailers(trailers, into: &buffer) }
        self.decodeTrailers = { bytes throws(RPCError) in try codec.decodeTrailers(bytes) }
        self.open = { connection in
            let dispatcher = FramedDispatcher(codec, handler, connection, whole, headsAlone)
            return { message, request in dispatcher.dispatch(message, request) }
        }
    }
}

/// A request on a v1 connection.
@usableFromInline
struct StreamRequest: Sendable {
    @usableFromInline let token: StreamToken
    @usableFromInline let isOneWay: Bool
    /// Until when the client waits; `.never` if it did not say.
    @usableFromInline let deadline: Nanoseconds

    @usableFromInline
    init(token: StreamToken, isOneWay: Bool, deadline: Nanoseconds) {
        self.token = token
        self.isOneWay = isOneWay
        self.deadline = deadline
    }
}
