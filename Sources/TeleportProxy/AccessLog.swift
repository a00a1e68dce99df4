internal import Dispatch
public import Logging
internal import NIOCore
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// A file with a line for each request: a JSON object, such as
///
/// ```json
/// {"time":"2026-07-01T12:00:00.123Z","duration_ms":1.250,"client":"10.0.0.7","method":"GET","path":"/a",
///  "has_query":true,"version":"HTTP/1.1","status":200,"request_bytes":0,"response_bytes":5120,
///  "upstream":"10.0.0.9:80","attempts":1,"failure":null}
/// ```
///
/// but on one line. Every line has all the keys, in that order.
///
/// Recording never waits for a disk: lines gather in memory, and a queue of its own writes them, 64 KiB or 250 ms at a
/// time. If the file takes them more slowly than they come, 4 MiB are kept and further records are dropped; the same
/// happens to those that cannot be written because the disk is full. A line `{"dropped":N}` in their place says how
/// many. A line once begun is finished as soon as the file takes bytes again, so lines are whole; only a disk that is
/// still full when the log is closed or rotated can leave half of the last one.
///
/// The process has to ignore `SIGPIPE`, as `httptp` does, if the path may be that of a pipe.
public final class AccessLog: Sendable {
    /// How much waits, and how long.
    struct Limits: Sendable {
        /// Bytes of lines that are not written yet.
        var buffered = 4 << 20
        /// Bytes that are written at once.
        var batch = 64 << 10
        /// How long a line waits for others.
        var delay = TimeAmount.milliseconds(250)
        /// How long closing waits for a pipe that nobody reads.
        var closing = TimeAmount.seconds(2)
    }

    /// What the writer was asked for.
    private enum Wakeup {
        case none, later, now
    }

    private struct State {
        var lines = ByteBuffer()
        /// Bytes that the writer took and has not written yet.
        var underWay = 0
        /// Records left out that no line tells of yet.
        var untold = 0
        var wakeup = Wakeup.none
        var isClosed = false
    }

    private let limits: Limits
    private let logger: Logger
    private let state = Mutex(State())
    private let dropped = Atomic<Int>(0)
    private let failures = Atomic<Int>(0)
    /// When to give up a pipe that takes nothing, in nanoseconds of uptime.
    private let givesUpAt = Atomic<UInt64>(.max)
    /// Everything below happens here.
    private let queue = DispatchQueue(label: "teleport.access-log")
    /// Locked only on ``queue``, so nobody waits for it.
    private let file: Mutex<LogFile>

    /// Opens the log.
    ///
    /// - Parameters:
    ///   - path: a file that lines are appended to, made with mode 0640 if there is none; `-` is standard output.
    ///   - logger: told when the file cannot be written or opened again.
    /// - Throws: ``AccessLogError`` if the file cannot be opened; for a named pipe also if nobody reads it.
    public convenience init(
        path: String, logger: Logger = Logger(label: "teleport.access-log")
    ) throws(AccessLogError) {
        try self.init(path: path, logger: logger, limits: Limits())
    }

    init(path: String, logger: Logger, limits: Limits) throws(AccessLogError) {
        self.limits = limits
        self.logger = logger
        self.file = Mutex(try LogFile(path: path))
    }

    /// Records that were left out, because too many waited or because they could not be written.
    public var droppedCount: Int { self.dropped.load(ordering: .relaxed) }

    /// How often the file could not be written or not be opened again.
    public var failureCount: Int { self.failures.load(ordering: .relaxed) }

    /// Adds a line. Never blocks on the file. After ``close()`` it is only counted as dropped.
    public func record(_ record: AccessRecord) {
        let wakeup = self.state.withLock { state in
            self.append(record, to: &state)
            return self.nextWakeup(&state)
        }
        switch wakeup {
        case .none: break
        case .now: self.queue.async { self.writeLines() }
        case .later:
            self.queue.asyncAfter(deadline: .now() + .nanoseconds(Int(self.limits.delay.nanoseconds))) {
                self.writeLines()
            }
        }
    }

