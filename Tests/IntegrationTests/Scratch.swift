import Foundation

/// A folder of its own for a test's files, removed with it.
final class Scratch: Sendable {
    let path: String

    init() throws {
        self.path = Self.prefix + "\(getpid())-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
    }

    func write(_ name: String, _ data: Data) throws {
        try data.write(to: URL(fileURLWithPath: "\(self.path)/\(name)"))
    }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }

    /// What all of them begin with. With the first, those are removed that a run has left which was killed.
    private static let prefix: String = {
        let (folder, name) = (NSTemporaryDirectory(), "teleport-tests-")
        for entry in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where entry.hasPrefix(name) {
            guard let pid = pid_t(entry.dropFirst(name.count).prefix { $0 != "-" }), kill(pid, 0) != 0, errno == ESRCH
            else { continue }
            try? FileManager.default.removeItem(atPath: folder + entry)
        }
        return folder + name
    }()
}
