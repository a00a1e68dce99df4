#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Shows the table on stdout: redrawn in place on a terminal, a line for each finished codec elsewhere.
struct Display {
    private let isLive: Bool
    private var finished: [String] = []
    /// Lines of the last drawing, which the next one replaces.
    private var drawn = 0

    init() {
        let terminal = getenv("TERM").map { String(cString: $0) } ?? "dumb"
        self.isLive = isatty(STDOUT_FILENO) == 1 && terminal != "dumb"
    }

    /// Text above or below the table.
    mutating func say(_ text: String) throws(DemoError) {
        self.drawn = 0
        try self.write(text + "\n")
    }

    /// The table begins.
    mutating func begin() throws(DemoError) {
        try self.say(Table.header.joined(separator: "\n"))
    }

    /// The codec under way, and how far it is.
    mutating func update(_ measurement: Measurement, status: String) throws(DemoError) {
        guard self.isLive else { return }
        try self.draw([Table.line(measurement), status])
    }

    /// A codec is done.
    mutating func finish(_ measurement: Measurement) throws(DemoError) {
        try self.draw([Table.line(measurement)])
        self.drawn = 0
    }

    private mutating func draw(_ lines: [String]) throws(DemoError) {
        guard self.isLive else { return try self.write(lines.joined(separator: "\n") + "\n") }
        var text = self.drawn > 0 ? "\u{1B}[\(self.drawn)A\r" : ""
        // Without line wrap for the moment: in a narrow window a wrapped line would count as two.
        text += "\u{1B}[?7l"
        for line in lines { text += line + "\u{1B}[K\n" }
        text += "\u{1B}[?7h\u{1B}[J"
        try self.write(text)
        self.drawn = lines.count
    }

    private func write(_ text: String) throws(DemoError) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Self.system(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw DemoError("Nobody reads the output any more: \(SystemError.text()).") }
            bytes = bytes.dropFirst(count)
        }
    }

    /// The system call, which `write` hides here.
    private static func system(_ descriptor: CInt, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
        #if canImport(Glibc)
            Glibc.write(descriptor, bytes, count)
        #else
            Darwin.write(descriptor, bytes, count)
        #endif
    }
}
