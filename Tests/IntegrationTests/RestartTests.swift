import Foundation
import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import Testing

@testable import httptp

/// SIGUSR2 to a running `httptp`: another process takes its place (rule P-43).
@Suite("Hot restart", .timeLimit(.minutes(10)), .serialized)
struct RestartTests {
    /// A process and those that take its place, one after the other. All write to the same output.
    private final class Line: Sendable {
        let first: ChildProcess
        let scratch: Scratch
        private let processes: Mutex<[pid_t]>
        var text: String { self.first.text }
        var current: pid_t { self.processes.withLock { $0[$0.count - 1] } }

        init(_ arguments: [String], scratch: Scratch? = nil, program: String = Programs.underTest) async throws {
            self.scratch = try scratch ?? Scratch()
            self.first = try ChildProcess(program, arguments)
            self.processes = Mutex([self.first.pid])
            let isUp = try await self.first.wrote(" listening")
            try #require(isUp, "httptp did not start: \(self.first.text)")
        }

        /// The ports it listens at.
        func ports() throws -> [Int] {
            let list = try #require(self.text.firstMatch(of: /\bin=(\S+) inType=/)).1
            return list.split(separator: ",").compactMap { $0.split(separator: ":").last.flatMap { Int($0) } }
        }

        /// Returns when the next one listens.
        func restart() async throws {
            let before = self.text.ranges(of: "a successor listens").count
            kill(self.current, SIGUSR2)
            let isTold = try await eventually(within: .seconds(60)) {
                self.text.ranges(of: "a successor listens").count > before
            }
            try #require(isTold, "\(self.text)")
            self.adopt()
        }

        /// Takes note of the successor that was told of last.
        func adopt() {
            let told = self.text.matches(of: /successor=(\d+)/).last.flatMap { pid_t($0.1) }
            self.processes.withLock { if let told, told != $0.last { $0.append(told) } }
        }

        /// Returns when all but the last have ended; the first one with 0.
        func othersEnded() async throws {
            #expect(try await self.first.ended() == 0)
            for process in self.processes.withLock({ Array($0.dropFirst().dropLast()) }) {
                #expect(try await eventually(within: .seconds(60)) { !isRunning(process) })
            }
        }

        /// Has the last one drain.
        func stop() async throws {
            kill(self.current, SIGTERM)
            let isOver = try await eventually(within: .seconds(60)) { !isRunning(self.current) }
            #expect(isOver, "\(self.text)")
        }

        deinit {
            for process in self.processes.withLock({ Array($0.dropFirst()) }) where isRunning(process) {
                kill(process, SIGKILL)
            }
        }
    }

    /// Runs `body` under 500 requests a second; all that was asked has been answered with 200.
    private func underLoad(_ port: Int, _ body: () async throws -> Void) async throws -> Int {
        let load = LoadClient(port: port, requestsPerSecond: 500, connections: 20)
        async let outcome = load.run(target: "/small.txt")
        func more() async throws {
            let goal = load.current.total + 250
            while load.current.total < goal { try await Task.sleep(for: .milliseconds(10)) }
        }
        do {
            try await more()
            try await body()
            try await more()
        } catch {
            load.stop()
            _ = await outcome
            throw error
        }
        load.stop()
        let result = await outcome
        #expect(result.lost == 0 && result.refused == 0 && result.answered.keys.sorted() == [200], "\(result)")
        return result.total
    }

    @Test("no request is lost, three times in a row; the log goes on, and the counters are served by the next one")
    func plain() async throws {
        let nginx = try await Nginx()
        let scratch = try Scratch()
        let (page, log) = (try unusedPort(), "\(scratch.path)/access.log")
        let line = try await Line([
            "--listen", "http://127.0.0.1:0", "--forward", "http://127.0.0.1:\(nginx.port)", "-accessLog", log,
            "-expvarAddr=127.0.0.1:\(page)",
        ])
        let total = try await self.underLoad(try line.ports()[0]) {
            for _ in 0..<3 {
                let metrics = "http://127.0.0.1:\(page)/metrics"
                #expect(try await Curl.run([metrics]).text.contains("httptp_"))
                try await line.restart()
                try await line.othersEnded()
                #expect(try await Curl.run([metrics]).text.contains("httptp_"))
                #expect(try await Curl.code(["http://127.0.0.1:\(page)/readyz"]) == "200")
            }
        }
        try await line.stop()
        #expect(try AccessLines(log).count == total)
        #expect(line.text.ranges(of: " stopped").count == 4, "\(line.text)")
        try await nginx.stop()
    }

