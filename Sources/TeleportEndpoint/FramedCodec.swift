public import struct NIOCore.ByteBuffer
public import struct TeleportRPC.RPCError

/// The face of a codec on protocol v1: a message is a head and a body, and the frame says where each ends.
///
/// ``SelfDelimitingCodec`` has it too, by default: the whole v0 message is the head then, and there is no body. A codec
/// that streams implements it itself.
public protocol FramedCodec: MessageCodec {
    /// What has to be remembered of a request to read its answer.
    associatedtype FramedContext: Sendable = Void

    /// The body of `request`, and what is to be known to send it.
    func outboundRequest(_ request: Request) -> OutboundMessage
    /// The body of `response`.
    func outboundResponse(_ response: Response) -> OutboundMessage

    /// Appends the head of `request` to `buffer`, and to `secrets` the values that must touch no history (V1-65).
    ///
    /// - Throws: ``RPCError`` `.unsendable`. The caller cuts both buffers back, and nobody else notices.
    func encodeHead(
        request: Request, into buffer: inout ByteBuffer, secrets: inout ByteBuffer
    ) throws(RPCError) -> FramedContext
    /// Appends the head of `response`.
    func encodeHead(response: Response, into buffer: inout ByteBuffer, secrets: inout ByteBuffer) throws(RPCError)
    /// Appends trailers, of the type that this codec puts into pipes.
    func encodeTrailers(_ trailers: any Sendable, into buffer: inout ByteBuffer) throws(RPCError)

    /// Whether the answer to `request` is to be its head alone, whatever the handler gives. Default false.
    func wantsHeadOnly(_ request: Request) -> Bool
    /// Appends the head of `response`, whose body is not sent; it may describe it all the same. Default: as any other.
    func encodeHeadAlone(of response: Response, into buffer: inout ByteBuffer, secrets: inout ByteBuffer)
        throws(RPCError)

    /// Reads a request.
    func decodeRequest(_ message: consuming InboundMessage) -> ReceivedRequest<Request, Response>
    /// Reads a response. It tells the pipe, if there is one, how long the body has to be.
    func decodeResponse(_ message: consuming InboundMessage, context: FramedContext) -> ReceivedResponse<Response>
    /// Reads trailers.
    ///
    /// - Throws: ``RPCError`` `.unacceptableAnswer` if they are malformed.
    func decodeTrailers(_ bytes: ByteBuffer) throws(RPCError) -> any Sendable
}

extension FramedCodec {
    @inlinable
    public func wantsHeadOnly(_ request: Request) -> Bool { false }

    public func encodeHeadAlone(
        of response: Response, into buffer: inout ByteBuffer, secrets: inout ByteBuffer
    ) throws(RPCError) {
        try self.encodeHead(response: response, into: &buffer, secrets: &secrets)
    }
}

/// A message to be sent on v1, but for its head.
public struct OutboundMessage: Sendable {
    public var body: OutboundBody
    /// Whether the whole stream, its other direction included, is kept out of every history (V1-23).
    public var isSensitive: Bool
    /// Whether it asks for a tunnel, or grants one (V1-70). The body is then its bytes, and is ``OutboundBody/stream(open:)``
    /// in an answer.
    public var isTunnel: Bool

    @inlinable
    public init(_ body: OutboundBody, isSensitive: Bool = false, isTunnel: Bool = false) {
        self.body = body
        self.isSensitive = isSensitive
        self.isTunnel = isTunnel
    }
}

/// A body to be sent.
public enum OutboundBody: Sendable {
    case whole(ByteBuffer)
    /// Sent as it comes. `open` is called once, when the message was accepted: it begins the body, or gives a pipe that
    /// has failed.
    case stream(open: @Sendable () -> BodyPipe)
}

/// A message that was received on v1.
public struct InboundMessage: Sendable {
    /// The head's bytes.
    public let head: ByteBuffer
    /// The values that came in SECRETS; `nil` if there were none.
    public let secrets: ByteBuffer?
    public let body: InboundBody
    /// Whether its stream is sensitive.
    public let isSensitive: Bool
    /// Whether it is an informational answer.
    public let isInterim: Bool
    /// Whether it asks for a tunnel, or grants one.
    public let isTunnel: Bool

    @inlinable
    public init(
        head: ByteBuffer, secrets: ByteBuffer? = nil, body: InboundBody, isSensitive: Bool = false,
        isInterim: Bool = false, isTunnel: Bool = false
    ) {
        self.head = head
        self.secrets = secrets
        self.body = body
        self.isSensitive = isSensitive
        self.isInterim = isInterim
        self.isTunnel = isTunnel
    }
}

/// A body that was received, or is being received.
public enum InboundBody: Sendable {
    case whole(ByteBuffer)
    case pipe(BodyPipe)

    @inlinable var pipe: BodyPipe? { if case .pipe(let pipe) = self { pipe } else { nil } }
}
