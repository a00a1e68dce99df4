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
    func freshAddress() -> TransportAddress {
        let number = Self.made.wrappingAdd(1, ordering: .relaxed).newValue
        switch self {
        case .tcp:
            return .tcp(host: "127.0.0.1", port: 0)
        case .unix:
            let path = "/tmp/teleport-bench-\(getpid())-\(number).sock"
            Cleanup.shared.add(file: path)
            return .unix(path: path)
        case .memory:
            return .memory(name: "bench-\(number)")
        }
    }

    private static let made = Atomic<Int>(0)
}

extension TransportAddress {
    /// What connects to it.
    var transport: Transport {
        switch self {
        case .tcp: .tcp
        case .unix: .unix
        case .memory: .memory
        }
    }
}
