import Foundation
import Teleport

/// What a process gives the one that takes its place (rule P-43): the sockets that it listens at, and a pipe to be told through
/// when the other one is ready. A variable of the environment says which descriptors those are.
struct Handover: Codable, Equatable {
    static let variable = "HTTPTP_HANDOVER"
    /// What is written to the pipe. Anything else, and its end above all, means that nobody takes over.
    static let readyWord: [UInt8] = Array("ready".utf8)

    var sockets: [InheritedSockets.Socket]
    /// Of the pipe, to write to.
    var ready: Int32

    /// Descriptors from `first` on, one for each of `sockets`, and one for the pipe.
    init(_ sockets: [InheritedSockets.Socket], from first: Int32) {
        self.sockets = zip(first..., sockets).map { descriptor, socket in
            var socket = socket
            socket.descriptor = descriptor
            return socket
        }
        self.ready = first + Int32(sockets.count)
    }

    /// What this process was given; `nil` if it was started in another way.
    ///
    /// - Throws: if the variable has something that no `httptp` has written.
    init?(environment: [String: String]) throws(Misuse) {
        guard let text = environment[Self.variable] else { return nil }
        guard let handover = try? JSONDecoder().decode(Handover.self, from: Data(text.utf8)),
            Self.isPipe(handover.ready)
        else {
            throw Misuse("\(Self.variable) is how one httptp hands its sockets to the next: do not set it yourself.")
        }
        self = handover
        _ = fcntl(self.ready, F_SETFD, FD_CLOEXEC)
    }

    /// What the variable says.
    var text: String {
        // Numbers and texts can always be encoded.
        String(decoding: (try? JSONEncoder().encode(self)) ?? Data(), as: UTF8.self)
    }

    /// Tells the process before that this one listens. Once only.
    func tellReady() {
        _ = write(self.ready, Self.readyWord, Self.readyWord.count)
        close(self.ready)
    }

    private static func isPipe(_ descriptor: Int32) -> Bool {
        var status = stat()
        return descriptor > STDERR_FILENO && fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
    }

    /// The environment of a process that is given this: its own variables, without those about who started this process.
    func environment(from own: [String: String]) -> [String: String] {
        var environment = own
        for name in ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_PID"] { environment[name] = nil }
        environment[Self.variable] = self.text
        return environment
    }
}
