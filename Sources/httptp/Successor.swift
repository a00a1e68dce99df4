import Foundation
import Synchronization
import Teleport

/// A process that is to take the place of this one: the same command, begun anew, with the sockets that this one listens at.
final class Successor: Sendable {
    /// Why there is none. This process then goes on as if nothing had been asked for.
    enum Failure: Error, CustomStringConvertible, Equatable {
        case notStarted(program: String, reason: String)
        case ended(String)
        case late(Duration)

        var description: String {
            switch self {
            case .notStarted(let program, let reason): "\(program) cannot be started: \(reason)"
            case .ended(let how): "it ended before it was ready, with \(how): what it wrote to standard error says why"
            case .late(let limit): "it was not ready within \(limit.components.seconds) s, and was ended"
            }
        }
    }

    let processID: pid_t
    /// To read from. Closed by ``waitUntilReady(within:)``.
    private let ready: Int32
    /// Whether its end was taken note of: from then on its number may be another's.
    private let isReaped = Mutex(false)

    /// Starts it.
    ///
    /// - Parameters:
    ///   - program: looked for as a shell does, so a binary that was replaced or a link that was changed meanwhile counts.
    ///   - arguments: of the command line, without the program.
    ///   - environment: of this process.
    ///   - sockets: closed here, whatever comes of it.
    init(
        _ program: String, _ arguments: [String], environment: [String: String], sockets: [InheritedSockets.Socket]
    ) throws(Failure) {
        defer { InheritedSockets.close(sockets) }
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Self.notStarted(program, errno) }
        defer { close(ends[1]) }
        _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
        do throws(Failure) {
            self.processID = try Self.spawn(
                [program] + arguments, environment: environment, sockets: sockets, ready: ends[1])
            self.ready = ends[0]
        } catch {
            close(ends[0])
            throw error
        }
    }

    /// Returns when it has said that it is ready.
    ///
    /// - Throws: ``Failure`` if that does not come; then it has ended, or was ended.
    func waitUntilReady(within limit: Duration) async throws(Failure) {
        let (ready, milliseconds) = (self.ready, Int32(clamping: Int(limit / Duration.milliseconds(1))))
        let (word, isLate) = await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                var request = pollfd(fd: ready, events: Int16(POLLIN), revents: 0)
                var count: Int32
                repeat { count = poll(&request, 1, milliseconds) } while count < 0 && errno == EINTR
                var word = [UInt8](repeating: 0, count: Handover.readyWord.count)
                // As short as this it comes in one piece. Nothing at all: it has ended.
                let length = count > 0 ? max(0, read(ready, &word, word.count)) : 0
                continuation.resume(returning: (Array(word[..<length]), count == 0))
            }
        }
        close(self.ready)
        guard word != Handover.readyWord else { return }
        let how = self.endNow()
        throw isLate ? .late(limit) : .ended(how)
    }

    /// Ends it, however it takes that.
    ///
    /// - Returns: how it ended.
    @discardableResult
    func endNow() -> String {
        self.isReaped.withLock { isReaped in
            guard !isReaped else { return "nothing" }
            kill(self.processID, SIGKILL)
            var status: Int32 = 0
            while waitpid(self.processID, &status, 0) < 0 && errno == EINTR {}
            isReaped = true
            return status & 0x7F == 0 ? "exit code \((status >> 8) & 0xFF)" : "signal \(status & 0x7F)"
        }
    }

    // MARK: Starting

    private static func notStarted(_ program: String, _ code: Int32) -> Failure {
        .notStarted(program: program, reason: String(cString: strerror(code)))
    }

    private static func spawn(
        _ command: [String], environment: [String: String], sockets: [InheritedSockets.Socket], ready: Int32
    ) throws(Failure) -> pid_t {
        let first = STDERR_FILENO + 1
        let handover = Handover(sockets, from: first)
        // Out of the way of where they are to be: none of them is overwritten before it was copied.
        var moved: [Int32] = []
        defer { for descriptor in moved { close(descriptor) } }
        for descriptor in sockets.map(\.descriptor) + [ready] {
            let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, handover.ready + 1)
            guard copy >= 0 else { throw self.notStarted(command[0], errno) }
            moved.append(copy)
        }
        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
            var attributes: posix_spawnattr_t?
            let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_CLOEXEC_DEFAULT
        #else
            var actions = posix_spawn_file_actions_t()
            var attributes = posix_spawnattr_t()
            let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        #if canImport(Darwin)
            for stream in 0..<first { posix_spawn_file_actions_addinherit_np(&actions, stream) }
        #endif
        for (target, descriptor) in zip(first..., moved) {
            posix_spawn_file_actions_adddup2(&actions, descriptor, target)
        }
        // Connections that were accepted are not marked, and would stay open for as long as the other process lives.
        #if !canImport(Darwin)
            guard let closeFrom = self.closeFrom else {
                throw .notStarted(program: command[0], reason: "that needs glibc 2.34 or later")
            }
            _ = closeFrom(&actions, handover.ready + 1)
        #endif
        // Dispatch blocks the signals that it watches, and SIGPIPE is ignored here: a new process starts without that.
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(flags))
        let variables = handover.environment(from: environment).map { "\($0)=\($1)" }
        var processID: pid_t = 0
        let code = self.withPointers(command) { arguments in
            self.withPointers(variables) { variables in
                posix_spawnp(&processID, command[0], &actions, &attributes, arguments, variables)
            }
        }
        guard code == 0 else { throw self.notStarted(command[0], code) }
        return processID
    }

    private static func withPointers<Result>(
        _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let pointers = texts.map { strdup($0) }
        defer { for pointer in pointers { free(pointer) } }
        return body(pointers + [nil])
    }

    #if !canImport(Darwin)
        private typealias CloseFrom =
            @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32

        /// Has a child start without descriptors from a number on. The headers of glibc show it to GNU programs only; hence the
        /// detour. `nil` before glibc 2.34.
        private static var closeFrom: CloseFrom? {
            dlsym(nil, "posix_spawn_file_actions_addclosefrom_np").map { unsafeBitCast($0, to: CloseFrom.self) }
        }
    #endif
}
