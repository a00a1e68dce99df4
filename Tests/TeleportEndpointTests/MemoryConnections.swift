import NIOCore
import NIOEmbedded
import Synchronization
import TeleportRPC
import TeleportTransport
import TeleportWire
import Testing

@testable import TeleportEndpoint

/// What became of calls, by the name a test gave them.
final class Outcomes<Response: Sendable>: Sendable {
    private let all = Mutex<[String: [Result<Response, RPCError>]]>([:])

    func add(_ name: String, _ outcome: Result<Response, RPCError>) {
        self.all.withLock { $0[name, default: []].append(outcome) }
    }

    /// All outcomes of a call: there should be exactly one.
    subscript(name: String) -> [Result<Response, RPCError>] { self.all.withLock { $0[name] ?? [] } }
    var count: Int { self.all.withLock { $0.count } }
    func clear() { self.all.withLock { $0 = [:] } }

    /// The only outcome of a call; fails the test if there is none or another one.
    func only(_ name: String, sourceLocation: SourceLocation = #_sourceLocation) -> Result<Response, RPCError>? {
        let outcomes = self[name]
        #expect(outcomes.count == 1, "\(name)", sourceLocation: sourceLocation)
        return outcomes.first
    }

    func error(_ name: String, sourceLocation: SourceLocation = #_sourceLocation) -> RPCError? {
        guard case .failure(let error)? = self.only(name, sourceLocation: sourceLocation) else { return nil }
        return error
    }
}

/// Notes the outcome of one call.
struct NotedCompletion<Response: Sendable>: CallCompletion {
    let name: String
    let outcomes: Outcomes<Response>

    func succeed(_ response: Response) { self.outcomes.add(self.name, .success(response)) }
    func fail(_ error: RPCError) { self.outcomes.add(self.name, .failure(error)) }
}

/// One client connection on an embedded channel: no socket, and a clock that stands still.
final class MemoryClient<Codec: SelfDelimitingCodec> {
    typealias Completion = NotedCompletion<Codec.Response>

    let loop: EmbeddedEventLoop
    let channel: EmbeddedChannel
    let connection: ClientConnection<Codec, Completion>
    let outcomes = Outcomes<Codec.Response>()
    var established: [RPCError?] = []
    var closed = 0

    init(_ codec: Codec, loop: EmbeddedEventLoop = EmbeddedEventLoop(), configuration: ClientConfiguration) throws {
        self.loop = loop
        self.channel = EmbeddedChannel(loop: loop)
        self.connection = ClientConnection(
            codec: codec, configuration: configuration, eventLoop: loop, lastConnectFailure: nil)
        let stream = ClientStream(
            connection: self.connection, onEstablished: { [unowned self] in self.established.append($0) },
            onClosed: { [unowned self] in self.closed += 1 })
        self.connection.stream.value = stream
        try self.channel.pipeline.syncOperations.addHandler(
            ConnectionDriver(stream: stream.makeAdapter(), policy: configuration.batching))
    }

    func open() throws {
        self.connection.stream.value?.handshakeDeadline = self.loop.now + self.connection.configuration.handshakeTimeout
        try self.channel.connect(to: .init(unixDomainSocketPath: "/nowhere")).wait()
    }

    /// Makes a call that is known by `name` from here on.
    @discardableResult
    func call(_ name: String, _ request: Codec.Request, timeout: TimeAmount = .seconds(60)) throws -> CallID? {
        try self.connection.call(
            request, deadline: (self.loop.now + timeout).uptimeNanoseconds,
            completion: NotedCompletion(name: name, outcomes: self.outcomes))
    }

    func receive(_ bytes: ByteBuffer) {
        self.channel.pipeline.fireChannelRead(bytes)
        self.channel.pipeline.fireChannelReadComplete()
        self.loop.run()
    }

    /// The peer ends the connection.
    func receiveEnd() {
        if self.channel.isActive { self.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
        self.loop.run()
    }

    /// All that was sent since the last time.
    func sent() -> ByteBuffer {
        self.loop.run()
        var all = ByteBuffer()
        while var next = try? self.channel.readOutbound(as: ByteBuffer.self) { all.writeBuffer(&next) }
        return all
    }
}

/// One server connection on an embedded channel.
final class MemoryServer<Codec: SelfDelimitingCodec> {
    let loop: EmbeddedEventLoop
    let channel: EmbeddedChannel
    let server: RPCServer<Codec>

    init<Handler: RequestHandler>(
        _ codec: Codec, loop: EmbeddedEventLoop = EmbeddedEventLoop(), configuration: ServerConfiguration,
        handler: Handler
    ) throws where Handler.Request == Codec.Request, Handler.Response == Codec.Response {
        self.loop = loop
        self.channel = EmbeddedChannel(loop: loop)
        self.server = RPCServer(codec: codec, configuration: configuration, handler: handler)
        let stream = try #require(self.server.makeStream(loop))
        try self.channel.pipeline.syncOperations.addHandler(
            ConnectionDriver(stream: stream, policy: configuration.batching))
        try self.channel.connect(to: .init(unixDomainSocketPath: "/nowhere")).wait()
    }

    func receive(_ bytes: ByteBuffer) {
        guard self.channel.isActive else { return }
        self.channel.pipeline.fireChannelRead(bytes)
        self.channel.pipeline.fireChannelReadComplete()
        self.loop.run()
    }

    func receiveEnd() {
        if self.channel.isActive { self.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
        self.loop.run()
    }

    func sent() -> ByteBuffer {
        self.loop.run()
        var all = ByteBuffer()
        while var next = try? self.channel.readOutbound(as: ByteBuffer.self) { all.writeBuffer(&next) }
        return all
    }
}

/// Answers with a function, on the loop, in the order requests come.
struct InlineHandler<Request: Sendable, Response: Sendable>: RequestHandler {
    let answer: @Sendable (Request, Responder<Response>) -> Void

    func handle(_ request: Request, _ responder: Responder<Response>) { self.answer(request, responder) }
}

/// The two peers of a connection, and what carries bytes between them.
struct MemoryPair {
    let loop: EmbeddedEventLoop
    let client: MemoryClient<TLVCodec>
    let server: MemoryServer<TLVCodec>

    init(
        client configureClient: (inout ClientConfiguration) -> Void = { _ in },
        server configureServer: (inout ServerConfiguration) -> Void = { _ in },
        answer: @escaping @Sendable (TLVRequest, Responder<TLVResponse>) -> Void
    ) throws {
        self.loop = EmbeddedEventLoop()
        var clientConfiguration = ClientConfiguration(address: .unix(path: "/nowhere"), identity: TLVBytes.identity)
        configureClient(&clientConfiguration)
        var serverConfiguration = ServerConfiguration(addresses: [], identity: TLVBytes.identity)
        configureServer(&serverConfiguration)
        self.client = try MemoryClient(TLVCodec(), loop: self.loop, configuration: clientConfiguration)
        self.server = try MemoryServer(
            TLVCodec(), loop: self.loop, configuration: serverConfiguration, handler: InlineHandler(answer: answer))
        try self.client.open()
    }

    /// Carries bytes until both ends are silent.
    func run() {
        while true {
            let requests = self.client.sent()
            if requests.readableBytes > 0 { self.server.receive(requests) }
            let answers = self.server.sent()
            if answers.readableBytes > 0 { self.client.receive(answers) }
            if requests.readableBytes == 0, answers.readableBytes == 0 { return }
        }
    }
}
