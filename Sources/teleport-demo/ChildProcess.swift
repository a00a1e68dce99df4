import Dispatch
import Synchronization
import TeleportTransport

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// An `httptp` that this process started: its address, what it says on stderr, its end.
///
/// Its process id is used only under the lock and before it is waited for, so it never means another process.
final class ChildProcess: Sendable {
    private struct State {
        var line: [UInt8] = []
        /// The last lines on stderr.
        var lines: [String] = []
        var address: TransportAddress?
        /// What `waitpid` said.
        var exitStatus: CInt?
    }

    /// What it is called in messages.
    let name: String
    private let pid: pid_t
    private let state = Mutex(State())

    /// Starts a program. It has a process group of its own: a Ctrl-C at the terminal is for the demo, which ends what
    /// it started.
    init(name: String, executable: String, arguments: [String]) throws(DemoError) {
        self.name = name
        let (pid, stderr) = try Spawn.run(executable, arguments)
        self.pid = pid
        DispatchQueue(label: "stderr of the \(name)").async { self.follow(stderr) }
    }

    /// Why it is not there any more; `nil` while it runs.
    var complaint: DemoError? {
        self.state.withLock { state in
            guard let status = state.exitStatus else { return nil }
            // See `man 2 wait`: seven bits of signal, then eight of exit code.
            let signal = status & 0x7F
            let end = signal == 0 ? "exited with code \(status >> 8 & 0xFF)" : "was ended by signal \(signal)"
            let said = state.lines.isEmpty ? ["It said nothing."] : ["It said:"] + state.lines
            return DemoError("The \(self.name) \(end). \(said.joined(separator: "\n  "))")
        }
    }

    /// Waits until it says where it listens.
    func listeningAddress() async throws -> TransportAddress {
        for _ in 0..<1000 {
            if let address = self.state.withLock({ $0.address }) { return address }
            if let complaint = self.complaint { throw complaint }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw DemoError("The \(self.name) did not say within 10 s where it listens.")
    }

    /// Ends it and waits for that: SIGTERM first, SIGKILL after two seconds. Not to be hurried by cancellation.
    func stop() async {
        await Task {
            self.send(SIGTERM)
            for round in 0... {
                if self.complaint != nil { return }
                if round == 400 { self.send(SIGKILL) }
                try? await Task.sleep(for: .milliseconds(5))
            }
        }.value
    }

    private func send(_ signal: CInt) {
        self.state.withLock { state in
            if state.exitStatus == nil { _ = kill(self.pid, signal) }
        }
    }

    /// Reads stderr to its end, then waits for the process.
    private func follow(_ stderr: CInt) {
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { chunk in
            while true {
                let count = read(stderr, chunk.baseAddress, chunk.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                self.received(chunk[..<count])
            }
        }
        close(stderr)
        self.received(CollectionOfOne(0x0A))
        while !self.isReaped() { usleep(5000) }
    }

    private func isReaped() -> Bool {
        self.state.withLock { state in
            var status: CInt = 0
            guard waitpid(self.pid, &status, WNOHANG) != 0 else { return false }
            state.exitStatus = status
            return true
        }
    }

    private func received(_ bytes: some Sequence<UInt8>) {
        self.state.withLock { state in
            for byte in bytes {
                guard byte == 0x0A else {
                    state.line.append(byte)
                    continue
                }
                let line = String(decoding: state.line, as: UTF8.self)
                state.line.removeAll(keepingCapacity: true)
                if !line.isEmpty { state.lines.append(line) }
                if state.lines.count > 20 { state.lines.removeFirst() }
                if state.address == nil { state.address = Self.address(in: line) }
            }
        }
    }

    /// The address in the line `… in=127.0.0.1:1234 … listening`.
    private static func address(in line: String) -> TransportAddress? {
        guard line.hasSuffix("listening") else { return nil }
        let field = line.split(separator: " ").first { $0.hasPrefix("in=") }
        return field.flatMap { try? TransportAddress(parsing: String($0.dropFirst(3))) }
    }
}
