package import NIOCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Asks the operating system (`getaddrinfo`): its files, then name servers, as it is configured. Blocks.
///
/// - Throws: ``LookupError``.
@Sendable
package func systemLookup(
    _ host: String, _ port: Int, _ family: NameResolution.Family
) throws(LookupError) -> [SocketAddress] {
    var hint = addrinfo()
    #if canImport(Darwin)
        hint.ai_socktype = SOCK_STREAM
    #else
        hint.ai_socktype = Int32(SOCK_STREAM.rawValue)
    #endif
    hint.ai_family = family == .v4 ? AF_INET : AF_INET6
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, String(port), &hint, &list)
    guard code == 0 else {
        throw LookupError(message: gai_strerror(code).map { String(cString: $0) } ?? "error \(code)")
    }
    defer { freeaddrinfo(list) }
    var addresses: [SocketAddress] = []
    var next = list
    while let entry = next {
        next = entry.pointee.ai_next
        guard let address = UnsafeRawPointer(entry.pointee.ai_addr) else { continue }
        switch entry.pointee.ai_family {
        case AF_INET: addresses.append(SocketAddress(address.load(as: sockaddr_in.self), host: host))
        case AF_INET6: addresses.append(SocketAddress(address.load(as: sockaddr_in6.self), host: host))
        default: break
        }
    }
    return addresses
}

/// A name that could not be resolved, in the words of the operating system.
package struct LookupError: Error, CustomStringConvertible {
    let message: String

    package init(message: String) { self.message = message }

    package var description: String { self.message }
}
