#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A loopback port that nobody listens at, until the caller does.
///
/// A socket is bound to it and kept, without listening, for the life of the process: so connecting to it is refused, and
/// no other test is given it as a free one. Whoever binds it with `SO_REUSEADDR`, as servers do, may listen at it.
public func unusedPort() throws -> Int {
    #if canImport(Glibc)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #else
        let descriptor = socket(AF_INET, SOCK_STREAM, 0)
    #endif
    var one: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
        }
    }
    guard status == 0 else { throw NoPort() }
    return Int(UInt16(bigEndian: address.sin_port))
}

/// The operating system gave no port.
public struct NoPort: Error {}
