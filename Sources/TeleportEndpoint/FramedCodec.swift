public import struct NIOCore.ByteBuffer
public import struct TeleportRPC.RPCError
public import TeleportWire

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
    /// There is none.
    case none
    case whole(ByteBuffer)
    /// Sent as it comes. `open` is called once, when the message was accepted: it begins the body, or gives a pipe that
    /// has failed.
    case stream(open: @Sendable () -> BodyPipe)
}

/// A message that was received on v1. It is moved, not copied: ``split()`` takes it apart.
public struct InboundMessage: ~Copyable, Sendable {
    @usableFromInline var payload: MessagePayload
    /// The values that came in SECRETS; `nil` if there were none.
    public var secrets: ByteBuffer? { self.secretValues }
    @usableFromInline var secretValues: ByteBuffer?
    /// The body, if it comes piece by piece.
    @usableFromInline let pipe: BodyPipe?
    /// Whether its stream is sensitive.
    public let isSensitive: Bool
    /// Whether it is an informational answer.
    public let isInterim: Bool
    /// Whether it asks for a tunnel, or grants one.
    public let isTunnel: Bool

    /// - Parameter pipe: the body, if it is not whole; of `payload` the head alone counts then.
    @inlinable
    init(
        _ payload: consuming MessagePayload, secrets: ByteBuffer?, pipe: BodyPipe?, flags: FrameFlags
    ) {
        self.isSensitive = flags.contains(.sensitive)
        self.isInterim = flags.contains(.interim)
        self.isTunnel = flags.contains(.tunnel)
        self.secretValues = secrets
        self.pipe = pipe
        self.payload = payload
    }

    /// A message of these parts, which are copied: for who tests a codec.
    public init(
        head: ByteBuffer, secrets: ByteBuffer? = nil, body: InboundBody = .none, isSensitive: Bool = false,
        isInterim: Bool = false, isTunnel: Bool = false
    ) {
        self.isSensitive = isSensitive
        self.isInterim = isInterim
        self.isTunnel = isTunnel
        self.secretValues = secrets
        self.pipe = if case .pipe(let pipe) = body { pipe } else { nil }
        self.payload =
            if case .whole(let bytes) = body { MessagePayload(head: head, body: bytes) } else {
                MessagePayload(head: head)
            }
    }

    /// The head's bytes.
    public var head: ByteBuffer { self.payload.head }
    /// The body.
    public var body: InboundBody { self.pipe.map { .pipe($0) } ?? .whole(self.payload.body) }
    /// Whether there is no body, and none comes.
    @inlinable public var hasNoBody: Bool { self.pipe == nil && self.payload.bodyLength == 0 }

    /// Head, secrets and body, which counts no reference more than there are parts.
    @inlinable
    public consuming func split() -> (head: ByteBuffer, secrets: ByteBuffer?, body: InboundBody) {
        let pipe = self.pipe
        let secrets = self.secretValues.take()
        let (head, body) = self.payload.split()
        if let pipe { return (head, secrets, .pipe(pipe)) }
        guard let body else { return (head, secrets, .none) }
        return (head, secrets, .whole(body))
    }
}

/// A body that was received, or is being received.
public enum InboundBody: Sendable {
    /// There is none.
    case none
    case whole(ByteBuffer)
    case pipe(BodyPipe)
}
