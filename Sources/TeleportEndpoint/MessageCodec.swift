public import struct NIOCore.ByteBuffer
public import struct TeleportRPC.RPCError

/// The messages of an RPC: what a request is, what a response is, and how a server answers when no handler did.
///
/// How messages look on the wire is a second question, answered by one of the faces of a codec:
/// ``SelfDelimitingCodec`` for protocol v0, where a message itself tells where it ends. One message model serves all faces.
public protocol MessageCodec: Sendable {
    /// What a client sends and a handler gets.
    associatedtype Request: Sendable
    /// What a handler returns and a client gets.
    associatedtype Response: Sendable

    /// The answer to a request that no handler answered.
    func response(to refusal: Refusal) -> Response

    /// Whether the body of `request` is not here yet: v0 cannot send it then, and it is ``buffered(request:)`` first.
    func isStreamed(request: Request) -> Bool
    /// The same for a response.
    func isStreamed(response: Response) -> Bool
    /// `request` with all of its body, up to the codec's limit.
    ///
    /// - Throws: ``RPCError`` `.unsendable` if it is larger, or breaks off.
    func buffered(request: Request) async throws(RPCError) -> Request
    /// The same for a response.
    func buffered(response: Response) async throws(RPCError) -> Response
}

extension MessageCodec {
    @inlinable
    public func isStreamed(request: Request) -> Bool { false }
    @inlinable
    public func isStreamed(response: Response) -> Bool { false }
    public func buffered(request: Request) async throws(RPCError) -> Request { request }
    public func buffered(response: Response) async throws(RPCError) -> Response { response }
}

/// Why a server answers a request by itself.
public enum Refusal: Sendable {
    /// As many requests are being handled as `limit` admits.
    case tooManyConcurrent(limit: Int)
    /// The handler threw this error.
    case handlerFailed(any Error)
    /// The handler's answer cannot be sent as it is.
    case unsendable(RPCError)
}

/// The face of a codec on protocol v0: messages follow each other in one byte stream, each preceded by its id, and the
/// codec alone knows where one ends. Whatever it accepts must therefore be readable in exactly one way.
public protocol SelfDelimitingCodec: FramedCodec {
    /// Reads requests, on the server.
    associatedtype RequestDecoder: SelfDelimitingDecoder
    where RequestDecoder.Message == ReceivedRequest<Request, Response>
    /// Reads responses, on the client.
    associatedtype ResponseDecoder: SelfDelimitingDecoder
    where ResponseDecoder.Message == ReceivedResponse<Response>
    /// What has to be remembered of a request until its answer comes.
    associatedtype CallContext: Sendable = Void

    /// A decoder for one connection's requests.
    func makeRequestDecoder() -> RequestDecoder
    /// A decoder for one connection's responses.
    func makeResponseDecoder() -> ResponseDecoder

    /// Appends `request` to `buffer`, and says what to remember of it.
    ///
    /// - Throws: ``RPCError`` `.unsendable`. The caller cuts `buffer` back, and nobody else notices.
    func encode(_ request: Request, into buffer: inout ByteBuffer) throws(RPCError) -> CallContext

    /// Appends `response` to `buffer`.
    ///
    /// - Throws: ``RPCError`` `.unsendable`; the caller cuts `buffer` back.
    func encode(_ response: Response, into buffer: inout ByteBuffer) throws(RPCError)

    /// The response as the caller should see it, given what was remembered of its request. Runs once the answer has
    /// been matched with its call; on v0 no codec may need this to find where a message ends.
    func complete(_ response: consuming Response, context: CallContext) -> Response
}

extension SelfDelimitingCodec where CallContext == Void {
    @inlinable
    public func complete(_ response: consuming Response, context: Void) -> Response { response }
}

/// Takes messages from the front of a buffer; bytes may come in pieces of any size.
public protocol SelfDelimitingDecoder {
    associatedtype Message

    /// The next message, or `nil` if more bytes are needed. What is consumed is the decoder's to keep: the next call
    /// goes on behind it.
    ///
    /// - Throws: ``RPCError`` `.protocolViolation` when nobody can say where the next message begins. The connection
    ///   ends.
    mutating func decode(from buffer: inout ByteBuffer) throws(RPCError) -> Message?
}

/// What a client read.
public enum ReceivedResponse<Response: Sendable>: Sendable {
    /// The answer.
    case response(Response)
    /// A whole answer that is not acceptable, too large for instance: its caller alone fails, with this error.
    case refused(RPCError)
}

/// What a server read.
public enum ReceivedRequest<Request: Sendable, Response: Sendable>: Sendable {
    /// A request for the handler.
    case request(Request)
    /// A whole request that is not acceptable: this is the answer; the connection goes on.
    case refused(Response)
    /// A request whose end is not certain: this is the answer; then the connection ends, for this reason.
    case unreadable(Response, RPCError)
}
