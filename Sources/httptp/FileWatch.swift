import Foundation

/// Notices that files were changed or replaced, by looking at them from time to time: that works on every file system and
/// through any number of links.
struct FileWatch {
    /// What tells a file from what it was before.
    private struct Stamp: Equatable {
        let device: UInt64
        let number: UInt64
        let size: Int64
        let seconds: Int
        let nanoseconds: Int

        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            self.device = UInt64(status.st_dev)
            self.number = UInt64(status.st_ino)
            self.size = Int64(status.st_size)
            #if canImport(Darwin)
                let time = status.st_mtimespec
            #else
                let time = status.st_mtim
            #endif
            self.seconds = time.tv_sec
            self.nanoseconds = time.tv_nsec
        }
    }

    private let files: [String]
    private var known: [Stamp?]
    private var last: [Stamp?]

    init(_ files: [String]) {
        self.files = files
        self.known = files.map { Stamp($0) }
        self.last = self.known
    }

    /// Looks at the files. True, once, if they were changed and are as they were the last time that somebody looked: two
    /// files that belong together are seldom written at once.
    mutating func hasChanged() -> Bool {
        let now = self.files.map { Stamp($0) }
        defer { self.last = now }
        guard now == self.last, now != self.known else { return false }
        self.known = now
        return true
    }
}
