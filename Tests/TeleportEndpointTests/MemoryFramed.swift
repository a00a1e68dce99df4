import NIOCore
import NIOEmbedded
import Synchronization
import TeleportRPC
import TeleportTestKit
import TeleportTransport
import TeleportWire
import Testing

@testable import TeleportEndpoint

/// One v1 connection of a client on an embedded channel: no socket, and a clock that stands still.
final class MemoryFramedClient<Codec: FramedCodec> {
    typealias Completion = NotedCompletion<Codec.Response>

    let loop: EmbeddedEventLoop
    let channel: EmbeddedChannel
    let connection: FramedClientConnection<Codec, Completion>
    let outcomes = Outcomes<Codec.Response>()
    var established: [RPCError?] = []
    var oldServer = 0
    var closed = 0
    var log: FrameLog

    init(
        _ codec: Codec, loop: EmbeddedEventLoop = EmbeddedEventLoop(), mayFallBack: Bool = false,
        configuration: ClientConfiguration
    ) throws {
        self.loop = loop
        self.channel = EmbeddedChannel(loop: loop)
        self.log = FrameLog(identity: configuration.framedIdentity)
        self.connection = FramedClientConnection(
            codec: codec, configuration: configuration, eventLoop: loop, lastConnectFailure: nil)
        let stream = FramedClientStream(
            connection: self.connection, onEstablished: { [unowned self] in self.established.append($0) },
            onOldServer: mayFallBack ? { [unowned self] in self.oldServer += 1 } : nil,
            onClosed: { [unowned self] in self.closed += 1 })
        self.connection.stream.value = stream
        try self.channel.pipeline.syncOperations.addHandler(
            ConnectionDriver(stream: stream.makeAdapter(), policy: configuration.batching))
    }

    func open() throws {
        self.connection.stream.value?.handshakeDeadline = self.loop.now + self.connection.configuration.handshakeTimeout
        try self.channel.connect(to: .init(unixDomainSocketPath: "/nowhere")).wait()
    }

    /// Makes a call that is known by `name` from here on. `nil` if the connection takes no calls.
    @discardableResult
    func call(
        _ name: String, _ request: Codec.Request, timeout: TimeAmount = .seconds(60)
    ) throws -> FramedClientConnection<Codec, Completion>.Ticket? {
        try self.connection.call(
            request, deadline: (self.loop.now + timeout).uptimeNanoseconds, now: self.loop.now.uptimeNanoseconds,
            completion: NotedCompletion(name: name, outcomes: self.outcomes))
    }

    func receive(_ bytes: ByteBuffer) {
        guard self.channel.isActive else { return }
        self.channel.pipeline.fireChannelRead(bytes)
        self.channel.pipeline.fireChannelReadComplete()
        self.loop.run()
    }

    func receive(_ bytes: FrameBytes) { self.receive(bytes.all) }

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

    /// The frames that were sent since the last time.
    @discardableResult
    func frames() throws -> [String] { try self.log.read(self.sent()).map(\.short) }

    func with<Value>(_ body: (inout FramedClientConnection<Codec, Completion>.State) -> Value) -> Value {
        var value: Value?
        self.connection.state.withLock { value = body(&$0) }
        guard let value else { fatalError("unreachable") }
        return value
    }

    /// What is still kept of anything: nothing, once all calls and bodies have ended.
    var leftovers: [String] {
        var all: [String] = []
        let (live, waiting) = self.with { ($0.machine.liveCount, $0.waiting.count) }
        if live > 0 { all.append("\(live) streams") }
        if waiting > 0 { all.append("\(waiting) calls that wait") }
        guard let stream = self.connection.stream.value else { return all }
        if !stream.senders.isEmpty { all.append("senders") }
        if !stream.receivers.isEmpty { all.append("receivers") }
        if !stream.secrets.isEmpty { all.append("secrets") }
        return all
    }
}

extension MemoryServer {
    /// The stream of its connection, once it speaks v1.
    func frames(_ log: inout FrameLog) throws -> [String] { try log.read(self.sent()).map(\.short) }
}

/// The two peers of a v1 connection, and what carries bytes between them.
final class FramedPair {
    let loop = EmbeddedEventLoop()
    let client: MemoryFramedClient<PieceCodec>
    let server: MemoryServer<PieceCodec>
    /// What the server's side sent.
    var serverLog = FrameLog()
    let clientWatch = PipeWatch()
    let serverWatch = PipeWatch()
    let clientConfiguration: ClientConfiguration
    let serverConfiguration: ServerConfiguration
    /// Pieces that bytes are cut into; `nil` carries them as they are.
    var cut: Int?

