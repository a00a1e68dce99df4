import TeleportReport

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A program that this process started; it is ended with it.
struct ChildProcess: Sendable {
    /// What it is called in tables and messages.
    let name: String
    let pid: pid_t
    /// Where both its outputs go.
    private let output: String

    /// Starts a program without input, in a process group of its own: a Ctrl-C at the terminal is for this process,
    /// which ends what it started.
    ///
    /// - Parameters:
    ///   - output: the file that takes what it prints.
    ///   - environment: added to this process's own, each as `NAME=value`.
    init(
        _ name: String, _ executable: String, _ arguments: [String], output: String, environment: [String] = []
    ) throws {
        self.name = name
        self.output = output
        self.pid = try Cleanup.shared.start {
            try Self.spawn(executable, arguments, output: output, environment: environment)
        }
    }

    /// Everything it has printed.
    var printed: String { Folder.read(self.output) ?? "" }

    /// What became of it; `nil` while it runs. Ask no more after it has ended.
    func reap() -> (status: CInt, usage: rusage)? { Cleanup.shared.reap(self.pid) }

    /// Waits for its end and returns its CPU time in microseconds.
    ///
    /// - Throws: what it printed, if it did not end with code 0.
    @discardableResult
    func waitForEnd() async throws -> Double {
        while true {
            if let end = self.reap() {
                guard end.status == 0 else { throw self.complaint(end.status) }
                return Resources.microseconds(end.usage)
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Why it is of no use any more.
    func complaint(_ status: CInt) -> BenchError {
        // See `man 2 wait`: seven bits of signal, then eight of exit code.
        let signal = status & 0x7F
        let end = signal == 0 ? "exited with code \(status >> 8 & 0xFF)" : "was ended by signal \(signal)"
        let lines = self.printed.split(whereSeparator: \.isNewline).suffix(20).joined(separator: "\n  ")
        return BenchError("\(self.name) \(end). It said:\n  \(lines.isEmpty ? "nothing" : lines)")
    }

    /// CPU time so far in microseconds, and resident bytes.
    func usage() throws -> (cpu: Double, residentBytes: Int) {
        guard let stat = Folder.read("/proc/\(self.pid)/stat").flatMap(ProcessStat.init(parsing:)) else {
            throw self.reap().map { self.complaint($0.status) }
                ?? BenchError("/proc/\(self.pid)/stat cannot be read: CPU of other processes is known on Linux only.")
        }
        return (
            Double(stat.ticks) * 1e6 / Double(sysconf(CInt(_SC_CLK_TCK))),
            stat.residentPages * Int(sysconf(CInt(_SC_PAGESIZE)))
        )
    }

    private static func spawn(
        _ executable: String, _ arguments: [String], output: String, environment: [String]
    ) throws -> pid_t {
        #if canImport(Glibc)
            var actions = posix_spawn_file_actions_t()
            var attributes = posix_spawnattr_t()
        #else
            var actions: posix_spawn_file_actions_t?
            var attributes: posix_spawnattr_t?
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)

        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Ignored here, but not there.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { sigaddset(&signals, signal) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var words: [UnsafeMutablePointer<CChar>?] = ([executable] + arguments).map { strdup($0) } + [nil]
        let variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) }
        defer { for text in words + variables { free(text) } }
        var inherited = environ
        var all = variables
        while let variable = inherited.pointee {
            all.append(variable)
            inherited += 1
        }
        all.append(nil)
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, executable, &actions, &attributes, &words, &all)
        guard code == 0 else {
            throw BenchError("\(executable) cannot be started: \(String(cString: strerror(code))).")
        }
        return pid
    }
}
