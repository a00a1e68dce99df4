import Foundation
import NIOCore
import TeleportTransport
import Testing

@Suite("The file of a unix socket", .timeLimit(.minutes(10)))
struct UnixSocketTests {
    /// A path in a folder that is gone when `body` returns.
    static func withPath(_ body: (String) async throws -> Void) async throws {
        let directory = "/tmp/teleport-unix-\(UInt64.random(in: .min ... .max))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await body(directory + "/s")
    }

    static func listen(_ path: String) async throws(TransportError) -> Listener {
        try await Listener.bind(.unix(path: path), group: EventLoops.shared) { _ in EchoStream() }
    }

    static func expectEcho(at path: String) async throws {
        let echoed = try await LoopbackTests.echo(ByteBuffer(string: "hello"), to: .unix(path: path)).get()
        #expect(echoed == "hello")
    }

    static func expectInUse(_ path: String) async {
        let error = await #expect(throws: TransportError.self) { _ = try await Self.listen(path) }
        #expect(error?.code == .bindFailed)
        #expect(error?.message.contains("in use") == true)
        #expect(error?.message.contains(path) == true)
    }

    /// What is at `path`: `nil` for nothing.
    static func kind(_ path: String) -> FileAttributeType? {
        (try? FileManager.default.attributesOfItem(atPath: path))?[.type] as? FileAttributeType
    }

    @Test("one that was left behind is replaced")
    func stale() async throws {
        try await Self.withPath { path in
            try RawSocket(boundAt: path).close()
            #expect(Self.kind(path) == .typeSocket)
            let listener = try await Self.listen(path)
            try await Self.expectEcho(at: path)
            await listener.close()
        }
    }

    @Test("one that somebody listens at is left alone, and goes on working")
    func live() async throws {
        try await Self.withPath { path in
            let listener = try await Self.listen(path)
            await Self.expectInUse(path)
            try await Self.expectEcho(at: path)
            await listener.close()
        }
    }

    @Test("one whose listener has no room for another connection, or takes datagrams, is in use")
    func busy() async throws {
        try await Self.withPath { path in
            let full = try RawSocket(boundAt: path)
            defer { full.close() }
            full.listen(backlog: 0)
            let waiting = (0..<4).map { _ in RawSocket(connectingTo: path) }
            await Self.expectInUse(path)
            for socket in waiting { socket.close() }
        }
        try await Self.withPath { path in
            let datagrams = try RawSocket(boundAt: path, isDatagram: true)
            await Self.expectInUse(path)
            datagrams.close()
        }
    }

    @Test("a file that is no socket is not replaced, nor is a link to one")
    func otherFile() async throws {
        try await Self.withPath { path in
            try Data("precious".utf8).write(to: URL(fileURLWithPath: path))
            let error = await #expect(throws: TransportError.self) { _ = try await Self.listen(path) }
            #expect(error?.code == .bindFailed)
            #expect(error?.message.contains("not replaced") == true)
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
        }
        try await Self.withPath { path in
            try RawSocket(boundAt: path + "2").close()
            try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: path + "2")
            await #expect(throws: TransportError.self) { _ = try await Self.listen(path) }
            #expect(Self.kind(path) == .typeSymbolicLink)
            #expect(Self.kind(path + "2") == .typeSocket)
        }
    }

    @Test("it is gone when the listener was closed, and its path can be listened at again")
    func removed() async throws {
        try await Self.withPath { path in
            for _ in 0..<2 {
                let listener = try await Self.listen(path)
                #expect(Self.kind(path) == .typeSocket)
                await listener.close()
                #expect(Self.kind(path) == nil)
            }
        }
    }

    @Test("a file that took its place is not removed with it, however often it is closed")
    func replaced() async throws {
        try await Self.withPath { path in
            let first = try await Self.listen(path)
            try FileManager.default.removeItem(atPath: path)
            let second = try await Self.listen(path)
            await first.close()
            await first.close()
            try await Self.expectEcho(at: path)
            await second.close()
            #expect(Self.kind(path) == nil)
        }
    }

    @Test("a path that is too long, or in no folder, is said to be no place to listen at")
    func impossible() async throws {
        for path in ["/nowhere/at/all", "/tmp/" + String(repeating: "x", count: 200)] {
            let error = await #expect(throws: TransportError.self) { _ = try await Self.listen(path) }
            #expect(error?.code == .bindFailed)
        }
    }
}

/// A unix socket without anything around it.
struct RawSocket {
    private let descriptor: Int32

    private init(_ type: Int32) {
        self.descriptor = socket(AF_UNIX, type, 0)
        _ = fcntl(self.descriptor, F_SETFL, O_NONBLOCK)
    }

    init(boundAt path: String, isDatagram: Bool = false) throws {
        self.init(isDatagram ? Int32(SOCK_DGRAM.rawValue) : Int32(SOCK_STREAM.rawValue))
        let descriptor = self.descriptor
        let status = try SocketAddress(unixDomainSocketPath: path).withSockAddr { bind(descriptor, $0, socklen_t($1)) }
        try #require(status == 0)
    }

    init(connectingTo path: String) {
        self.init(Int32(SOCK_STREAM.rawValue))
        let descriptor = self.descriptor
        _ = try? SocketAddress(unixDomainSocketPath: path).withSockAddr { connect(descriptor, $0, socklen_t($1)) }
    }

    func listen(backlog: Int32) { _ = Foundation.listen(self.descriptor, backlog) }
    func close() { _ = Foundation.close(self.descriptor) }
}
