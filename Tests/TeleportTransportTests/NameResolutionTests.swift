import Foundation
import NIOCore
import NIOPosix
import NetworkTestSupport
import Synchronization
import Testing

@testable import TeleportTransport

/// Tells its peer which of several listeners it belongs to.
private final class Greeting: ByteStream {
    private let text: String
    private var driver: ConnectionDriver?

    init(_ text: String) { self.text = text }

    func connectionOpened(_ driver: ConnectionDriver) {
        self.driver = driver
        driver.closeGracefully()
    }
    func bytesReceived(_ bytes: inout ByteBuffer) { bytes.moveReaderIndex(to: bytes.writerIndex) }
    func bytesToSend() -> ByteBuffer? { ByteBuffer(string: self.text) }
    func inputClosed() {}
    func connectionClosed(_ cause: TransportError) { self.driver = nil }
}

/// Gathers what comes until the peer has ended.
private final class Gathering: ByteStream {
    private let gathered: Signal<String>
    private var received = ByteBuffer()
    private var driver: ConnectionDriver?

    init(_ gathered: Signal<String>) { self.gathered = gathered }

    func connectionOpened(_ driver: ConnectionDriver) { self.driver = driver }
    func bytesReceived(_ bytes: inout ByteBuffer) { self.received.writeBuffer(&bytes) }
    func bytesToSend() -> ByteBuffer? { nil }
    func inputClosed() { self.driver?.closeGracefully() }
    func connectionClosed(_ cause: TransportError) {
        self.driver = nil
        self.gathered.send(String(buffer: self.received))
    }
}

@Suite("Names and their addresses", .timeLimit(.minutes(10)))
struct NameResolutionTests {
    static let name = "teleport.test"

    /// What a name server would say.
    final class Zone: Sendable {
        let addresses: Mutex<[String]>

        init(_ addresses: [String]) { self.addresses = Mutex(addresses) }

        func resolution(first: Int = 0) -> NameResolution {
            NameResolution(first: first) { host, port, family throws(LookupError) in
                guard host == NameResolutionTests.name else { throw LookupError(message: "No such name") }
                let found = self.addresses.withLock { $0 }.filter { $0.contains(":") == (family == .v6) }
                guard !found.isEmpty else { throw LookupError(message: "No such address") }
                return found.compactMap { try? SocketAddress(ipAddress: $0, port: port) }
            }
        }
    }

    /// Listens at all of `hosts` at one port, each with its address as the greeting.
    static func withGreeters(_ hosts: [String], _ body: (_ port: Int) async throws -> Void) async throws {
        var listeners: [Listener] = []
        var port = 0
        for host in hosts {
            let listener = try await Listener.bind(.tcp(host: host, port: port), group: EventLoops.shared) { _ in
                Greeting(host)
            }
            port = listener.address.port
            listeners.append(listener)
        }
        try await body(port)
        for listener in listeners { await listener.close() }
    }

    static func connector(port: Int, _ resolution: NameResolution, host: String = name) -> Connector {
        Connector(to: .tcp(host: host, port: port), timeout: .seconds(30), resolution: resolution)
    }

    /// Who answers.
    static func greeting(_ connector: Connector) async throws -> String? {
        let gathered = Signal<String>()
        try await connector.connect(on: EventLoops.shared.next()) { Gathering(gathered) }.get()
        return await gathered.next()
    }

    static func greetings(_ count: Int, _ connector: Connector) async throws -> [String?] {
        var all: [String?] = []
        for _ in 0..<count { all.append(try await self.greeting(connector)) }
        return all
    }

    @Test("connections begin with each address in turn, whichever is the first")
    func turns() async throws {
        let (a, b) = ("127.0.0.1", "127.0.0.2")
        try await Self.withGreeters([a, b]) { port async throws in
            let zone = Zone([a, b])
            #expect(try await Self.greetings(4, Self.connector(port: port, zone.resolution())) == [a, b, a, b])
            #expect(try await Self.greetings(3, Self.connector(port: port, zone.resolution(first: 3))) == [b, a, b])
        }
    }

