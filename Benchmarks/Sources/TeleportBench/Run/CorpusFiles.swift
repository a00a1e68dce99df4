import NIOCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A folder with a file of requests and a file of responses, a body a line.
struct CorpusFiles {
    let requests: [ByteBuffer]
    let responses: [ByteBuffer]

    init(directory: String) throws {
        let names = try Self.names(in: directory)
        self.requests = try Self.lines(directory + "/" + Self.only(names, containing: "request", in: directory))
        self.responses = try Self.lines(directory + "/" + Self.only(names, containing: "response", in: directory))
        guard !self.requests.isEmpty, self.requests.count == self.responses.count else {
            throw BenchError(
                """
                \(directory): \(self.requests.count) requests and \(self.responses.count) responses: as many of one as \
                of the other are needed, and at least one, a line each.
                """)
        }
    }

    private static func names(in directory: String) throws -> [String] {
        guard let folder = opendir(directory) else {
            throw BenchError(
                "\(directory) cannot be read. Run this in the root of the package, or name the folder with --corpus.")
        }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { names.append(String(cString: $0)) }
            }
        }
        return names
    }

    private static func only(_ names: [String], containing word: String, in directory: String) throws -> String {
        let found = names.filter { !$0.hasPrefix(".") && $0.lowercased().contains(word) }
        guard let name = found.first, found.count == 1 else {
            throw BenchError(
                "\(directory) has \(found.count) files whose name contains \"\(word)\". Exactly one is needed.")
        }
        return name
    }

    private static func lines(_ path: String) throws -> [ByteBuffer] {
        guard let file = fopen(path, "r") else {
            throw BenchError("\(path) cannot be read: \(String(cString: strerror(errno))).")
        }
        defer { fclose(file) }
        var lines: [ByteBuffer] = []
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        while true {
            let length = getline(&line, &capacity, file)
            guard length > 0, let line else { return lines }
            let bytes = UnsafeRawBufferPointer(start: line, count: length)
            let text = bytes.last == 0x0A ? bytes.dropLast() : bytes[...]
            if !text.isEmpty { lines.append(ByteBuffer(bytes: text)) }
        }
    }
}
