import Foundation
import NIOCore
import NIOPosix
import NetworkTestSupport
import Synchronization
import Teleport
import Testing

/// A running `httptp` and systemd's own tools.
@Suite("httptp under systemd", .timeLimit(.minutes(10)), .serialized)
struct SystemdTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Examples/systemd")

    @Test("systemd has nothing to say about the units")
    func units() async throws {
        let scratch = try Scratch()
        for name in ["httptp.service", "httptp.socket"] {
            let text = try String(contentsOf: Self.folder.appendingPathComponent(name), encoding: .utf8)
            // The binary has to be there to be verified.
            try scratch.write(name, Data(text.replacing("/usr/local/bin/httptp", with: Programs.httptp).utf8))
        }
        let (status, text) = try await ChildProcess.run(
            try Programs.find("systemd-analyze"),
            ["verify", "--man=no", "\(scratch.path)/httptp.socket", "\(scratch.path)/httptp.service"])
        #expect(status == 0, "\(text)")
        #expect(!text.contains("httptp.s"), "\(text)")
    }

    @Test("a socket that systemd has opened is used: no request is refused before the process is there")
    func socketActivation() async throws {
        let nginx = try await Nginx()
        let port = try unusedPort()
        let process = try ChildProcess(
            try Programs.find("systemd-socket-activate"),
            [
                "--listen=127.0.0.1:\(port)", Programs.underTest, "--listen", "http://127.0.0.1:\(port)", "--forward",
                "http://127.0.0.1:\(nginx.port)", "-expvarAddr=",
            ])
        let isListening = try await process.wrote("Listening on")
        #expect(isListening, "\(process.text)")
        // It is started by this.
        #expect(try await Curl.code(["http://127.0.0.1:\(port)/small.txt"]) == "200")
        #expect(process.text.contains("in=127.0.0.1:\(port) "), "\(process.text)")
        process.terminate()
        #expect(try await process.ended() == 0)
        try await nginx.stop()
    }

    @Test("a socket that it does not listen at is told")
    func straySocket() async throws {
        let port = try unusedPort()
        let process = try ChildProcess(
            try Programs.find("systemd-socket-activate"),
            ["--listen=127.0.0.1:\(port)", Programs.underTest, "--listen", "http://127.0.0.1:0", "-expvarAddr="])
        let isListening = try await process.wrote("Listening on")
        #expect(isListening, "\(process.text)")
        let peer = try await RawPeer.connect(to: .tcp(host: "127.0.0.1", port: port))
        let isTold = try await process.wrote("nobody listens at")
        #expect(isTold && process.text.contains(":\(port)"), "\(process.text)")
        await peer.close()
        process.terminate()
        #expect(try await process.ended() == 0)
    }

    @Test("it says when it is ready, alive, reloading and stopping", arguments: [false, true])
    func notifications(isAbstract: Bool) async throws {
        let scratch = try Scratch()
        let name = isAbstract ? "@teleport-\(UUID().uuidString)" : "\(scratch.path)/notify"
        let manager = try Manager(at: name)
        let process = try ChildProcess(
            try Programs.find("env"),
            [
                "NOTIFY_SOCKET=\(name)", "WATCHDOG_USEC=30000000", Programs.underTest, "--listen",
                "http://127.0.0.1:0", "-expvarAddr=",
            ])
        #expect(try await eventually { manager.received.contains("READY=1\nSTATUS=listening") })
        #expect(process.text.contains(" listening"))
        #expect(try await eventually { manager.received.contains("WATCHDOG=1") })
        process.send(SIGHUP)
        #expect(
            try await eventually {
                let received = manager.received
                guard let reloading = received.firstIndex(where: { $0.hasPrefix("RELOADING=1\nMONOTONIC_USEC=") })
                else { return false }
                return received[reloading...].contains("READY=1\nSTATUS=listening")
            }, "\(manager.received)")
        process.terminate()
        #expect(try await process.ended() == 0)
        #expect(try await eventually { manager.received.contains("STOPPING=1\nSTATUS=draining") })
        manager.stop()
    }

    @Test("after a hot restart it follows the process that took over, with a socket that was its own from the start")
    func hotRestart() async throws {
        let nginx = try await Nginx()
        let port = try unusedPort()
        let scratch = try Scratch()
        let name = "\(scratch.path)/notify"
        let manager = try Manager(at: name)
        let first = try ChildProcess(
            try Programs.find("systemd-socket-activate"),
            [
                "--listen=127.0.0.1:\(port)", "-E", "NOTIFY_SOCKET=\(name)", "-E", "WATCHDOG_USEC=30000000",
                Programs.underTest, "--listen", "http://127.0.0.1:\(port)", "--forward",
                "http://127.0.0.1:\(nginx.port)", "-expvarAddr=",
            ])
        let isListening = try await first.wrote("Listening on")
        #expect(isListening, "\(first.text)")
        #expect(try await Curl.code(["http://127.0.0.1:\(port)/small.txt"]) == "200")
        #expect(try await eventually { manager.received.contains("READY=1\nSTATUS=listening") })
        var current = first.pid
        for round in 1...2 {
            let told = manager.received.count
            kill(current, SIGUSR2)
            var successor: pid_t?
            let isReplaced = try await eventually(within: .seconds(60)) {
                successor =
                    manager.received.dropFirst(told).lazy.compactMap {
                        $0.wholeMatch(of: /MAINPID=(\d+)\nREADY=1\nSTATUS=listening/).flatMap { pid_t($0.1) }
                    }.first
                return successor != nil
            }
            try #require(isReplaced, "\(first.text)")
            let replaced = current
            current = try #require(successor)
            let isOver = try await eventually(within: .seconds(60)) {
                round == 1 ? try await first.ended() == 0 : !isRunning(replaced)
            }
            #expect(isOver)
            #expect(try await Curl.code(["http://127.0.0.1:\(port)/small.txt"]) == "200")
        }
        // Those that were replaced have not said that the service stops, nor did the others say again that it is ready.
        #expect(!manager.received.contains { $0.hasPrefix("STOPPING") })
        #expect(manager.received.count { $0.hasPrefix("READY=1") } == 1)
        let signs = manager.received.count { $0 == "WATCHDOG=1" }
        #expect(try await eventually { manager.received.count { $0 == "WATCHDOG=1" } > signs })
        kill(current, SIGTERM)
        #expect(try await eventually { manager.received.contains("STOPPING=1\nSTATUS=draining") })
        #expect(try await eventually { !isRunning(current) })
        manager.stop()
        try await nginx.stop()
    }

    /// The end of `NOTIFY_SOCKET` that listens.
    private final class Manager: Sendable {
        private let descriptor: Int32
        private let texts = Mutex<[String]>([])

        init(at name: String) throws {
            self.descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            let bytes = name.hasPrefix("@") ? [0] + Array(name.utf8.dropFirst()) : Array(name.utf8)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
            let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
            let descriptor = self.descriptor
            let isBound = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) == 0 }
            }
            try #require(isBound)
        }

        /// All that came so far.
        var received: [String] {
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = recv(self.descriptor, &buffer, buffer.count, 0)
                guard count > 0 else { return self.texts.withLock { $0 } }
                self.texts.withLock { $0.append(String(decoding: buffer[..<count], as: UTF8.self)) }
            }
        }

        func stop() { close(self.descriptor) }
    }
}
