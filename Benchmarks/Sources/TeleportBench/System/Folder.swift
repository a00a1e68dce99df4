#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Folders and small files.
enum Folder {
    /// A new folder that only this user can look into; gone when the process ends.
    static func makeTemporary() throws -> String {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/teleport-bench-XXXXXX".utf8CString)
        let path = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
        }
        guard let path else {
            throw BenchError("No folder can be made in \(parent): set TMPDIR to a folder that can be written to.")
        }
        Cleanup.shared.add(folder: path)
        return path
    }

    /// Removes a folder and what is in it.
    static func remove(_ path: String) {
        guard let folder = opendir(path) else { return }
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name != ".", name != ".." else { continue }
            if unlink("\(path)/\(name)") != 0 { self.remove("\(path)/\(name)") }
        }
        closedir(folder)
        _ = rmdir(path)
    }

    /// Makes a folder that stays, unless it is there.
    static func makeIfMissing(_ path: String) throws {
        guard mkdir(path, 0o755) != 0, errno != EEXIST else { return }
        throw BenchError("The folder \(path) cannot be made: \(String(cString: strerror(errno))).")
    }

    /// Writes a file, by default one that only this user can read.
    static func write(_ text: String, to path: String, mode: mode_t = 0o600) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode)
        guard descriptor >= 0 else {
            throw BenchError("\(path) cannot be written: \(String(cString: strerror(errno))).")
        }
        defer { close(descriptor) }
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Self.writeSome(descriptor, $0) }
            guard count > 0 else { throw BenchError("\(path) cannot be written: \(String(cString: strerror(errno))).") }
            bytes = bytes.dropFirst(count)
        }
    }

    private static func writeSome(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
            Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        #else
            Darwin.write(descriptor, bytes.baseAddress, bytes.count)
        #endif
    }

    /// A text file; `nil` if it cannot be read.
    static func read(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(contentsOf: chunk[..<count])
        }
    }
}