    @Test("connectors that share a resolution take turns with each other")
    func shared() async throws {
        let (a, b) = ("127.0.0.1", "127.0.0.2")
        try await Self.withGreeters([a, b]) { port async throws in
            let resolution = Zone([a, b]).resolution()
            for expected in [a, b, a] {
                #expect(try await Self.greeting(Self.connector(port: port, resolution)) == expected)
            }
        }
    }

    @Test("an address that nobody listens at is passed over")
    func dead() async throws {
        let (dead, alive) = ("127.0.0.2", "127.0.0.1")
        try await Self.withGreeters([alive]) { port async throws in
            let connector = Self.connector(port: port, Zone([dead, alive]).resolution())
            #expect(try await Self.greetings(4, connector) == [alive, alive, alive, alive])
            let six = Self.connector(port: port, Zone(["::1", alive]).resolution())
            #expect(try await Self.greetings(2, six) == [alive, alive])
        }
    }

    @Test("IPv6 addresses are connected to")
    func v6() async throws {
        try await Self.withGreeters(["::1"]) { port async throws in
            let connector = Self.connector(port: port, Zone(["::1"]).resolution())
            #expect(try await Self.greetings(2, connector) == ["::1", "::1"])
        }
    }

    @Test("a name that moves is followed at the next connection")
    func moves() async throws {
        let (a, b) = ("127.0.0.1", "127.0.0.2")
        try await Self.withGreeters([a, b]) { port async throws in
            let zone = Zone([a])
            let connector = Self.connector(port: port, zone.resolution())
            #expect(try await Self.greetings(2, connector) == [a, a])
            zone.addresses.withLock { $0 = [b] }
            #expect(try await Self.greetings(2, connector) == [b, b])
        }
    }

    @Test("a name without addresses is told as such, with the system's words")
    func unknown() async throws {
        let error = await #expect(throws: TransportError.self) {
            _ = try await Self.greeting(Self.connector(port: 80, Zone([]).resolution(), host: "nobody.test"))
        }
        #expect(error?.code == .connectFailed)
        #expect(error?.message.contains("\"nobody.test\" could not be resolved") == true)
        #expect(error.map { "\($0)".contains("No such name") } == true)
    }

    @Test("an address is no name: nobody is asked about it")
    func addresses() async throws {
        try await Self.withGreeters(["127.0.0.1"]) { port async throws in
            let resolution = NameResolution { host, _, _ throws(LookupError) in
                Issue.record("\(host) was looked up")
                throw LookupError(message: "")
            }
            #expect(try await Self.greeting(Self.connector(port: port, resolution, host: "127.0.0.1")) == "127.0.0.1")
        }
    }

    @Test("while a lookup is under way, all who ask are told the result of the one after it")
    func lookupsAreShared() async throws {
        let begun = Signal<Void>()
        let isAnswered = DispatchSemaphore(value: 0)
        let lookups = Mutex(0)
        let resolution = NameResolution { _, port, _ in
            let number = lookups.withLock { lookups in
                lookups += 1
                return lookups
            }
            if number == 1 {
                begun.send(())
                isAnswered.wait()
            }
            return [try SocketAddress(ipAddress: "127.0.0.\(number)", port: port)]
        }
        let loop = EventLoops.shared.next()
        let first = resolution.resolver(on: loop).initiateAQuery(host: Self.name, port: 80)
        _ = await begun.next()
        let others = (0..<10).map { _ in resolution.resolver(on: loop).initiateAQuery(host: Self.name, port: 80) }
        isAnswered.signal()
        #expect(try await first.get().map(\.ipAddress) == ["127.0.0.1"])
        for other in others { #expect(try await other.get().map(\.ipAddress) == ["127.0.0.2"]) }
        #expect(lookups.withLock { $0 } == 2)
    }

    @Test("the system's lookup keeps families apart, and keeps the port")
    func system() throws {
        let found = try systemLookup("127.0.0.1", 8080, .v4)
        #expect(found.map(\.ipAddress) == ["127.0.0.1"])
        #expect(found.map(\.port) == [8080])
        #expect(try systemLookup("::1", 1, .v6).map(\.ipAddress) == ["::1"])
        #expect(throws: LookupError.self) { try systemLookup("::1", 1, .v4) }
    }
}
