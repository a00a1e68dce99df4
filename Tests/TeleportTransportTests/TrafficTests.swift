import NIOCore
import NIOPosix
import NIOSSL
import NetworkTestSupport
import Synchronization
import TeleportTransport
import Testing

/// Sends back what it receives; turns to TLS when it is told `STARTTLS` first. Says when its connection was
/// opened and when it has ended.
final class UpgradingEcho: ByteStream {
    private let tls: ServerTLS?
    private let greeting: ByteBuffer
    private let opened: Signal<Void>
    private let ended: Signal<TransportError>
    private var driver: ConnectionDriver?
    private var outbound = ByteBuffer()

    init(opened: Signal<Void>, ended: Signal<TransportError>, tls: ServerTLS?, greeting: ByteBuffer) {
        self.opened = opened
        self.tls = tls
        self.greeting = greeting
        self.ended = ended
    }

    static let command = "STARTTLS"

    func connectionOpened(_ driver: ConnectionDriver) {
        self.driver = driver
        self.outbound = self.greeting
        if self.outbound.readableBytes > 0 { driver.flush() }
        self.opened.send(())
    }

    func bytesReceived(_ bytes: inout ByteBuffer) {
        guard let tls = self.tls,
            bytes.getString(at: bytes.readerIndex, length: Self.command.utf8.count) == Self.command
        else {
            self.outbound.writeBuffer(&bytes)
            self.driver?.scheduleFlush()
            return
        }
        bytes.moveReaderIndex(forwardBy: Self.command.utf8.count)
        let rest = bytes.readSlice(length: bytes.readableBytes) ?? ByteBuffer()
        self.driver?.startTLS(tls, received: rest)
    }

    func bytesToSend() -> ByteBuffer? {
        defer { self.outbound = ByteBuffer() }
        return self.outbound
    }

    func inputClosed() { self.driver?.closeGracefully() }

    func connectionClosed(_ cause: TransportError) {
        self.driver = nil
        self.ended.send(cause)
    }
}

@Suite("Counting what passes the sockets", .timeLimit(.minutes(10)))
struct TrafficTests {
    let traffic = TrafficCounters()
    /// A connection was opened, and its greeting flushed.
    let opened = Signal<Void>()
    let ended = Signal<TransportError>()

    func listen(
        tls: ServerTLS? = nil, upgrade: ServerTLS? = nil, greeting: ByteBuffer = ByteBuffer()
    ) async throws -> Listener {
        let (opened, ended) = (self.opened, self.ended)
        return try await Listener.bind(
            .tcp(host: "127.0.0.1", port: 0), group: EventLoops.shared,
            options: ListenerOptions(tls: tls, traffic: self.traffic)
        ) { _ in UpgradingEcho(opened: opened, ended: ended, tls: upgrade, greeting: greeting) }
    }

    @Test("a scripted exchange is counted to the byte")
    func exact() async throws {
        let listener = try await self.listen()
        let peer = try await RawPeer.connect(to: listener.address)
        for text in ["hello", "again!"] {
            peer.write(text)
            let answer = await peer.read(text.utf8.count)
            #expect(answer.map { String(buffer: $0) } == text)
        }
        var expected = Traffic()
        expected.connectionsOpened = 1
        expected.connectionsOpen = 1
        expected.bytesRead = 11
        expected.bytesWritten = 11
        expected.readCalls = 2
        expected.writeCalls = 2
        // The peer may see the answer before the server has come back from writing it: the loop's next turn has.
        try await self.settle()
        #expect(self.traffic.snapshot == expected)
        peer.endOutput()
        _ = await peer.readToEnd()
        await peer.close()
        _ = await self.ended.next()
        expected.connectionsOpen = 0
        #expect(self.traffic.snapshot == expected)
        await listener.close()
    }