    init(
        client configureClient: (inout ClientConfiguration) -> Void = { _ in },
        server configureServer: (inout ServerConfiguration) -> Void = { _ in },
        answer: @escaping @Sendable (PieceMessage, Responder<PieceMessage>) -> Void
    ) throws {
        var clientConfiguration = ClientConfiguration(address: .unix(path: "/nowhere"), identity: PieceCodec.identity)
        clientConfiguration.wire = .v1
        clientConfiguration.memory = WireMemory()
        configureClient(&clientConfiguration)
        var serverConfiguration = ServerConfiguration(addresses: [], identity: PieceCodec.identity)
        serverConfiguration.wire = .v1
        configureServer(&serverConfiguration)
        self.clientConfiguration = clientConfiguration
        self.serverConfiguration = serverConfiguration
        self.client = try MemoryFramedClient(
            PieceCodec(watch: self.clientWatch), loop: self.loop, configuration: clientConfiguration)
        self.server = try MemoryServer(
            PieceCodec(watch: self.serverWatch), loop: self.loop, configuration: serverConfiguration,
            handler: InlineHandler(answer: answer))
        try self.client.open()
    }

    /// Carries bytes until both ends are silent.
    ///
    /// - Returns: bytes carried.
    @discardableResult
    func run() throws -> Int {
        var carried = 0
        while true {
            let requests = self.client.sent()
            if requests.readableBytes > 0 {
                try self.client.log.read(requests)
                for piece in self.pieces(of: requests) { self.server.receive(piece) }
            }
            let answers = self.server.sent()
            if answers.readableBytes > 0 {
                try self.serverLog.read(answers)
                for piece in self.pieces(of: answers) { self.client.receive(piece) }
            }
            carried += requests.readableBytes + answers.readableBytes
            if requests.readableBytes == 0, answers.readableBytes == 0 { return carried }
        }
    }

    private func pieces(of bytes: ByteBuffer) -> [ByteBuffer] {
        guard let cut = self.cut else { return [bytes] }
        var bytes = bytes
        var pieces: [ByteBuffer] = []
        while let piece = bytes.readSlice(length: Swift.min(cut, bytes.readableBytes)), piece.readableBytes > 0 {
            pieces.append(ByteBuffer(bytes: piece.readableBytesView))
        }
        return pieces
    }

    /// Lets time pass, second by second, with what it brings about.
    ///
    /// - Returns: bytes carried.
    @discardableResult
    func pass(_ seconds: Int) throws -> Int {
        var carried = 0
        for _ in 0..<seconds {
            self.loop.advanceTime(by: .seconds(1))
            carried += try self.run()
        }
        return carried
    }
}

/// Takes everything out of a pipe, as a consumer would that is told of each change.
final class Taker: Sendable {
    private struct State: Sendable {
        var bytes = ByteBuffer()
        var end: BodyPipe.Event?
    }

    let pipe: BodyPipe
    private let state = Mutex(State())

    /// - Parameter takes: whether it takes at once; else when it is told to.
    init(_ pipe: BodyPipe, takes: Bool = true) {
        self.pipe = pipe
        guard takes else { return }
        pipe.attach(BodyPipe.Side { [weak self] in self?.take() })
        self.take()
    }

    func take(atMost limit: Int = .max) {
        var left = limit
        while left > 0, let event = self.pipe.next() {
            let isEnd = self.state.withLock { state in
                if case .piece(let piece) = event {
                    state.bytes.writeImmutableBuffer(piece)
                    left -= piece.readableBytes
                    return false
                }
                state.end = event
                return true
            }
            if isEnd { return }
        }
    }

    var bytes: ByteBuffer { self.state.withLock { $0.bytes } }
    var count: Int { self.bytes.readableBytes }
    var isComplete: Bool { self.state.withLock { if case .end = $0.end { true } else { false } } }
    var trailers: String? {
        self.state.withLock { if case .end(let trailers) = $0.end { trailers as? String } else { nil } }
    }
    var error: RPCError? { self.state.withLock { if case .failed(let error) = $0.end { error } else { nil } } }
}