    /// Opens the path again, after the file was renamed for rotation. Returns at once.
    ///
    /// What was recorded before is written to the old file, which is closed then. If the path cannot be opened, the old
    /// file is kept, the logger is told and ``failureCount`` grows. Does nothing for standard output.
    public func reopen() {
        self.queue.async {
            self.writeLines()
            let failure = self.file.withLock { file -> AccessLogError? in
                do throws(AccessLogError) {
                    try file.reopen()
                    return nil
                } catch {
                    return error
                }
            }
            guard let failure else { return }
            self.failures.wrappingAdd(1, ordering: .relaxed)
            self.logger.error("access log cannot be opened again", metadata: ["cause": "\(failure)"])
        }
    }

    /// Writes what waits, and closes the file. Blocks while it does, at most two seconds for a pipe that nobody reads:
    /// not for event loops.
    public func close() {
        let isFirst = self.state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return }
        let end = NIODeadline.now() + self.limits.closing
        self.givesUpAt.store(end.uptimeNanoseconds, ordering: .relaxed)
        self.queue.sync {
            self.writeLines()
            // The last batch may have been dropped, or nothing come after those that were.
            self.state.withLock { self.tellDropped(&$0) }
            self.writeLines()
            self.file.withLock { $0.shut() }
        }
    }

    // MARK: Under the lock

    private func append(_ record: AccessRecord, to state: inout State) {
        guard !state.isClosed else {
            self.dropped.wrappingAdd(1, ordering: .relaxed)
            return
        }
        let room = self.limits.buffered - state.underWay
        let end = state.lines.writerIndex
        let untold = state.untold
        if state.lines.readableBytes < room {
            self.tellDropped(&state)
            AccessLine.write(record, into: &state.lines)
            if state.lines.readableBytes <= room { return }
        }
        state.lines.moveWriterIndex(to: end)
        state.untold = untold + 1
        self.dropped.wrappingAdd(1, ordering: .relaxed)
    }

    private func tellDropped(_ state: inout State) {
        guard state.untold > 0 else { return }
        AccessLine.writeDropped(state.untold, into: &state.lines)
        state.untold = 0
    }

    private func nextWakeup(_ state: inout State) -> Wakeup {
        guard state.lines.readableBytes > 0 else { return .none }
        if state.lines.readableBytes >= self.limits.batch, state.wakeup != .now {
            state.wakeup = .now
            return .now
        }
        if state.wakeup == .none {
            state.wakeup = .later
            return .later
        }
        return .none
    }

    // MARK: On the queue

    private func writeLines() {
        var lines = self.state.withLock { state in
            let lines = state.lines
            state.lines = ByteBuffer()
            state.underWay = lines.readableBytes
            state.wakeup = .none
            return lines
        }
        guard lines.readableBytes > 0 else { return }
        let (failure, isNews) = self.file.withLock { file in
            let failure = file.write(&lines, givingUpAt: self.givesUpAt)
            defer { file.isBroken = failure != nil }
            return (failure, !file.isBroken)
        }
        let (records, untold) = AccessLine.count(in: lines)
        self.state.withLock { state in
            state.underWay = 0
            state.untold += records + untold
        }
        self.dropped.wrappingAdd(records, ordering: .relaxed)
        guard let failure else { return }
        self.failures.wrappingAdd(1, ordering: .relaxed)
        // Once for each time that it breaks: a full disk stays full for a while.
        guard isNews else { return }
        self.logger.error(
            "access log cannot be written, records are dropped", metadata: ["cause": "\(errorText(failure))"])
    }
}

/// Why an ``AccessLog`` could not be opened.
public struct AccessLogError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The path that was given.
    public let path: String
    /// What the operating system said.
    public let reason: String

    public var description: String {
        """
        Cannot write the access log "\(self.path)": \(self.reason). Expected a path that this user may append to, or -.
        """
    }

    init(path: String, errno: Int32) {
        self.path = path
        self.reason = errorText(errno)
    }
}

// MARK: - The file

/// The descriptor that lines go to.
private struct LogFile: ~Copyable {
    private let path: String
    private var descriptor: Int32
    /// The rest of a line whose beginning was written.
    private var unfinished = ByteBuffer()
    /// The last write failed.
    var isBroken = false

    private var isStandardOutput: Bool { self.path == "-" }
    /// Standard output is shared with other processes, so it is left as blocking as it is.
    private var mayBlock: Bool { self.isStandardOutput }

