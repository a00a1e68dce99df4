import Foundation
import Synchronization

/// Many clients that cost next to nothing: blocking sockets, driven from a thread of their own.
///
/// They come from several loopback addresses, so that there are ports for all of them.
final class PlainSockets: Sendable {
    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    private let descriptors: [Int32]
    private let isClosed = Atomic<Bool>(false)

    /// Connects `count` clients.
    ///
    /// - Parameter receiveBuffer: bytes that the operating system takes for each without its being read, if not the
    ///   default.
    init(_ count: Int, to port: Int, receiveBuffer: Int32? = nil) async throws {
        Self.raiseLimit()
        self.descriptors = try await Self.onThread {
            try (0..<count).map { try Self.connect($0, port, receiveBuffer) }
        }
    }

    deinit { self.closeAll() }

    func closeAll() {
        guard !self.isClosed.exchange(true, ordering: .relaxed) else { return }
        for descriptor in self.descriptors { close(descriptor) }
    }

    private static func onThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result(catching: body)) }
        }
    }

    private static func raiseLimit() {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(resource, &limit)
    }

    private static func address(_ host: UInt32, _ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = host.bigEndian
        address.sin_port = in_port_t(port).bigEndian
        return address
    }

    private static func connect(_ index: Int, _ port: Int, _ receiveBuffer: Int32?) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failed(description: "socket \(index): \(String(cString: strerror(errno)))") }
        if var receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<Int32>.size))
        }
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var one: Int32 = 1
        setsockopt(descriptor, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &one, socklen_t(MemoryLayout<Int32>.size))
        var local = Self.address(0x7F00_0002 + UInt32(index / 5000), 0)
        var remote = Self.address(0x7F00_0001, port)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafePointer(to: &local) { local in
            withUnsafePointer(to: &remote) { remote in
                local.withMemoryRebound(to: sockaddr.self, capacity: 1) { local in
                    remote.withMemoryRebound(to: sockaddr.self, capacity: 1) { remote in
                        bind(descriptor, local, size) == 0 ? Glibc.connect(descriptor, remote, size) : -1
                    }
                }
            }
        }
        guard status == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw Failed(description: "connection \(index): \(reason)")
        }
        return descriptor
    }

    /// Has each send `text`. Who was left alone by the server sends nothing.
    func send(_ text: String) async throws {
        let descriptors = self.descriptors
        try await Self.onThread {
            let bytes = Array(text.utf8)
            for descriptor in descriptors {
                _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
            }
        }
    }

    /// Has each send `request` and read until it has `end`. A hundred at a time.
    func ask(_ request: String, until end: String) async throws {
        let descriptors = self.descriptors
        try await Self.onThread {
            let bytes = Array(request.utf8)
            for start in stride(from: 0, to: descriptors.count, by: 100) {
                let some = descriptors[start..<min(start + 100, descriptors.count)]
                for descriptor in some {
                    _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
                }
                for descriptor in some { try Self.read(descriptor, until: end) }
            }
        }
    }

    private static func read(_ descriptor: Int32, until end: String) throws {
        var text = ""
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !text.hasSuffix(end) {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else {
                let reason = count == 0 ? "closed" : String(cString: strerror(errno))
                throw Failed(description: "no whole answer, but \(reason): \(text)")
            }
            text += String(decoding: buffer[..<count], as: UTF8.self)
        }
    }

    /// How many of them are connected, as the operating system sees it: neither end has closed.
    var establishedCount: Int {
        self.descriptors.count { descriptor in
            var (info, length) = (tcp_info(), socklen_t(MemoryLayout<tcp_info>.size))
            return getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_INFO, &info, &length) == 0
                && info.tcpi_state == UInt8(TCP_ESTABLISHED)
        }
    }

    /// How many of them the server has ended.
    func endedCount() async throws -> Int {
        let descriptors = self.descriptors
        return try await Self.onThread {
            var buffer = [UInt8](repeating: 0, count: 4096)
            return descriptors.count { descriptor in
                while true {
                    let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
                    if count > 0 { continue }
                    return count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)
                }
            }
        }
    }
}
