#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Starts programs.
enum Spawn {
    /// Starts `executable` without input or output, in a process group of its own and with no signal blocked or ignored.
    ///
    /// - Returns: its process id, and where to read what it writes to stderr.
    static func run(_ executable: String, _ arguments: [String]) throws(DemoError) -> (pid: pid_t, stderr: CInt) {
        var ends: (read: CInt, write: CInt) = (-1, -1)
        let piped = withUnsafeMutableBytes(of: &ends) { pipe($0.baseAddress?.assumingMemoryBound(to: CInt.self)) }
        guard piped == 0 else { throw DemoError("No pipe could be made: \(SystemError.text()).") }
        defer { close(ends.write) }
        for end in [ends.read, ends.write] { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }

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
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends.write, 2)

        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { sigaddset(&signals, signal) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var words: [UnsafeMutablePointer<CChar>?] = ([executable] + arguments).map { strdup($0) }
        defer { for word in words { free(word) } }
        words.append(nil)
        var pid: pid_t = 0
        let code = posix_spawn(&pid, executable, &actions, &attributes, words, environ)
        guard code == 0 else {
            close(ends.read)
            throw DemoError("\(executable) cannot be started: \(SystemError.text(code)).")
        }
        return (pid, ends.read)
    }

    /// Where this program itself is.
    static var ownPath: String {
        var path = [UInt8](repeating: 0, count: 4096)
        let count = path.withUnsafeMutableBytes { bytes in
            bytes.baseAddress.map { readlink("/proc/self/exe", $0, bytes.count) } ?? 0
        }
        // Elsewhere than on Linux, what it was called.
        guard count > 0 else { return CommandLine.arguments.first ?? "" }
        return String(decoding: path[..<count], as: UTF8.self)
    }
}
