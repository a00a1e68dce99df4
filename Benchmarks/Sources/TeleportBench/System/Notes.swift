#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Says on stderr how far a long command is: its output stays what was asked for.
enum Notes {
    static func say(_ text: String) {
        let line = "teleport-bench: \(text)\n"
        _ = line.utf8.withContiguousStorageIfAvailable { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
