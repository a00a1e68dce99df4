import ArgumentParser
import Synchronization
import Teleport

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What is between both ends, in one process.
enum Transport: String, ExpressibleByArgument, CaseIterable {
    case tcp, unix, memory

    /// An address to listen at that nobody else has.
    func freshAddress() throws -> TransportAddress {
        switch self {
        case .tcp:
            return .tcp(host: "127.0.0.1", port: 0)
        case .unix:
            let number = Self.sockets.wrappingAdd(1, ordering: .relaxed).newValue
            let path = "/tmp/teleport-bench-\(getpid())-\(number).sock"
            Cleanup.shared.add(file: path)
            return .unix(path: path)
        case .memory:
            // Here goes `.memory("bench-\(number)")` as soon as the library has such addresses, and below what they
            // are. Servers, clients and the relay take any address; the raw echo needs one of sockets, and is left out.
            throw BenchError("The library has no transport in memory yet. Use --transport tcp or --transport unix.")
        }
    }

    private static let sockets = Atomic<Int>(0)
}

extension TransportAddress {
    /// What connects to it.
    var transport: Transport {
        switch self {
        case .tcp: .tcp
        case .unix: .unix
        }
    }
}
