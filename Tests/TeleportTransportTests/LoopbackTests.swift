import Foundation
import NIOCore
import NetworkTestSupport
import NIOPosix
import NIOSSL
import Synchronization
import TeleportTransport
import Testing

/// Sends back what it receives. Ends when the peer does.
final class EchoStream: ByteStream {
    private var driver: ConnectionDriver?
    private var outbound = ByteBuffer()

    func connectionOpened(_ driver: ConnectionDriver) { self.driver = driver }

    func bytesReceived(_ bytes: inout ByteBuffer) {
        self.outbound.writeBuffer(&bytes)
        self.driver?.scheduleFlush()
    }

    func bytesToSend() -> ByteBuffer? {
        defer { self.outbound = ByteBuffer() }
        return self.outbound
    }

    func inputClosed() { self.driver?.closeGracefully() }
    func connectionClosed(_ cause: TransportError) { self.driver = nil }
}

/// Sends one text, half-closes, and gathers all that comes back.
final class AskingStream: ByteStream {
    private let text: ByteBuffer
    private let result: Signal<Result<String, TransportError>>
    private var driver: ConnectionDriver?
    private var isSent = false
    private var received = ByteBuffer()
    private var isComplete = false

    init(_ text: ByteBuffer, _ result: Signal<Result<String, TransportError>>) {
        self.text = text
        self.result = result
    }

    func connectionOpened(_ driver: ConnectionDriver) {
        self.driver = driver
        driver.flush()
    }

    func bytesReceived(_ bytes: inout ByteBuffer) {
        self.received.writeBuffer(&bytes)
        if self.received.readableBytes == self.text.readableBytes { self.driver?.closeGracefully() }
    }

    func bytesToSend() -> ByteBuffer? {
        defer { self.isSent = true }
        return self.isSent ? nil : self.text
    }

    func inputClosed() {}

    func connectionClosed(_ cause: TransportError) {
        self.driver = nil
        let isWhole = self.received.readableBytes == self.text.readableBytes
        self.result.send(isWhole ? .success(String(buffer: self.received)) : .failure(cause))
    }
}

@Suite("Over real sockets", .timeLimit(.minutes(10)))
struct LoopbackTests {
    /// Sends `text` to an echo server at `address` and returns what came back.
    static func echo(
        _ text: ByteBuffer, to address: TransportAddress, tls: ClientTLS? = nil
    ) async -> Result<String, TransportError> {
        let result = Signal<Result<String, TransportError>>()
        // Tests run beside each other: what is slow here is the machine.
        let connector = Connector(to: address, tls: tls, timeout: .seconds(60))
        do {
            try await connector.connect(on: EventLoops.shared.next()) { AskingStream(text, result) }.get()
        } catch {
            return .failure((error as? TransportError) ?? TransportError(.broken, "\(error)"))
        }
        return await result.next() ?? .failure(TransportError(.broken, "nothing came"))
    }

    static func withEcho<Value>(
        at address: TransportAddress, tls: ServerTLS? = nil, _ body: (TransportAddress) async throws -> Value
    ) async throws -> Value {
        let listener = try await Listener.bind(address, group: EventLoops.shared, options: ListenerOptions(tls: tls)) {
            _ in EchoStream()
        }
        do {
            let value = try await body(listener.address)
            await listener.close()
            return value
        } catch {
            await listener.close()
            throw error
        }
    }

    static let unixPath = "/tmp/teleport-transport-\(UInt64.random(in: .min ... .max)).sock"

    @Test(
        "bytes come back over IPv4, IPv6, all addresses, a unix socket, and memory",
        arguments: [
            TransportAddress.tcp(host: "127.0.0.1", port: 0), .tcp(host: "::1", port: 0), .tcp(host: "", port: 0),
            .tcp(host: "localhost", port: 0), .unix(path: unixPath), .memory(name: "families"),
        ])
    func families(address: TransportAddress) async throws {
        try await Self.withEcho(at: address) { actual in
            if case .tcp(_, let port) = actual { #expect(port > 0) }
            let big = ByteBuffer(repeating: UInt8(ascii: "x"), count: 3 << 20)
            for text in [ByteBuffer(string: "hello"), big] {
                let echoed = try await Self.echo(text, to: actual).get()
                #expect(echoed == String(buffer: text))
            }
        }
    }

    @Test("an address in use cannot be listened at; the error names it and says what the system said")
    func bindFails() async throws {
        try await Self.withEcho(at: .tcp(host: "127.0.0.1", port: 0)) { taken in
            let error = await #expect(throws: TransportError.self) {
                _ = try await Listener.bind(taken, group: EventLoops.shared) { _ in EchoStream() }
            }
            #expect(error?.code == .bindFailed)
            #expect(error?.message.contains(taken.description) == true)
            #expect((error?.cause as? IOError)?.errnoCode == EADDRINUSE)
        }
    }

