import Foundation
import Synchronization

/// A real program, started for a test and gone with it.
///
/// Its output goes to a file, not through a pipe: no other child can inherit an end and keep it open.
final class ChildProcess: Sendable {
    let pid: pid_t
    private let scratch: Scratch
    private let exit = Mutex<Int32?>(nil)
    private var outputPath: String { "\(self.scratch.path)/output" }

    init(_ path: String, _ arguments: [String]) throws {
        self.scratch = try Scratch()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(
            &actions, 1, "\(self.scratch.path)/output", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // Tests run side by side: a child that inherited another test's sockets would keep them open.
        try Self.closeOthers(&actions)
        // Whatever this process blocks or ignores, the child starts as a shell would start it.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var argv: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) }
        argv.append(nil)
        defer { for pointer in argv { free(pointer) } }
        var pid: pid_t = 0
        let status = posix_spawn(&pid, path, &actions, &attributes, argv, environ)
        guard status == 0 else { throw SpawnFailed(path: path, reason: String(cString: strerror(status))) }
        self.pid = pid
    }

    /// Has the child start with its standard streams only.
    ///
    /// glibc has a function for it that its headers show only to GNU programs; hence the detour.
    private static func closeOthers(_ actions: inout posix_spawn_file_actions_t) throws {
        typealias AddCloseFrom = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32
        guard let symbol = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np") else {
            throw SpawnFailed(path: "posix_spawn", reason: "these tests need glibc 2.34 or later")
        }
        _ = unsafeBitCast(symbol, to: AddCloseFrom.self)(&actions, 3)
    }

    struct SpawnFailed: Error, CustomStringConvertible {
        let path: String
        let reason: String
        var description: String { "\(self.path) cannot be started: \(self.reason)" }
    }

    /// What it wrote to its standard output and error so far.
    var text: String {
        String(decoding: FileManager.default.contents(atPath: self.outputPath) ?? Data(), as: UTF8.self)
    }

    /// Waits until it has written `pattern`; false if it ended without.
    func wrote(_ pattern: String) async throws -> Bool {
        while !self.text.contains(pattern) {
            if self.hasEnded() { return self.text.contains(pattern) }
            try await Task.sleep(for: .milliseconds(10))
        }
        return true
    }

    /// Waits until it has ended; returns its exit code, or minus the signal that ended it.
    @discardableResult
    func ended() async throws -> Int32 {
        while !self.hasEnded() { try await Task.sleep(for: .milliseconds(10)) }
        return self.exit.withLock { $0 ?? 0 }
    }

    /// Sends SIGTERM.
    func terminate() {
        self.exit.withLock { exit in
            guard exit == nil else { return }
            kill(self.pid, SIGTERM)
        }
    }

    private func hasEnded() -> Bool {
        self.exit.withLock { exit in
            exit = exit ?? self.reap(WNOHANG)
            return exit != nil
        }
    }

    /// Its exit code, or minus the signal that ended it. Once only: then its number may be somebody else's.
    private func reap(_ options: Int32) -> Int32? {
        var status: Int32 = 0
        guard waitpid(self.pid, &status, options) == self.pid else { return nil }
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : -(status & 0x7F)
    }

    /// Ends it, however it takes that, and waits for its end.
    func endNow() {
        self.exit.withLock { exit in
            guard exit == nil else { return }
            kill(self.pid, SIGKILL)
            exit = self.reap(0)
        }
    }

    deinit { self.endNow() }

    /// Runs a program to its end.
    static func run(_ path: String, _ arguments: [String]) async throws -> (status: Int32, text: String) {
        let child = try ChildProcess(path, arguments)
        let status = try await child.ended()
        return (status, child.text)
    }
}

/// Where programs are.
enum Programs {
    /// The `httptp` that was built along with these tests.
    static let httptp: String = {
        let own =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("httptp").path
    }()

    /// A program of the system. `Scripts/test` sees to it that it is installed.
    static func find(_ name: String) throws -> String {
        for directory in ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/bin", "/sbin"] {
            let path = "\(directory)/\(name)"
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw MissingProgram(name: name)
    }

    struct MissingProgram: Error, CustomStringConvertible {
        let name: String
        var description: String {
            "\(self.name) is not installed. Run Scripts/test, which installs what the tests need."
        }
    }
}
