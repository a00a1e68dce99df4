public import struct NIOCore.ByteBuffer
public import TeleportRPC

/// What a v1 connection of a server has to know of the codec to send answers. Made where the codec is known, so that what
/// is behind the closures is specialised for it; one object for all connections of a server.
@usableFromInline
final class FramedEncoding<Response: Sendable>: Sendable {
    /// The body of a response.
    @usableFromInline let message: @Sendable (Response) -> OutboundMessage
    /// Appends the head of a response, and its secrets.
    @usableFromInline let head: @Sendable (Response, inout ByteBuffer, inout ByteBuffer) throws(RPCError) -> Void
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
        self.message = { _ in OutboundMessage(.whole(ByteBuffer())) }
        self.head = { response, buffer, secrets throws(RPCError) in
            try codec.encodeHeadAlone(of: response, into: &buffer, secrets: &secrets)
        }
        self.substitute = { codec.response(to: .unsendable($0)) }
    }
}

/// What a v1 connection of a server hands to the codec and the handler; see ``FramedEncoding``.
@usableFromInline
struct FramedService: Sendable {
    /// Reads a request, and hands it to the handler or answers it.
    @usableFromInline let dispatch: @Sendable (consuming InboundMessage, consuming StreamRequest) -> Void
    @usableFromInline let encodeTrailers: @Sendable (any Sendable, inout ByteBuffer) throws(RPCError) -> Void
    @usableFromInline let decodeTrailers: @Sendable (ByteBuffer) throws(RPCError) -> any Sendable

    @inlinable
    init<Codec: FramedCodec, Handler: RequestHandler>(
        _ codec: Codec, _ handler: Handler, _ configuration: ServerConfiguration
    ) where Handler.Request == Codec.Request, Handler.Response == Codec.Response {
        let (encoding, headsAlone) = (FramedEncoding(codec), FramedEncoding(headsOf: codec))
        let limit = configuration.maxConcurrent
        self.encodeTrailers = { trailers, buffer throws(RPCError) in try codec.encodeTrailers(trailers, into: &buffer) }
        self.decodeTrailers = { bytes throws(RPCError) in try codec.decodeTrailers(bytes) }
        self.dispatch = { message, request in
            let pipe = message.body.pipe
            let received = codec.decodeRequest(message)
            switch consume received {
            case .request(let decoded):
                let encoding = codec.wantsHeadOnly(decoded) ? headsAlone : encoding
                guard request.connection.load.enter() else {
                    return request.refuse(codec.response(to: .tooManyConcurrent(limit: limit)), encoding)
                }
                handler.handle(consume decoded, Responder(framed: request, encoding: encoding))
            case .refused(let response), .unreadable(let response, _):
                // Nobody reads the body.
                pipe?.cancel()
                request.refuse(response, encoding)
            }
        }
    }
}

/// A request on a v1 connection that has not reached its handler.
@usableFromInline
struct StreamRequest: Sendable {
    @usableFromInline let connection: FramedServerConnection
    @usableFromInline let token: StreamToken
    @usableFromInline let isOneWay: Bool
    /// Until when the client waits; `.never` if it did not say.
    @usableFromInline let deadline: Nanoseconds

    @usableFromInline
    init(connection: FramedServerConnection, token: StreamToken, isOneWay: Bool, deadline: Nanoseconds) {
        self.connection = connection
        self.token = token
        self.isOneWay = isOneWay
        self.deadline = deadline
    }

    /// Answers it; its body, if that is still coming, is not wanted.
    @inlinable
    func refuse<Response>(_ response: Response, _ encoding: FramedEncoding<Response>) {
        self.connection.answer(self.token, with: response, encoding, isServersOwn: true)
    }
}
