import NIOCore
import NetworkTestSupport
import Synchronization
import TeleportTransport
import Testing

@Suite("Listening", .timeLimit(.minutes(10)))
struct ListenerTests {
    static let loopback = TransportAddress.tcp(host: "127.0.0.1", port: 0)

    static func listen(
        _ address: TransportAddress = loopback, _ options: ListenerOptions = .init()
    ) async throws(TransportError) -> Listener {
        try await Listener.bind(address, group: EventLoops.shared, options: options) { _ in EchoStream() }
    }

    @Test("who is not admitted is closed without a byte, before there is a stream; who is, is served")
    func admits() async throws {
        let isOpen = Mutex(false)
        let asked = Mutex<[SocketAddress?]>([])
        let streams = Mutex(0)
        let traffic = TrafficCounters()
        let options = ListenerOptions(
            admits: { address in
                asked.withLock { $0.append(address) }
                return isOpen.withLock { $0 }
            }, traffic: traffic)
        let listener = try await Listener.bind(Self.loopback, group: EventLoops.shared, options: options) { _ in
            streams.withLock { $0 += 1 }
            return EchoStream()
        }
        let peer = try await RawPeer.connect(to: listener.address)
        #expect(await peer.readToEnd().readableBytes == 0)
        await peer.close()
        #expect(streams.withLock { $0 } == 0)
        #expect(traffic.snapshot == Traffic())
        #expect(asked.withLock { $0.map { $0?.ipAddress } } == ["127.0.0.1"])
        isOpen.withLock { $0 = true }
        #expect(try await LoopbackTests.echo(ByteBuffer(string: "hello"), to: listener.address).get() == "hello")
        #expect(streams.withLock { $0 } == 1)
        await listener.close()
    }

    @Test("two listeners share a port if both say so, and only then")
    func reusesPort() async throws {
        let sharing = ListenerOptions(reusesPort: true)
        let first = try await Self.listen(Self.loopback, sharing)
        let second = try await Self.listen(first.address, sharing)
        #expect(first.address == second.address)
        let error = await #expect(throws: TransportError.self) { _ = try await Self.listen(first.address) }
        #expect(error?.code == .bindFailed)
        await first.close()
        #expect(try await LoopbackTests.echo(ByteBuffer(string: "hello"), to: second.address).get() == "hello")
        await second.close()

        let alone = try await Self.listen()
        await #expect(throws: TransportError.self) { _ = try await Self.listen(alone.address, sharing) }
        await alone.close()
    }

    @Test("all addresses are listened at, in their order, or none is")
    func all() async throws {
        let path = "/tmp/teleport-all-\(UInt64.random(in: .min ... .max))"
        let listeners = try await Listener.bind(
            all: [.unix(path: path), Self.loopback], group: EventLoops.shared
        ) { _ in EchoStream() }
        #expect(listeners.map(\.address.isUnix) == [true, false])
        for listener in listeners {
            #expect(try await LoopbackTests.echo(ByteBuffer(string: "hello"), to: listener.address).get() == "hello")
        }
        await listeners.first?.close()
        let taken = try #require(listeners.last?.address)

        let free = TransportAddress.tcp(host: "127.0.0.1", port: try unusedPort())
        let error = await #expect(throws: TransportError.self) {
            _ = try await Listener.bind(all: [.unix(path: path), free, taken], group: EventLoops.shared) { _ in
                EchoStream()
            }
        }
        #expect(error?.message.contains(taken.description) == true)
        #expect(UnixSocketTests.kind(path) == nil)
        let again = try await Self.listen(free)
        await again.close()
        await listeners.last?.close()
    }

    @Test("all addresses of this machine are not listened at if another has the port")
    func anyAddressInUse() async throws {
        let first = try await Self.listen(.tcp(host: "", port: 0))
        let error = await #expect(throws: TransportError.self) { _ = try await Self.listen(first.address) }
        #expect(error?.code == .bindFailed)
        await first.close()
    }
}

extension TransportAddress {
    var isUnix: Bool {
        if case .unix = self { true } else { false }
    }
}
