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
/// address below 1024 needs no privileges, and no connection is refused while the process starts.
///
/// Each is given out once, to who listens at its address.
public final class InheritedSockets: Sendable {
    private struct Socket: Sendable {
        let descriptor: Int32
        let address: SocketAddress
    }

    private let sockets: Mutex<[Socket]>

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
    public init(_ descriptors: [Int32]) throws(TransportError) {
        var sockets: [Socket] = []
        for descriptor in descriptors {
            guard Self.isListening(descriptor), let address = Self.address(of: descriptor) else {
                throw TransportError(.bindFailed, "Descriptor \(descriptor) is no socket that listens.")
            }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            sockets.append(Socket(descriptor: descriptor, address: address))
        }
        self.sockets = Mutex(sockets)
    }

    /// Those that nobody has asked for.
    public var left: [SocketAddress] { self.sockets.withLock { $0.map(\.address) } }

    /// The socket that listens at `address`, to be closed by who takes it; `nil` if there is none.
    func take(_ address: TransportAddress) -> Int32? {
        self.sockets.withLock { sockets in
            guard let index = sockets.firstIndex(where: { Self.matches($0.address, address) }) else { return nil }
            return sockets.remove(at: index).descriptor
        }
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
