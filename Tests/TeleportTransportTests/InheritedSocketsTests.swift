import NIOCore
import NIOPosix
import NetworkTestSupport
import TeleportTransport
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite("Sockets that somebody else has opened", .timeLimit(.minutes(10)))
struct InheritedSocketsTests {
    /// A socket that listens at a free port of 127.0.0.1.
    private func socket(listening: Bool = true) throws -> (descriptor: Int32, port: Int) {
        let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        let port = try unusedPort()
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: port)
        try #require(address.withSockAddr { Glibc.bind(descriptor, $0, socklen_t($1)) } == 0)
        if listening { try #require(Glibc.listen(descriptor, 16) == 0) }
        return (descriptor, port)
    }

    @Test("a listener takes the one at its address, and connections to it are accepted")
    func taken() async throws {
        let (descriptor, port) = try self.socket()
        let (other, otherPort) = try self.socket()
        let inherited = try InheritedSockets([descriptor, other])
        #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
        // A name is looked up; a port that nobody has opened is opened.
        let address = TransportAddress.tcp(host: "localhost", port: port)
        let accepted = Flag()
        let acceptor = ConnectionAcceptor { _ in
            accepted.raise()
            return nil
        }
        let group = MultiThreadedEventLoopGroup.singleton
        let listener = try await Listener.bind(address, group: group, accepting: acceptor, inheriting: inherited)
        #expect(inherited.left.map(\.port) == [otherPort])
        let fresh = try await Listener.bind(
            .tcp(host: "127.0.0.1", port: 0), group: group, accepting: acceptor, inheriting: inherited)
        #expect(inherited.left.count == 1)
        let peer = try await RawPeer.connect(to: .tcp(host: "127.0.0.1", port: port))
        await accepted.wait()
        await peer.close()
        await listener.close()
        await fresh.close()
        close(other)
    }

    @Test("one with a name is taken by who asks for the same; others with a name are closed when nobody is left to ask")
    func handedOver() async throws {
        let (descriptor, port) = try self.socket()
        let (unclaimed, unclaimedPort) = try self.socket()
        let (unnamed, unnamedPort) = try self.socket()
        let inherited = try InheritedSockets([
            .init(descriptor, name: "127.0.0.1:0"), .init(unclaimed, name: "localhost:1"), .init(unnamed),
        ])
        let copies = try inherited.duplicates()
        #expect(copies.map(\.name) == ["127.0.0.1:0", "localhost:1", nil])
        #expect(copies.allSatisfy { fcntl($0.descriptor, F_GETFD) & FD_CLOEXEC != 0 })
        InheritedSockets.close(copies)
        let group = MultiThreadedEventLoopGroup.singleton
        let address = TransportAddress.tcp(host: "127.0.0.1", port: 0)
        let listener = try await Listener.bind(
            address, group: group, accepting: ConnectionAcceptor { _ in nil }, inheriting: inherited)
        #expect(listener.address == .tcp(host: "127.0.0.1", port: port))
        let copy = try #require(try await listener.duplicate(named: address))
        #expect(copy.name == "127.0.0.1:0" && !copy.ownsFile)
        #expect(inherited.closeUnclaimed().map(\.port) == [unclaimedPort])
        #expect(inherited.left.map(\.port) == [unnamedPort])
        await #expect(throws: (any Error).self) {
            try await RawPeer.connect(to: .tcp(host: "127.0.0.1", port: unclaimedPort))
        }
        await listener.close()
        // Closed, but there is another descriptor of the socket: who connects waits.
        let peer = try await RawPeer.connect(to: .tcp(host: "127.0.0.1", port: port))
        await peer.close()
        await #expect(throws: TransportError.self) { try await listener.duplicate(named: address) }
        InheritedSockets.close([copy])
        close(unnamed)
    }

    @Test("what is no listening socket is refused by its number")
    func noSocket() throws {
        let (descriptor, _) = try self.socket(listening: false)
        defer { close(descriptor) }
        for wrong in [descriptor, 9999, STDERR_FILENO] {
            let error = #expect(throws: TransportError.self) { try InheritedSockets([wrong]) }
            #expect(error?.message.contains("\(wrong)") == true)
        }
    }

    /// Moves two descriptors to numbers one behind the other, as who starts a process puts them; returns the first.
    ///
    /// To numbers that are free: at any other, another test would lose what it has open.
    private func moveTogether(_ first: Int32, _ second: Int32) throws -> Int32 {
        defer { for descriptor in [first, second] { close(descriptor) } }
        var start = fcntl(first, F_DUPFD_CLOEXEC, 3)
        while true {
            try #require(start >= 0)
            let next = fcntl(second, F_DUPFD_CLOEXEC, start + 1)
            if next == start + 1 { return start }
            close(start)
            try #require(next >= 0)
            close(next)
            start = fcntl(first, F_DUPFD_CLOEXEC, next)
        }
    }

    @Test(
        "the environment tells how many, if it is meant for this process",
        arguments: [
            (["LISTEN_FDS": "2", "LISTEN_PID": "7"], 2), (["LISTEN_FDS": "1", "LISTEN_PID": "7"], 1),
            (["LISTEN_FDS": "2", "LISTEN_PID": "8"], 0), (["LISTEN_FDS": "2"], 0), (["LISTEN_PID": "7"], 0),
            (["LISTEN_FDS": "-1", "LISTEN_PID": "7"], 0), (["LISTEN_FDS": "x", "LISTEN_PID": "7"], 0), ([:], 0),
        ])
    func environment(variables: [String: String], count: Int) throws {
        let (first, _) = try self.socket()
        let (second, _) = try self.socket()
        let start = try self.moveTogether(first, second)
        let inherited = try InheritedSockets(environment: { variables[$0] }, processID: 7, first: start)
        #expect(inherited.left.count == count)
        for offset in 0..<2 { close(start + Int32(offset)) }
    }
}
