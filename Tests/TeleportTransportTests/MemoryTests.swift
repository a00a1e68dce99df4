import NIOCore
import NIOSSL
import NetworkTestSupport
import Synchronization
import TeleportTransport
import Testing

/// Connections within the process behave as those over sockets do.
@Suite("Over memory", .timeLimit(.minutes(10)))
struct MemoryTests {
    @Test("nobody listening is told as such, with the name; no stream is made")
    func nobody() async throws {
        let error = await #expect(throws: TransportError.self) {
            try await Connector(to: .memory(name: "nobody")).connect(on: EventLoops.shared.next()) {
                Issue.record("a stream was made for a connection that was not")
                return EchoStream()
            }.get()
        }
        #expect(error?.code == .connectFailed)
        #expect(error?.message.contains("memory:nobody") == true)
    }

    @Test("a name is one listener's, until it closes; connections that were accepted go on")
    func names() async throws {
        let address = TransportAddress.memory(name: "names")
        try await LoopbackTests.withEcho(at: address) { _ in
            let error = await #expect(throws: TransportError.self) {
                _ = try await Listener.bind(address, group: EventLoops.shared) { _ in EchoStream() }
            }
            #expect(error?.code == .bindFailed)
            #expect(error?.message.contains("memory:names") == true)
        }
        try await LoopbackTests.withEcho(at: address) { _ in
            let echoed = try await LoopbackTests.echo(ByteBuffer(string: "again"), to: address).get()
            #expect(echoed == "again")
        }
    }

    @Test("a listener that makes no stream, or does not admit, closes the connection")
    func refused() async throws {
        for (name, options) in [("none", ListenerOptions()), ("not admitted", ListenerOptions(admits: { _ in false }))]
        {
            let listener = try await Listener.bind(
                .memory(name: name), group: EventLoops.shared, options: options
            ) { _ in
                if name != "none" { Issue.record("a stream for one who is not admitted") }
                return nil
            }
            let outcome = await LoopbackTests.echo(ByteBuffer(string: "anybody?"), to: listener.address)
            let error = #expect(throws: TransportError.self) { try outcome.get() }
            #expect(error?.code == .closedByPeer)
            await listener.close()
        }
    }

    /// Takes what comes only when it is told to.
    final class SlowReader: ByteStream {
        let driver = Mutex<NIOLoopBound<ConnectionDriver>?>(nil)
        let opened = Signal<Void>()
        let ended = Signal<Int>()
        private var count = 0

        func connectionOpened(_ driver: ConnectionDriver) {
            driver.pauseReading()
            if let loop = driver.eventLoop {
                self.driver.withLock { $0 = NIOLoopBound(driver, eventLoop: loop) }
            }
            self.opened.send(())
        }

        func bytesReceived(_ bytes: inout ByteBuffer) {
            self.count += bytes.readableBytes
            bytes.moveReaderIndex(to: bytes.writerIndex)
        }

        func bytesToSend() -> ByteBuffer? { nil }
        func inputClosed() {
            self.ended.send(self.count)
            self.driver.withLock { $0 }?.value.closeGracefully()
        }
        func connectionClosed(_ cause: TransportError) {}
    }

    /// Sends so much, and ends.
    final class Sender: ByteStream {
        private var bytes: ByteBuffer
        let unwritten = Signal<Int>()
        let closed = Signal<TransportError>()

        init(_ count: Int) { self.bytes = ByteBuffer(repeating: 5, count: count) }

        func connectionOpened(_ driver: ConnectionDriver) {
            driver.flush()
            #expect(!driver.isWritable)
            self.unwritten.send(driver.unwrittenBytes)
            driver.closeGracefully(linger: .minutes(5), stall: .minutes(5))
        }

        func bytesReceived(_ bytes: inout ByteBuffer) {}
        func bytesToSend() -> ByteBuffer? {
            defer { self.bytes = ByteBuffer() }
            return self.bytes
        }
        func inputClosed() {}
        func connectionClosed(_ cause: TransportError) { self.closed.send(cause) }
    }

    @Test("who reads slowly holds back who writes, loses nothing, and hears of the end behind all bytes")
    func backPressure() async throws {
        let length = 3 << 20
        let reader = UnsafeStream(SlowReader())
        let sender = UnsafeStream(Sender(length))
        let listener = try await Listener.bind(.memory(name: "slow"), group: EventLoops.shared) { _ in reader.stream }
        try await Connector(to: listener.address).connect(on: EventLoops.shared.next()) { sender.stream }.get()
        await reader.stream.opened.next()
        // No more than a socket would take.
        let unwritten = try #require(await sender.stream.unwritten.next())
        #expect(unwritten >= length - (1 << 20))
        let driver = try #require(reader.stream.driver.withLock { $0 })
        driver.eventLoop.execute { driver.value.resumeReading() }
        #expect(await reader.stream.ended.next() == length)
        #expect(await sender.stream.closed.next()?.code == .closedLocally)
        await listener.close()
    }

    @Test("TLS goes over memory too, with the name that certificates have to bear")
    func secure() async throws {
        let certificates = try TestCertificates()
        defer { certificates.remove() }
        let server = try ServerTLS(
            certificateChainFile: certificates.certificateFile, privateKeyFile: certificates.keyFile)
        try await LoopbackTests.withEcho(at: .memory(name: "secure"), tls: server) { address in
            let tls = try TLSTests.trusting(certificates, serverName: "localhost")
            let text = ByteBuffer(repeating: 65, count: 1 << 20)
            let echoed = try await LoopbackTests.echo(text, to: address, tls: tls).get()
            #expect(echoed == String(buffer: text))
        }
    }

    @Test("a client that cannot set TLS up leaves no open end at the server, and makes no stream")
    func unfitName() async throws {
        let ended = Signal<Void>()
        let listener = try await Listener.bind(.memory(name: "unfit name"), group: EventLoops.shared) { _ in
            EndSignal(ended)
        }
        let tls = try ClientTLS(serverName: "no\u{0}name")
        let error = await #expect(throws: TransportError.self) {
            try await Connector(to: listener.address, tls: tls).connect(on: EventLoops.shared.next()) {
                Issue.record("a stream was made for a connection that was not")
                return EchoStream()
            }.get()
        }
        #expect(error?.cause is NIOSSLExtraError)
        await ended.next()
        await listener.close()
    }

    /// Tells when the peer has ended.
    final class EndSignal: ByteStream {
        private let ended: Signal<Void>
        private var driver: ConnectionDriver?

        init(_ ended: Signal<Void>) { self.ended = ended }

        func connectionOpened(_ driver: ConnectionDriver) { self.driver = driver }
        func bytesReceived(_ bytes: inout ByteBuffer) { bytes.clear() }
        func bytesToSend() -> ByteBuffer? { nil }
        func inputClosed() { self.driver?.closeGracefully() }
        func connectionClosed(_ cause: TransportError) {
            self.driver = nil
            self.ended.send(())
        }
    }

    @Test("connections, bytes and their ends are counted as those of sockets are")
    func counted() async throws {
        let counters = TrafficCounters()
        let listener = try await Listener.bind(
            .memory(name: "counted"), group: EventLoops.shared, options: ListenerOptions(traffic: counters)
        ) { _ in EchoStream() }
        let text = ByteBuffer(repeating: 66, count: 100_000)
        for _ in 0..<3 { _ = try await LoopbackTests.echo(text, to: listener.address).get() }
        await listener.close()
        #expect(counters.snapshot.connectionsOpened == 3)
        #expect(counters.snapshot.bytesRead == 300_000)
        #expect(counters.snapshot.bytesWritten == 300_000)
    }
}

/// Carries a stream to the loop that it is for.
struct UnsafeStream<Stream: ByteStream>: @unchecked Sendable {
    let stream: Stream
    init(_ stream: Stream) { self.stream = stream }
}
