import Foundation

/// How many files and sockets the process may have open.
enum Descriptors {
    /// With fewer, a proxy soon refuses connections.
    static let enough: UInt64 = 4096

    /// Raises the soft limit to the hard one.
    ///
    /// - Returns: the limit that holds from now on.
    static func raiseLimit() -> UInt64 {
        #if canImport(Glibc)
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
            let resource = RLIMIT_NOFILE
        #endif
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return 0 }
        let before = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        return UInt64(setrlimit(resource, &limit) == 0 ? limit.rlim_cur : before)
    }
}
