import NIOCore
import Synchronization
import TeleportRPC
import TeleportTransport
import TeleportWire

@testable import TeleportEndpoint

/// A message of a test's own protocol on v1: a head, secrets, and a body that is here or comes through a pipe that the
/// test holds the other end of.
struct PieceMessage: Sendable {
    var head: ByteBuffer
    var secrets = ByteBuffer()
    var body: OutboundBody = .whole(ByteBuffer())
    var isSensitive = false
    /// Received.
    var isInterim = false

    init(_ head: String, body: OutboundBody = .whole(ByteBuffer())) {
        self.head = ByteBuffer(string: head)
        self.body = body
    }

    /// A body that the test gives through `pipe`.
    init(_ head: String, pipe: BodyPipe) {
        self.init(head, body: .stream { pipe })
    }

    init(_ message: borrowing InboundMessage) {
        self.head = message.head
        self.secrets = message.secrets ?? ByteBuffer()
        self.isSensitive = message.isSensitive
        self.isInterim = message.isInterim
        switch message.body {
        case .none: self.body = .none
        case .whole(let bytes): self.body = .whole(bytes)
        case .pipe(let pipe): self.body = .stream { pipe }
        }
    }

    var text: String { String(buffer: self.head) }

    /// What is here of the body.
    var whole: ByteBuffer? { if case .whole(let bytes) = self.body { bytes } else { nil } }
    /// Where the body comes through.
    var pipe: BodyPipe? { if case .stream(let open) = self.body { open() } else { nil } }
}

/// Knows which pipes are still alive: a connection that has forgotten none holds none.
final class PipeWatch: Sendable {
    private struct Entry: Sendable {
        weak var pipe: BodyPipe?
    }

    private let entries = Mutex<[Entry]>([])

    func add(_ message: borrowing InboundMessage) {
        guard case .pipe(let pipe) = message.body else { return }
        self.entries.withLock { $0.append(Entry(pipe: pipe)) }
    }

    var total: Int { self.entries.withLock { $0.count } }
    var living: Int { self.entries.withLock { entries in entries.count { $0.pipe != nil } } }
}

/// The codec of ``PieceMessage``. A head that begins with `!` is not accepted.
struct PieceCodec: SelfDelimitingCodec {
    typealias Request = PieceMessage
    typealias Response = PieceMessage
    typealias CallContext = Void
    typealias FramedContext = Void

    /// Sees every pipe that a message was received with.
    var watch = PipeWatch()

    /// v1 with a magic of our own.
    static let identity: ProtocolIdentity = {
        do { return try ProtocolIdentity(magic: "teleport-test", version: 9) } catch { fatalError("\(error)") }
    }()

    func response(to refusal: Refusal) -> PieceMessage {
        switch refusal {
        case .tooManyConcurrent(let limit): PieceMessage("limit \(limit)")
        case .handlerFailed: PieceMessage("failed")
        case .unsendable: PieceMessage("unsendable")
        }
    }

    func outboundRequest(_ request: PieceMessage) -> OutboundMessage {
        OutboundMessage(request.body, isSensitive: request.isSensitive)
    }
    func outboundResponse(_ response: PieceMessage) -> OutboundMessage { OutboundMessage(response.body) }

    func encodeHead(
        request: PieceMessage, into buffer: inout ByteBuffer, secrets: inout ByteBuffer
    ) throws(RPCError) {
        try self.encodeHead(response: request, into: &buffer, secrets: &secrets)
    }

    func encodeHead(
        response message: PieceMessage, into buffer: inout ByteBuffer, secrets: inout ByteBuffer
    ) throws(RPCError) {
        buffer.writeImmutableBuffer(message.head)
        secrets.writeImmutableBuffer(message.secrets)
        guard message.text != "unsendable!" else { throw RPCError(.unsendable, "It says so itself.") }
    }

    func encodeTrailers(_ trailers: any Sendable, into buffer: inout ByteBuffer) throws(RPCError) {
        guard let text = trailers as? String else { throw RPCError(.unsendable, "The trailers are no text.") }
        buffer.writeString(text)
    }

    func decodeTrailers(_ bytes: ByteBuffer) throws(RPCError) -> any Sendable { String(buffer: bytes) }

    func decodeRequest(_ message: consuming InboundMessage) -> ReceivedRequest<PieceMessage, PieceMessage> {
        self.watch.add(message)
        let request = PieceMessage(message)
        return request.text.hasPrefix("!") ? .refused(PieceMessage("refused")) : .request(request)
    }

    func decodeResponse(_ message: consuming InboundMessage, context: Void) -> ReceivedResponse<PieceMessage> {
        self.watch.add(message)
        let response = PieceMessage(message)
        guard !response.text.hasPrefix("!") else {
            return .refused(RPCError(.unacceptableAnswer, "It says so itself.", possiblyExecuted: true))
        }
        return .response(response)
    }

    // v0, which nobody speaks here.

    struct NoDecoder<Message>: SelfDelimitingDecoder {
        mutating func decode(from buffer: inout ByteBuffer) throws(RPCError) -> Message? {
            throw RPCError(.protocolViolation, "There is no v0 of this.")
        }
    }

    func makeRequestDecoder() -> NoDecoder<ReceivedRequest<PieceMessage, PieceMessage>> { .init() }
    func makeResponseDecoder() -> NoDecoder<ReceivedResponse<PieceMessage>> { .init() }
    func encode(_ message: PieceMessage, into buffer: inout ByteBuffer) throws(RPCError) {
        throw RPCError(.unsendable, "There is no v0 of this.")
    }
}