    @Test("no request through a link is lost, whichever of its ends is begun anew", arguments: ["auto", "v0"])
    func link(wire: String) async throws {
        let nginx = try await Nginx()
        let far = try await Line([
            "--listen", "teleport://127.0.0.1:0", "--forward", "http://127.0.0.1:\(nginx.port)", "-wire", wire,
            "-expvarAddr=",
        ])
        let near = try await Line([
            "--listen", "http://127.0.0.1:0", "--forward", "teleport://127.0.0.1:\(try far.ports()[0])", "-wire", wire,
            "-expvarAddr=",
        ])
        _ = try await self.underLoad(try near.ports()[0]) {
            try await far.restart()
            try await far.othersEnded()
            try await near.restart()
            try await near.othersEnded()
            try await far.restart()
            try await far.othersEnded()
        }
        #expect(!near.text.contains("request failed"), "\(near.text)")
        try await near.stop()
        try await far.stop()
        try await nginx.stop()
    }

    @Test("connections that were open end with the process that had them: the next one has not inherited them")
    func connections() async throws {
        let nginx = try await Nginx()
        let line = try await Line([
            "--listen", "http://127.0.0.1:0", "--forward", "http://127.0.0.1:\(nginx.port)", "-expvarAddr=",
        ])
        var peers: [RawPeer] = []
        for _ in 0..<10 {
            let peer = try await RawPeer.connect(to: .tcp(host: "127.0.0.1", port: try line.ports()[0]))
            peer.write("GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n")
            let answer = try #require(await peer.readSome())
            #expect(String(buffer: answer).hasPrefix("HTTP/1.1 200"))
            peers.append(peer)
        }
        try await line.restart()
        // They would stay open if a descriptor of them were left anywhere.
        for peer in peers {
            _ = await peer.readToEnd()
            await peer.close()
        }
        try await line.othersEnded()
        try await line.stop()
        try await nginx.stop()
    }

    @Test("the file of a unix socket stays for the next one, which removes it in the end")
    func unixSocket() async throws {
        let nginx = try await Nginx()
        let scratch = try Scratch()
        let path = "\(scratch.path)/app.sock"
        let line = try await Line([
            "--listen", "unix://\(path)", "--forward", "http://127.0.0.1:\(nginx.port)", "-expvarAddr=",
        ])
        for _ in 0..<2 {
            try await line.restart()
            try await line.othersEnded()
            #expect(try await Curl.code(["--unix-socket", path, "http://localhost/small.txt"]) == "200")
        }
        try await line.stop()
        #expect(!FileManager.default.fileExists(atPath: path))
        try await nginx.stop()
    }

    @Test("the configuration is read anew: an address that is not in it any more is closed, others go on")
    func otherConfiguration() async throws {
        let nginx = try await Nginx()
        let scratch = try Scratch()
        let gone = "\(scratch.path)/gone.sock"
        func write(_ places: String) throws {
            let text = "listen: [\(places)]\nforward: http://127.0.0.1:\(nginx.port)\n"
            try scratch.write("httptp.yaml", Data(text.utf8))
        }
        try write("http://127.0.0.1:0, unix://\(gone)")
        let line = try await Line(["--config", "\(scratch.path)/httptp.yaml", "-expvarAddr="])
        let port = try line.ports()[0]
        try write("http://127.0.0.1:0")
        _ = try await self.underLoad(port) {
            try await line.restart()
            try await line.othersEnded()
            #expect(!FileManager.default.fileExists(atPath: gone))
        }
        try await line.stop()
        try await nginx.stop()
    }

    @Test("the binary that is there by then is started; one that cannot be, or crashes, changes nothing; nor a mistake")
    func otherBinary() async throws {
        let nginx = try await Nginx()
        let scratch = try Scratch()
        let program = "\(scratch.path)/httptp"
        func install(_ script: String) throws {
            try? FileManager.default.removeItem(atPath: program)
            try scratch.write("httptp", Data("#!/bin/sh\n\(script)\n".utf8))
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
        }
        try FileManager.default.createSymbolicLink(atPath: program, withDestinationPath: Programs.underTest)
        let good = "listen: http://127.0.0.1:0\nforward: http://127.0.0.1:\(nginx.port)\n"
        try scratch.write("httptp.yaml", Data(good.utf8))
        let line = try await Line(
            ["--config", "\(scratch.path)/httptp.yaml", "-expvarAddr="], scratch: scratch, program: program)
        func refused(_ reason: String) async throws {
            kill(line.current, SIGUSR2)
            let isTold = try await eventually { line.text.contains(reason) }
            #expect(isTold, "\(reason): \(line.text)")
        }
        _ = try await self.underLoad(try line.ports()[0]) {
            try FileManager.default.removeItem(atPath: program)
            try await refused("cannot be started: No such file or directory")
            try install("kill -SEGV $$")
            try await refused("it ended before it was ready, with signal 11")
            try install("exec '\(Programs.underTest)' \"$@\"")
            try scratch.write("httptp.yaml", Data("lisen: x\n".utf8))
            try await refused("it ended before it was ready, with exit code 78")
            #expect(line.text.contains("httptp.yaml:1: there is no `lisen`"))
            try scratch.write("httptp.yaml", Data(good.utf8))
            try install("touch '\(scratch.path)/upgraded'; exec '\(Programs.underTest)' \"$@\"")
            try await line.restart()
            #expect(FileManager.default.fileExists(atPath: "\(scratch.path)/upgraded"))
            try await line.othersEnded()
        }
        #expect(line.text.ranges(of: "nobody takes over, and this process goes on").count == 3)
        try await line.stop()
        try await nginx.stop()
    }