    init(path: String) throws(AccessLogError) {
        self.path = path
        self.descriptor = path == "-" ? STDOUT_FILENO : try Self.open(path)
    }

    deinit {
        if !self.isStandardOutput, self.descriptor >= 0 { closeFile(self.descriptor) }
    }

    private static func open(_ path: String) throws(AccessLogError) -> Int32 {
        // Without blocking: a pipe whose reader stopped must not hold up the queue for ever.
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK
        while true {
            let descriptor = openFile(path, flags)
            if descriptor >= 0 { return descriptor }
            let code = errno
            guard code == EINTR else { throw AccessLogError(path: path, errno: code) }
        }
    }

    /// Opens the path again; keeps the old file if that fails.
    mutating func reopen() throws(AccessLogError) {
        guard !self.isStandardOutput, self.descriptor >= 0 else { return }
        let descriptor = try Self.open(self.path)
        closeFile(self.descriptor)
        self.descriptor = descriptor
        // Its beginning is in the old file.
        self.unfinished.clear()
    }

    mutating func shut() {
        if !self.isStandardOutput, self.descriptor >= 0 { closeFile(self.descriptor) }
        self.descriptor = -1
    }

    /// Writes lines, and takes those that it wrote, or will finish later, from `lines`.
    ///
    /// - Returns: the error because of which others are left, `nil` if none are.
    mutating func write(_ lines: inout ByteBuffer, givingUpAt end: borrowing Atomic<UInt64>) -> Int32? {
        if let failure = self.finishLine(end) {
            // Whoever reads a pipe next knows nothing of the line that another one saw begin.
            if failure == EPIPE { self.unfinished.clear() }
            return failure
        }
        let all = lines
        guard let failure = self.writeBytes(of: &lines, end) else { return nil }
        // `nil` if nothing was written.
        let last: UInt8? = all.getInteger(at: lines.readerIndex - 1)
        if let last, last != AccessLine.end, failure != EPIPE {
            let rest = lines.readableBytesView.prefix { $0 != AccessLine.end }.count + 1
            self.unfinished = lines.readSlice(length: rest) ?? ByteBuffer()
        }
        return failure
    }

    private mutating func finishLine(_ end: borrowing Atomic<UInt64>) -> Int32? {
        var rest = self.unfinished
        defer { self.unfinished = rest }
        return self.writeBytes(of: &rest, end)
    }

    private func writeBytes(of bytes: inout ByteBuffer, _ end: borrowing Atomic<UInt64>) -> Int32? {
        while bytes.readableBytes > 0 {
            if self.mayBlock, let failure = self.waitForRoom(end) { return failure }
            let count = bytes.withUnsafeReadableBytes { bytes in
                // A pipe that has room has room for that many; more might block.
                writeFile(self.descriptor, bytes.baseAddress, self.mayBlock ? min(bytes.count, 4096) : bytes.count)
            }
            let code = errno
            switch count {
            case 1...: bytes.moveReaderIndex(forwardBy: count)
            case 0: return EIO
            case _ where code == EINTR: continue
            case _ where code == EAGAIN: if let failure = self.waitForRoom(end) { return failure }
            default: return code
            }
        }
        return nil
    }

    private func waitForRoom(_ end: borrowing Atomic<UInt64>) -> Int32? {
        var request = pollfd(fd: self.descriptor, events: Int16(POLLOUT), revents: 0)
        while true {
            // Woken now and then to see whether the end has come nearer.
            let count = poll(&request, 1, 50)
            // Errors and hang-ups count as room: writing tells what they are.
            if count > 0 { return nil }
            if count < 0, errno != EINTR { return errno }
            if NIODeadline.now().uptimeNanoseconds >= end.load(ordering: .relaxed) { return ETIMEDOUT }
        }
    }
}

/// These have names that methods here have too.
private func openFile(_ path: String, _ flags: Int32) -> Int32 { open(path, flags, 0o640) }
private func closeFile(_ descriptor: Int32) { _ = close(descriptor) }
private func writeFile(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
private func errorText(_ code: Int32) -> String {
    code == ETIMEDOUT ? "Nobody reads it." : String(cString: strerror(code))
}
