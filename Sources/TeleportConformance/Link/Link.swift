internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

/// One connection to the peer under test: bytes out, bytes in, and how it ended. Nothing is interpreted here.
final class Link: Sendable {
    let channel: any Channel
    private let handler: LinkHandler

    init(channel: any Channel, handler: LinkHandler) {
        self.channel = channel
        self.handler = handler
    }

    // MARK: Out

    /// Sends bytes. A peer that is gone, or takes nothing for long, is noticed when reading.
    func write(_ bytes: [UInt8]) async {
        _ = await self.writes(bytes, within: .seconds(10))
    }

    /// Sends each byte in a packet of its own, as far as the operating system lets it.
    func writeByteByByte(_ bytes: [UInt8]) async {
        for byte in bytes { await self.write([byte]) }
    }

    /// Hands bytes over without waiting until the operating system took them.
    func enqueue(_ bytes: [UInt8]) {
        self.channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    /// Sends bytes, and sees whether the peer and the operating systems between take all of them in time.
    func writes(_ bytes: [UInt8], within limit: Duration) async -> Bool {
        let eventLoop = self.channel.eventLoop
        let outcome = eventLoop.makePromise(of: Bool.self)
        let claim = Claim()
        self.channel.writeAndFlush(ByteBuffer(bytes: bytes)).whenComplete { result in
            guard claim.take() else { return }
            if case .success = result { outcome.succeed(true) } else { outcome.succeed(false) }
        }
        let timer = eventLoop.scheduleTask(in: .nanoseconds(limit.nanoseconds)) {
            if claim.take() { outcome.succeed(false) }
        }
        defer { timer.cancel() }
        return (try? await outcome.futureResult.get()) ?? false
    }

    /// Lets one of two be the first.
    private final class Claim: Sendable {
        private let isTaken = Mutex(false)

        func take() -> Bool {
            self.isTaken.withLock { isTaken in
                defer { isTaken = true }
                return !isTaken
            }
        }
    }

    /// Says that nothing more comes, behind what was sent.
    func endOutput() {
        self.channel.close(mode: .output, promise: nil)
    }

    /// Ends the connection in an orderly way. That may take a while with TLS, and nobody need wait for it.
    func close() async {
        guard !self.handler.isSecured else { return self.channel.close(promise: nil) }
        try? await self.channel.close().get()
    }

    /// Has the operating system send a reset instead of an orderly end.
    func reset() async {
        try? await (self.channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        await self.close()
    }

    // MARK: In

    /// What came, if anything did.
    enum Arrival: Sendable {
        case bytes(ByteBuffer)
        /// The connection ended, and all that came before was taken.
        case end(LinkEnd)
        /// Nothing came in time.
        case silence
    }

    /// Waits for bytes, or the end, and takes what is there.
    func read(within limit: Duration) async -> Arrival {
        await self.handler.wait(for: .bytes(beyond: 0), within: limit, on: self.channel.eventLoop)
        let bytes = self.handler.take()
        if bytes.readableBytes > 0 { return .bytes(bytes) }
        return self.handler.end.map { .end($0) } ?? .silence
    }

    /// Waits for `count` bytes and takes them. If they do not come, nothing is taken.
    func read(_ count: Int, within limit: Duration) async -> Arrival {
        await self.handler.wait(for: .bytes(beyond: count - 1), within: limit, on: self.channel.eventLoop)
        if let bytes = self.handler.take(count) { return .bytes(bytes) }
        return self.handler.end.map { .end($0) } ?? .silence
    }

    /// Waits until the connection ends, and returns what came before.
    ///
    /// - Returns: no end if it did not.
    func readToEnd(within limit: Duration) async -> (bytes: ByteBuffer, end: LinkEnd?) {
        await self.handler.wait(for: .end, within: limit, on: self.channel.eventLoop)
        return (self.handler.take(), self.handler.end)
    }

    /// What came and was not taken.
    var waiting: ByteBuffer { self.handler.received }
    /// Whether the peer ended the connection.
    var end: LinkEnd? { self.handler.end }

    /// Stops reading from the socket, or goes on.
    func setReading(_ isOn: Bool) async {
        try? await self.channel.setOption(.autoRead, value: isOn).get()
        if isOn { self.channel.read() }
    }

    // MARK: TLS

    /// What the handshake agreed on by ALPN.
    var negotiatedProtocol: String? { self.handler.negotiatedProtocol }

    /// Waits until the TLS handshake is done.
    ///
    /// - Returns: whether it is.
    func secured(within limit: Duration) async -> Bool {
        await self.handler.wait(for: .secured, within: limit, on: self.channel.eventLoop)
        return self.handler.isSecured
    }

    /// Begins TLS here and now; bytes that came and were not taken belong to it.
    func startTLS<Handler: ChannelHandler & SendableMetatype>(_ make: @escaping @Sendable () throws -> Handler)
        async throws
    {
        let (channel, handler) = (self.channel, self.handler)
        try await channel.eventLoop.submit {
            let received = handler.take()
            try channel.pipeline.syncOperations.addHandler(make(), position: .first)
            guard received.readableBytes > 0 else { return }
            channel.pipeline.fireChannelRead(received)
            channel.pipeline.fireChannelReadComplete()
        }.get()
    }
}