    @Test("while one is being started: a reload waits for it, and SIGTERM ends both")
    func whileStarting() async throws {
        let scratch = try Scratch()
        let program = "\(scratch.path)/httptp"
        try FileManager.default.createSymbolicLink(atPath: program, withDestinationPath: Programs.underTest)
        let line = try await Line(["--listen", "http://127.0.0.1:0", "-expvarAddr="], program: program)
        // It takes the place of the shell: what is ended is what was started.
        try FileManager.default.removeItem(atPath: program)
        try scratch.write("httptp", Data("#!/bin/sh\nexec sleep 600\n".utf8))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
        func start(_ count: Int) async throws -> pid_t {
            kill(line.first.pid, SIGUSR2)
            let isStarted = try await eventually { line.text.ranges(of: "starting a successor").count == count }
            try #require(isStarted, "\(line.text)")
            return try #require(line.text.matches(of: /successor=(\d+)/).last.flatMap { pid_t($0.1) })
        }
        let one = try await start(1)
        line.first.send(SIGHUP)
        // Were it not to wait, it would come before this, or never.
        #expect(!line.text.contains(" reloaded"))
        kill(one, SIGKILL)
        let isReloaded = try await eventually { line.text.contains(" reloaded") }
        #expect(isReloaded, "\(line.text)")
        let (failure, reload) = (line.text.firstRange(of: "nobody takes over"), line.text.firstRange(of: " reloaded"))
        #expect(try #require(failure).lowerBound < #require(reload).lowerBound)

        let other = try await start(2)
        line.first.terminate()
        #expect(try await line.first.ended() == 0)
        #expect(!isRunning(other))
    }

    @Test("one that does not get ready in time is ended, and its number is told")
    func late() async throws {
        let successor = try Successor("sleep", ["600"], environment: ["PATH": "/usr/bin:/bin"], sockets: [])
        await #expect(throws: Successor.Failure.late(.milliseconds(50))) {
            try await successor.waitUntilReady(within: .milliseconds(50))
        }
        #expect(!isRunning(successor.processID))
    }

    @Test("what is not meant for it in the environment is refused")
    func wrongEnvironment() async throws {
        for text in ["", "x", #"{"sockets": [], "ready": 2}"#, #"{"sockets": [], "ready": 99}"#] {
            let (status, output) = try await ChildProcess.run(
                try Programs.find("env"), ["HTTPTP_HANDOVER=\(text)", Programs.underTest, "-expvarAddr="])
            #expect(status == 64 && output.contains("do not set it yourself"), "\(output)")
        }
    }

    @Test("the next one is told what the service manager said, but not about sockets that were meant for this one")
    func environment() throws {
        let handover = Handover([.init(9, name: "a:1"), .init(7, ownsFile: true)], from: 3)
        #expect(handover.sockets.map(\.descriptor) == [3, 4] && handover.ready == 5)
        let environment = handover.environment(from: [
            "A": "b", "NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "7", "LISTEN_FDS": "1",
            "LISTEN_PID": "7",
            "LISTEN_FDNAMES": "x", Handover.variable: "old",
        ])
        #expect(Set(environment.keys) == ["A", "NOTIFY_SOCKET", "WATCHDOG_USEC", Handover.variable])
        let text = try #require(environment[Handover.variable])
        #expect(try JSONDecoder().decode(Handover.self, from: Data(text.utf8)) == handover)
    }
}

/// Whether a process is there that has not ended. One that nobody has asked for its end yet is still listed.
func isRunning(_ process: pid_t) -> Bool {
    guard let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
        let end = status.lastIndex(of: ")")
    else { return false }
    return !status[end...].dropFirst(2).hasPrefix("Z")
}
