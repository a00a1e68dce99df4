public import NIOCore
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Listening sockets that whoever started this process has opened for it, in the way of systemd's socket activation: so an
/// address below 1024 needs no privileges, and no connection is refused while the process starts. Or that the process before
/// this one listened at, which hands them over: then nobody is refused while one takes the other's place.
///
/// Each is given out once, to who listens at its address.
public final class InheritedSockets: Sendable {
    /// One of them.
    public struct Socket: Sendable, Hashable, Codable {
        public var descriptor: Int32
        /// The address that it was opened for, as it was written: `localhost:8080`, or `127.0.0.1:0`. Who asks for the same
        /// gets it, whatever address it has in truth. `nil` goes by that alone.
        public var name: String?
        /// Whether the file of a unix socket is removed when it is closed by who takes it.
        public var ownsFile: Bool

        public init(_ descriptor: Int32, name: String? = nil, ownsFile: Bool = false) {
            self.descriptor = descriptor
            self.name = name
            self.ownsFile = ownsFile
        }
    }

    private struct Entry: Sendable {
        let socket: Socket
        let address: SocketAddress
    }

    private let entries: Mutex<[Entry]>

    /// The sockets that the environment tells of: `LISTEN_FDS` of them from descriptor 3 on, if `LISTEN_PID` is this process.
    /// They are not passed on to children.
    ///
    /// - Parameters:
    ///   - variable: the value of a variable of the environment.
    ///   - processID: of this process; `nil` asks the system.
    ///   - first: the first descriptor.
    /// - Throws: ``TransportError`` `.bindFailed` for a descriptor that is no listening stream socket.
    public convenience init(
        environment variable: (String) -> String?, processID: Int32? = nil, first: Int32 = 3
    ) throws(TransportError) {
        let isMeant = variable("LISTEN_PID").flatMap { Int32($0) } == processID ?? getpid()
        let count = isMeant ? variable("LISTEN_FDS").flatMap { Int32($0) } ?? 0 : 0
        try self.init((first..<first + Swift.max(0, Swift.min(count, 1024))).map { $0 })
    }

    /// - Parameter descriptors: of sockets that listen.
    /// - Throws: ``TransportError`` `.bindFailed` for one that does not.
    public convenience init(_ descriptors: [Int32]) throws(TransportError) {
        try self.init(descriptors.map { Socket($0) })
    }

    /// - Parameter sockets: they are not passed on to children.
    /// - Throws: ``TransportError`` `.bindFailed` for one that does not listen.
    public init(_ sockets: [Socket]) throws(TransportError) {
        var entries: [Entry] = []
        for socket in sockets {
            guard Self.isListening(socket.descriptor), let address = Self.address(of: socket.descriptor) else {
                throw TransportError(.bindFailed, "Descriptor \(socket.descriptor) is no socket that listens.")
            }
            _ = fcntl(socket.descriptor, F_SETFD, FD_CLOEXEC)
            entries.append(Entry(socket: socket, address: address))
        }
        self.entries = Mutex(entries)
    }

    /// Those that nobody has asked for.
    public var left: [SocketAddress] { self.entries.withLock { $0.map(\.address) } }

    /// Copies of those that nobody has asked for, to be closed by who gets them.
    ///
    /// - Throws: ``TransportError`` `.bindFailed` if there is no descriptor to be had.
    public func duplicates() throws(TransportError) -> [Socket] {
        let sockets = self.entries.withLock { $0.map(\.socket) }
        var copies: [Socket] = []
        do throws(TransportError) {
            for socket in sockets {
                var copy = socket
                copy.descriptor = try Self.duplicate(socket.descriptor)
                copies.append(copy)
            }
        } catch {
            Self.close(copies)
            throw error
        }
        return copies
    }

    /// Closes those with a name that nobody has asked for: who has handed them over listens no more, and connections to them
    /// would wait for ever.
    ///
    /// - Returns: where they listened.
    @discardableResult
    public func closeUnclaimed() -> [SocketAddress] {
        let unclaimed = self.entries.withLock { entries in
            defer { entries.removeAll { $0.socket.name != nil } }
            return entries.filter { $0.socket.name != nil }
        }
        for entry in unclaimed {
            if entry.socket.ownsFile, let path = entry.address.pathname { UnixSocketFile(at: path).remove() }
            Self.close([entry.socket])
        }
        return unclaimed.map(\.address)
    }

    /// The socket that listens at `address`, to be closed by who takes it; `nil` if there is none.
    func take(_ address: TransportAddress) -> Socket? {
        self.entries.withLock { entries in
            let index =
                entries.firstIndex { $0.socket.name == "\(address)" }
                ?? entries.firstIndex { Self.matches($0.address, address) }
            return index.map { entries.remove(at: $0).socket }
        }
    }

    /// Closes descriptors that nobody has been given.
    public static func close(_ sockets: [Socket]) {
        for socket in sockets {
            #if canImport(Glibc)
                _ = Glibc.close(socket.descriptor)
            #elseif canImport(Musl)
                _ = Musl.close(socket.descriptor)
            #else
                _ = Darwin.close(socket.descriptor)
            #endif
        }
    }

    /// Another descriptor of the same socket, which children do not get.
    static func duplicate(_ descriptor: Int32) throws(TransportError) -> Int32 {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        guard copy >= 0 else {
            throw TransportError(.bindFailed, "A socket cannot be handed over: \(SystemError.text(errno)).")
        }
        return copy
    }

    /// Whether who listens at `wanted` would be found at `address`. Names may be looked up.
    private static func matches(_ address: SocketAddress, _ wanted: TransportAddress) -> Bool {
        switch wanted {
        case .memory:
            return false
        case .unix(let path):
            return address.pathname == path
        case .tcp(let host, let port):
            guard address.port == port else { return false }
            if host.isEmpty { return address.ipAddress == "::" || address.ipAddress == "0.0.0.0" }
            let candidate =
                (try? SocketAddress(ipAddress: host, port: port))
                ?? (try? SocketAddress.makeAddressResolvingHost(host, port: port))
            return candidate == address
        }
    }

    private static func isListening(_ descriptor: Int32) -> Bool {
        var (value, length) = (Int32(0), socklen_t(MemoryLayout<Int32>.size))
        return getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &value, &length) == 0 && value != 0
    }

    private static func address(of descriptor: Int32) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let hasName = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) == 0 }
        }
        guard hasName else { return nil }
        return withUnsafePointer(to: storage) { pointer in
            switch Int32(storage.ss_family) {
            case AF_INET: pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { SocketAddress($0.pointee) }
            case AF_INET6: pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { SocketAddress($0.pointee) }
            case AF_UNIX: pointer.withMemoryRebound(to: sockaddr_un.self, capacity: 1) { SocketAddress($0.pointee) }
            default: nil
            }
        }
    }
}
