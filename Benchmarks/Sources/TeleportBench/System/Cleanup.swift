import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What has to be ended and removed before this process ends, however it ends: by return, error or signal.
///
/// Processes are known by the ids they were started with, and forgotten once they were waited for, so an id never means
/// another process.
final class Cleanup: Sendable {
    static let shared = Cleanup()

    private struct State {
        var children: Set<pid_t> = []
        var folders: [String] = []
        var files: [String] = []
        /// Nothing is started any more.
        var isOver = false
    }

    private let state = Mutex(State())

    func add(folder: String) { self.state.withLock { $0.folders.append(folder) } }
    func add(file: String) { self.state.withLock { $0.files.append(file) } }

    /// Starts a process by `spawn`, and knows it from then on. Under the lock: no signal comes in between, and none is
    /// started behind the end.
    func start(_ spawn: () throws -> pid_t) throws -> pid_t {
        try self.state.withLock { state in
            guard !state.isOver else { throw BenchError("This process is ending.") }
            let pid = try spawn()
            state.children.insert(pid)
            return pid
        }
    }

    /// What became of a child: `nil` while it runs. The first answer that is not `nil` is the only one.
    func reap(_ pid: pid_t) -> (status: CInt, usage: rusage)? {
        self.state.withLock { state in
            guard state.children.contains(pid) else { return nil }
            var status: CInt = 0
            var usage = rusage()
            guard wait4(pid, &status, WNOHANG, &usage) == pid else { return nil }
            state.children.remove(pid)
            return (status, usage)
        }
    }

    /// Ends children: SIGTERM, and SIGKILL after two seconds. Returns when they are gone.
    func end(_ pids: [pid_t]) {
        self.state.withLock { state in
            var left = state.children.intersection(pids)
            for pid in left { _ = kill(pid, SIGTERM) }
            var waited = 0
            while !left.isEmpty {
                for pid in left where waitpid(pid, nil, WNOHANG) != 0 {
                    left.remove(pid)
                    state.children.remove(pid)
                }
                if waited == 400 { for pid in left { _ = kill(pid, SIGKILL) } }
                waited += 1
                if !left.isEmpty { usleep(5000) }
            }
        }
    }

    /// Does all of it. Again and again if wanted.
    func run() {
        self.end(
            self.state.withLock { state in
                state.isOver = true
                return Array(state.children)
            })
        let (folders, files) = self.state.withLock { state in
            defer { (state.folders, state.files) = ([], []) }
            return (state.folders, state.files)
        }
        for file in files { _ = unlink(file) }
        for folder in folders { Folder.remove(folder) }
    }
}
