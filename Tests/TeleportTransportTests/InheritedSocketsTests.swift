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
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: 0)
        try #require(address.withSockAddr { Glibc.bind(descriptor, $0, socklen_t($1)) } == 0)
        if listening { try #require(Glibc.listen(descriptor, 16) == 0) }
        var (name, length) = (sockaddr_in(), socklen_t(MemoryLayout<sockaddr_in>.size))
        let hasName = withUnsafeMutablePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) == 0 }
        }
        try #require(hasName)
        return (descriptor, Int(UInt16(bigEndian: name.sin_port)))
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

    @Test("what is no listening socket is refused by its number")
    func noSocket() throws {
        let (descriptor, _) = try self.socket(listening: false)
        defer { close(descriptor) }
        for wrong in [descriptor, 9999, STDERR_FILENO] {
            let error = #expect(throws: TransportError.self) { try InheritedSockets([wrong]) }
            #expect(error?.message.contains("\(wrong)") == true)
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
        // One behind the other, as who starts a process puts them.
        let start: Int32 = 500 + Int32.random(in: 0..<400)
        for (offset, descriptor) in [first, second].enumerated() {
            try #require(dup2(descriptor, start + Int32(offset)) >= 0)
            close(descriptor)
        }
        let inherited = try InheritedSockets(environment: { variables[$0] }, processID: 7, first: start)
        #expect(inherited.left.count == count)
        for offset in 0..<2 { close(start + Int32(offset)) }
    }
}
