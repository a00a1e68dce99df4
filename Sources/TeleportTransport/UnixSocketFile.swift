internal import NIOCore
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// The file of a unix socket that this process listens at: made way for before, removed after, and never another's.
///
/// The file of a socket outlives the process that listened at it, so the next one finds its path taken. Whether anybody
/// is still there shows only by connecting.
final class UnixSocketFile: Sendable {
    /// What tells a file from another one that took its name later.
    private struct Identity: Equatable {
        let device: dev_t
        let inode: ino_t
    }

    private let path: String
    /// `nil` once it was removed: then its number may be another file's.
    private let identity: Mutex<Identity?>

    /// The file at `path`, of a socket that this process has bound or was handed over.
    init(at path: String) {
        self.path = path
        self.identity = Mutex(Self.status(of: path)?.identity)
    }

    /// Makes way at `path` and listens there.
    ///
    /// NIO would remove the file of a socket that it has bound itself, whoever's the file is by then. What others have
    /// bound it leaves to them.
    ///
    /// - Returns: the file, and the descriptor of the socket, for NIO to close.
    /// - Throws: ``TransportError`` `.bindFailed`.
    static func listen(at path: String) throws(TransportError) -> (file: UnixSocketFile, descriptor: Int32) {
        let address = try self.socketAddress(path)
        try self.makeWay(at: path)
        let descriptor = self.openSocket()
        guard descriptor >= 0 else { throw self.bindFailed(path, "socket", errno) }
        // Close together: between the two the socket looks as if nobody listened at it.
        let hasBound = address.withSockAddr { bind(descriptor, $0, socklen_t($1)) } == 0
        guard hasBound, self.listen(descriptor) else {
            let code = errno
            if hasBound { UnixSocketFile(at: path).remove() }
            close(descriptor)
            throw self.bindFailed(path, hasBound ? "listen" : "bind", code)
        }
        return (UnixSocketFile(at: path), descriptor)
    }

    /// Listens, or goes on listening with room for as many connections as we want where somebody has set it to less.
    @discardableResult
    static func listen(_ descriptor: Int32) -> Bool {
        #if canImport(Darwin)
            Darwin.listen(descriptor, SocketOptions.backlog) == 0
        #elseif canImport(Musl)
            Musl.listen(descriptor, SocketOptions.backlog) == 0
        #else
            Glibc.listen(descriptor, SocketOptions.backlog) == 0
        #endif
    }

    /// Removes the file if it is still this one. While its socket is open nobody else can be given its number, and
    /// nobody takes it for a stale one: so do it before closing.
    func remove() {
        let identity = self.identity.withLock { identity in
            defer { identity = nil }
            return identity
        }
        guard let identity, Self.status(of: self.path)?.identity == identity else { return }
        _ = unlink(self.path)
    }

    /// Makes way at `path`: a socket that nobody listens at is removed, anything else is an error.
    private static func makeWay(at path: String) throws(TransportError) {
        guard let found = self.status(of: path) else { return }
        let address = TransportAddress.unix(path: path)
        guard found.isSocket else {
            throw TransportError(
                .bindFailed,
                """
                Cannot listen at \(address): the file there is no socket, and is not replaced. Remove it, or choose another \
                path.
                """
            )
        }
        switch try self.probe(path) {
        case 0, EAGAIN, EWOULDBLOCK, EINPROGRESS, EPROTOTYPE:
            // EAGAIN: somebody listens, with more waiting to be accepted than there is room for. EPROTOTYPE: somebody
            // has it for messages without connections.
            throw TransportError(.bindFailed, "Cannot listen at \(address): it is in use, somebody listens there.")
        case ECONNREFUSED:
            // Who bound anew between the two looks at it has another file there.
            guard self.status(of: path)?.identity == found.identity else {
                throw TransportError(.bindFailed, "Cannot listen at \(address): it is in use since just now.")
            }
            guard unlink(path) == 0 || errno == ENOENT else {
                throw TransportError(
                    .bindFailed,
                    """
                    Cannot listen at \(address): a socket that nobody listens at is there, and cannot be removed: \
                    \(SystemError.text(errno)).
                    """
                )
            }
        case ENOENT:
            break
        case let code:
            throw TransportError(
                .bindFailed,
                """
                Cannot listen at \(address): whether the socket there is in use cannot be found out: \
                \(SystemError.text(code)).
                """
            )
        }
    }

    /// What connecting to the socket at `path` gives: 0, or an error number. Never waits.
    private static func probe(_ path: String) throws(TransportError) -> Int32 {
        let address = try self.socketAddress(path)
        let descriptor = self.openSocket()
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        return address.withSockAddr { connect(descriptor, $0, socklen_t($1)) == 0 ? 0 : errno }
    }

    /// A socket that never waits and that child processes do not get; -1 if there is none to be had.
    private static func openSocket() -> Int32 {
        #if canImport(Darwin)
            let type = SOCK_STREAM
        #else
            let type = Int32(SOCK_STREAM.rawValue)
        #endif
        let descriptor = socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { return -1 }
        guard fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0, fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 else {
            close(descriptor)
            return -1
        }
        return descriptor
    }

    private static func socketAddress(_ path: String) throws(TransportError) -> SocketAddress {
        do {
            return try SocketAddress(unixDomainSocketPath: path)
        } catch {
            throw TransportError(.bindFailed, "Cannot listen at \(TransportAddress.unix(path: path)).", cause: error)
        }
    }

    private static func bindFailed(_ path: String, _ call: String, _ code: Int32) -> TransportError {
        TransportError(
            .bindFailed, "Cannot listen at \(TransportAddress.unix(path: path)).",
            cause: IOError(errnoCode: code, reason: call))
    }

    /// What is at `path` itself, not behind a link; `nil` for nothing, or nothing that can be seen.
    private static func status(of path: String) -> (identity: Identity, isSocket: Bool)? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        return (Identity(device: status.st_dev, inode: status.st_ino), status.st_mode & S_IFMT == S_IFSOCK)
    }
}