    @Test("nobody listening is told as such, with the address and the system's reason; no stream is made")
    func connectFails() async throws {
        let address = TransportAddress.tcp(host: "127.0.0.1", port: try unusedPort())
        let error = await #expect(throws: TransportError.self) {
            try await Connector(to: address).connect(on: EventLoops.shared.next()) {
                Issue.record("a stream was made for a connection that was not")
                return EchoStream()
            }.get()
        }
        #expect(error?.code == .connectFailed)
        #expect(error?.message.contains(address.description) == true)
        #expect(error?.cause != nil)
        let missing = await #expect(throws: TransportError.self) {
            try await Connector(to: .unix(path: "/nowhere/at/all")).connect(on: EventLoops.shared.next()) {
                EchoStream()
            }.get()
        }
        #expect(missing?.code == .connectFailed)
    }

    @Test("a listener that makes no stream closes the connection")
    func noStream() async throws {
        let listener = try await Listener.bind(.tcp(host: "127.0.0.1", port: 0), group: EventLoops.shared) { _ in nil }
        let outcome = await Self.echo(ByteBuffer(string: "anybody?"), to: listener.address)
        #expect(throws: TransportError.self) { try outcome.get() }
        await listener.close()
    }

    @Test("a peer that half-closed gets all of a long answer, however slowly it reads")
    func halfClosedPeer() async throws {
        let length = 32 << 20
        let listener = try await Listener.bind(.tcp(host: "127.0.0.1", port: 0), group: EventLoops.shared) { _ in
            AnswerAtEnd(length: length)
        }
        let channel = try await ClientBootstrap(group: EventLoops.shared)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(host: "127.0.0.1", port: listener.address.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(
                            backPressureStrategy: .init(lowWatermark: 1, highWatermark: 1),
                            isOutboundHalfClosureEnabled: true))
                }
            }
        try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: "?"))
            outbound.finish()
            var count = 0
            for try await piece in inbound { count += piece.readableBytes }
            #expect(count == length)
        }
        await listener.close()
    }
}

extension TransportAddress {
    var port: Int {
        if case .tcp(_, let port) = self { port } else { 0 }
    }
}

/// Answers when its peer has ended.
final class AnswerAtEnd: ByteStream {
    private var answer: ByteBuffer
    private var driver: ConnectionDriver?

    init(length: Int) { self.answer = ByteBuffer(repeating: 7, count: length) }

    func connectionOpened(_ driver: ConnectionDriver) { self.driver = driver }
    func bytesReceived(_ bytes: inout ByteBuffer) { bytes.moveReaderIndex(to: bytes.writerIndex) }
    func bytesToSend() -> ByteBuffer? {
        defer { self.answer = ByteBuffer() }
        return self.answer
    }
    func inputClosed() { self.driver?.closeGracefully() }
    func connectionClosed(_ cause: TransportError) { self.driver = nil }
}

@Suite("TLS from the first byte", .timeLimit(.minutes(10)))
struct TLSTests {
    static func withTLSEcho(
        names: String = "DNS:localhost,IP:127.0.0.1",
        _ body: (TransportAddress, TestCertificates) async throws -> Void
    ) async throws {
        let certificates = try TestCertificates(names: names)
        defer { certificates.remove() }
        let tls = try ServerTLS(
            certificateChainFile: certificates.certificateFile, privateKeyFile: certificates.keyFile)
        try await LoopbackTests.withEcho(at: .tcp(host: "127.0.0.1", port: 0), tls: tls) { address in
            try await body(address, certificates)
        }
    }

    static func trusting(_ certificates: TestCertificates, serverName: String? = nil) throws -> ClientTLS {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .file(certificates.certificateFile)
        return try ClientTLS(configuration: configuration, serverName: serverName)
    }

    @Test("a server whose certificate nobody vouches for is refused, without being asked to")
    func selfSigned() async throws {
        try await Self.withTLSEcho { address, _ in
            let outcome = await LoopbackTests.echo(ByteBuffer(string: "secret"), to: address, tls: try ClientTLS())
            let error = #expect(throws: TransportError.self) { try outcome.get() }
            #expect(error?.code == .tlsFailed)
        }
    }

    @Test("with its root trusted it is talked to, by name and by address", arguments: ["localhost", nil])
    func trusted(name: String?) async throws {
        try await Self.withTLSEcho { address, certificates in
            let tls = try Self.trusting(certificates, serverName: name)
            for text in [ByteBuffer(string: "secret"), ByteBuffer(repeating: 65, count: 1 << 20)] {
                let echoed = try await LoopbackTests.echo(text, to: address, tls: tls).get()
                #expect(echoed == String(buffer: text))
            }
        }
    }

    @Test("a certificate for another name, or for no address, is refused", arguments: ["example.org", nil])
    func wrongName(name: String?) async throws {
        try await Self.withTLSEcho(names: "DNS:localhost") { address, certificates in
            let tls = try Self.trusting(certificates, serverName: name)
            let outcome = await LoopbackTests.echo(ByteBuffer(string: "secret"), to: address, tls: tls)
            let error = #expect(throws: TransportError.self) { try outcome.get() }
            #expect(error?.code == .tlsFailed)
        }
    }

    @Test("a server without TLS is noticed: nothing of the message is sent in the clear")
    func plainServer() async throws {
        let certificates = try TestCertificates()
        defer { certificates.remove() }
        try await LoopbackTests.withEcho(at: .tcp(host: "127.0.0.1", port: 0)) { address in
            let tls = try Self.trusting(certificates)
            let outcome = await LoopbackTests.echo(ByteBuffer(string: "secret"), to: address, tls: tls)
            let error = #expect(throws: TransportError.self) { try outcome.get() }
            #expect(error?.code == .tlsFailed)
        }
    }

    @Test("files that are no certificates are named in the error")
    func unreadable() {
        let error = #expect(throws: TransportError.self) {
            try ServerTLS(certificateChainFile: "/nowhere/c.pem", privateKeyFile: "/nowhere/k.pem")
        }
        #expect(error?.code == .tlsFailed)
        #expect(error?.message.contains("/nowhere/c.pem") == true)
    }
}
