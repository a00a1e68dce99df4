internal import NIOCore
internal import Teleport

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// What is noted of a request that the access log wants, until it ends. Exists only if there is a log.
final class RequestNote: Sendable {
    private let log: AccessLog
    private let start: Int64
    private let started = NIODeadline.now()
    private let client: String
    private let method: String
    private let target: String
    private let version: String

    /// - Parameter version: what the client speaks, if it is not the version of the request.
    init?(_ log: AccessLog?, _ head: RequestHead?, client: String, version: String? = nil) {
        guard let log else { return nil }
        self.log = log
        self.start = Self.wallClock()
        self.client = client
        self.target = head?.target ?? ""
        self.method = head?.method.rawValue ?? ""
        self.version = version ?? (head?.version == .http10 ? "HTTP/1.0" : "HTTP/1.1")
    }

    func ended(
        _ status: Status, requestBytes: Int, responseBytes: Int, upstream: String? = nil, attempts: Int = 0,
        failure: String? = nil
    ) {
        self.log.record(
            AccessRecord(
                start: self.start, duration: (NIODeadline.now() - self.started).nanoseconds, client: self.client,
                method: self.method, target: self.target, version: self.version, status: Int(status.code),
                requestBytes: requestBytes, responseBytes: responseBytes,
                upstream: upstream, attempts: attempts, failure: failure))
    }

    /// Nanoseconds since 1970.
    private static func wallClock() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

extension SocketAddress {
    /// The address without its port, the way logs and `X-Forwarded-For` spell it: IPv4 in IPv6 is IPv4. `nil` for unix
    /// sockets.
    var clientIP: String? {
        guard let text = self.ipAddress else { return nil }
        let mapped = "::ffff:"
        guard text.hasPrefix(mapped), text.contains(".") else { return text }
        return String(text.dropFirst(mapped.count))
    }
}
