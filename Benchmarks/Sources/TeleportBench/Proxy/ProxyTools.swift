import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The programs that a comparison of proxies needs.
struct ProxyTools: Sendable {
    let httptp: String
    /// Another one, to compare with.
    let otherHTTPTP: String?
    let nginx: String
    let haproxy: String
    let wrk: String

    /// - Parameters:
    ///   - httptp: its path; `nil` looks beside this program, and where the root package builds it.
    ///   - against: the path of another one, if one is to be measured too.
    init(httptp: String?, against: String?) throws {
        self.otherHTTPTP = try against.map(Self.checked)
        self.httptp = try httptp.map(Self.checked) ?? Self.findHTTPTP()
        let names = ["nginx", "haproxy", "wrk"]
        let found = names.map(Self.find)
        guard let nginx = found[0], let haproxy = found[1], let wrk = found[2] else {
            let missing = zip(names, found).compactMap { $1 == nil ? $0 : nil }
            throw BenchError(
                "There is no \(missing.joined(separator: " and no ")) here: apt-get install nginx-light haproxy wrk")
        }
        (self.nginx, self.haproxy, self.wrk) = (nginx, haproxy, wrk)
    }

    private static func checked(_ path: String) throws -> String {
        guard access(path, X_OK) == 0 else { throw BenchError("There is no program at \(path): check the path.") }
        // A name without a slash would be looked for elsewhere.
        return path.contains("/") ? path : "./" + path
    }

    private static func findHTTPTP() throws -> String {
        var own = [UInt8](repeating: 0, count: 4096)
        let count = own.withUnsafeMutableBytes { bytes in
            bytes.baseAddress.map { readlink("/proc/self/exe", $0, bytes.count) } ?? 0
        }
        let path = count > 0 ? String(decoding: own[..<count], as: UTF8.self) : CommandLine.arguments[0]
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "./"
        for candidate in [folder + "httptp", ".build/release/httptp"] where access(candidate, X_OK) == 0 {
            return candidate
        }
        throw BenchError(
            """
            There is no httptp at \(folder)httptp. Build it there: (cd Benchmarks && swift build -c release --product \
            httptp). Or name another one with --httptp.
            """)
    }

    /// Debian keeps servers where only root's PATH leads.
    private static func find(_ name: String) -> String? {
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        let folders = path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin", "/usr/local/sbin"]
        return folders.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }
}

/// Ports of this machine's loopback.
enum LoopbackPort {
    /// Ports that nobody listens at now. All are held until the last is found, so they differ.
    static func free(_ count: Int) async throws -> [Int] {
        var channels: [any Channel] = []
        for _ in 0..<count {
            channels.append(
                try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .bind(host: "127.0.0.1", port: 0).get())
        }
        let ports = channels.compactMap { $0.localAddress?.port }
        for channel in channels { try await channel.close() }
        return ports
    }

    /// Waits until somebody listens there.
    ///
    /// - Throws: what the process said, if it ended instead; or that ten seconds have passed.
    static func wait(for process: ChildProcess, at port: Int) async throws {
        for _ in 0..<500 {
            if let end = process.reap() { throw process.complaint(end.status) }
            let connecting = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: "127.0.0.1", port: port)
            if let channel = try? await connecting.get() {
                try? await channel.close()
                return
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw BenchError("\(process.name) does not listen at 127.0.0.1:\(port) after 10 s. It said: \(process.printed)")
    }
}