    @Test("with TLS, from the first byte or later, the bytes on the wire are counted", arguments: [false, true])
    func encrypted(isUpgrade: Bool) async throws {
        try await withAuthority { authority in
            let tls = try ServerTLS(certificates: [
                try authority.certificate("server", names: "DNS:localhost,IP:127.0.0.1")
            ])
            let listener = try await self.listen(tls: isUpgrade ? nil : tls, upgrade: isUpgrade ? tls : nil)
            let wire = WireCount()
            let peer = RawPeer()
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.certificateVerification = .none
            let context = try NIOSSLContext(configuration: configuration)
            _ = try await ClientBootstrap(group: EventLoops.shared)
                .channelOption(.allowRemoteHalfClosure, value: true)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        try pipeline.addHandler(WireCounter(wire))
                        // In one segment with the first bytes of TLS, or in one of its own.
                        if isUpgrade { try pipeline.addHandler(Prelude(UpgradingEcho.command)) }
                        try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: nil))
                        try pipeline.addHandler(peer)
                    }
                }
                .connect(host: "127.0.0.1", port: listener.address.port).get()
            let text = String(repeating: "x", count: 100_000)
            peer.write(text)
            #expect(await peer.read(text.utf8.count).map { String(buffer: $0) } == text)
            await peer.close()
            _ = await self.ended.next()
            let counted = self.traffic.snapshot
            #expect(counted.bytesRead == wire.counts.withLock { $0.written })
            #expect(counted.bytesWritten >= wire.counts.withLock { $0.read })
            #expect(counted.bytesRead > text.utf8.count + (isUpgrade ? UpgradingEcho.command.utf8.count : 0))
            #expect(counted.connectionsOpened == 1)
            #expect(counted.connectionsOpen == 0)
            await listener.close()
        }
    }

    @Test("both ends of a connection count the same", arguments: [false, true])
    func bothEnds(isEncrypted: Bool) async throws {
        try await withAuthority { authority in
            let tls = try ServerTLS(certificates: [
                try authority.certificate("server", names: "DNS:localhost,IP:127.0.0.1")
            ])
            let listener = try await self.listen(tls: isEncrypted ? tls : nil)
            let mine = TrafficCounters()
            let connector = Connector(
                to: listener.address, tls: isEncrypted ? try ClientTLS(trustFile: authority.trustFile) : nil,
                traffic: mine)
            let text = ByteBuffer(repeating: 65, count: 3 << 20)
            let result = Signal<Result<String, TransportError>>()
            try await connector.connect(on: EventLoops.shared.next()) { AskingStream(text, result) }.get()
            #expect(await result.next().map { (try? $0.get().utf8.count) == text.readableBytes } == true)
            _ = await self.ended.next()
            let (client, server) = (mine.snapshot, self.traffic.snapshot)
            #expect(client.bytesWritten == server.bytesRead)
            #expect(client.bytesRead == server.bytesWritten)
            #expect(isEncrypted ? client.bytesWritten > 3 << 20 : client.bytesWritten == 3 << 20)
            #expect(client.connectionsOpened == 1)
            #expect(client.connectionsOpen == 0)
            #expect(client.connectionsFailed == 0)
            await listener.close()
        }
    }

    @Test("what a full socket did not take yet is not counted; when it is taken, it is")
    func fullSocket() async throws {
        let length = 32 << 20
        let listener = try await self.listen(greeting: ByteBuffer(repeating: 7, count: length))
        let peer = try await RawPeer.connect(to: listener.address, reads: false)
        _ = await self.opened.next()
        let taken = self.traffic.snapshot.bytesWritten
        #expect(taken > 0 && taken < length)
        try await peer.channel?.setOption(.autoRead, value: true).get()
        #expect(await peer.read(length)?.readableBytes == length)
        try await self.settle()
        #expect(self.traffic.snapshot.bytesWritten == length)
        #expect(self.traffic.snapshot.writeCalls == 1)
        peer.endOutput()
        _ = await peer.readToEnd()
        await peer.close()
        _ = await self.ended.next()
        #expect(self.traffic.snapshot.writeErrors == 0)
        await listener.close()
    }

    @Test("a reset is an error; what it destroyed is not counted as written")
    func reset() async throws {
        let length = 32 << 20
        let listener = try await self.listen(greeting: ByteBuffer(repeating: 7, count: length))
        let peer = try await RawPeer.connect(to: listener.address, reads: false)
        _ = await self.opened.next()
        try await peer.reset()
        _ = await self.ended.next()
        let counted = self.traffic.snapshot
        #expect(counted.readErrors + counted.writeErrors > 0)
        #expect(counted.bytesWritten < length)
        #expect(counted.connectionsOpen == 0)
        await listener.close()
    }

    @Test("a connection that could not be made is counted as failed, once")
    func failed() async throws {
        let port = try unusedPort()
        for host in ["127.0.0.1", "localhost"] {
            let mine = TrafficCounters()
            let connector = Connector(to: .tcp(host: host, port: port), traffic: mine)
            await #expect(throws: TransportError.self) {
                try await connector.connect(on: EventLoops.shared.next()) { EchoStream() }.get()
            }
            var expected = Traffic()
            expected.connectionsFailed = 1
            #expect(mine.snapshot == expected)
        }
    }

    /// Returns when every loop has finished the turn it is in.
    func settle() async throws {
        for loop in EventLoops.shared.makeIterator() { try await loop.submit {}.get() }
    }
}

/// What passed a test's own socket.
final class WireCount: Sendable {
    let counts = Mutex((read: 0, written: 0))
}

final class WireCounter: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    private let wire: WireCount

    init(_ wire: WireCount) { self.wire = wire }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let count = self.unwrapInboundIn(data).readableBytes
        self.wire.counts.withLock { $0.read += count }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let count = self.unwrapOutboundIn(data).readableBytes
        self.wire.counts.withLock { $0.written += count }
        context.write(data, promise: promise)
    }
}

/// Sends a text before anything else.
final class Prelude: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let text: String

    init(_ text: String) { self.text = text }

    func channelActive(context: ChannelHandlerContext) {
        context.write(self.wrapOutboundOut(ByteBuffer(string: self.text)), promise: nil)
        context.fireChannelActive()
    }
}
