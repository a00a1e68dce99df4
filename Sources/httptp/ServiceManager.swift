import Foundation

/// Tells who started this process how it is doing, in the way of systemd's `sd_notify`: a datagram to the socket that
/// `NOTIFY_SOCKET` names. Without that variable nobody wants to know.
struct ServiceManager {
    private let path: String?
    /// Whether to be told from time to time that the process is alive: `WATCHDOG_USEC`.
    let wantsSigns: Bool

    init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        self.path = environment["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
        self.wantsSigns = environment["WATCHDOG_USEC"] != nil
    }

    /// It answers requests from now on; `status` is for people.
    func isReady(_ status: String) { self.send("READY=1\nSTATUS=\(status)") }
    /// It reads its configuration again; ``isReady(_:)`` follows.
    func isReloading() {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        self.send("RELOADING=1\nMONOTONIC_USEC=\(time.tv_sec * 1_000_000 + time.tv_nsec / 1000)")
    }
    /// Another process has taken its place, and is the one to watch. Said by this one, since others are not believed before.
    func isReplaced(by process: pid_t, _ status: String) {
        self.send("MAINPID=\(process)\nREADY=1\nSTATUS=\(status)")
    }
    /// It takes no more requests.
    func isStopping() { self.send("STOPPING=1\nSTATUS=draining") }
    /// It is alive.
    func isAlive() { if self.wantsSigns { self.send("WATCHDOG=1") } }

    private func send(_ text: String) {
        guard let path = self.path else { return }
        #if canImport(Glibc)
            let kind = Int32(SOCK_DGRAM.rawValue)
        #else
            let kind = SOCK_DGRAM
        #endif
        var address = sockaddr_un()
        // An abstract name begins with a zero byte, which is written @.
        let name = path.hasPrefix("@") ? [0] + Array(path.utf8.dropFirst()) : Array(path.utf8)
        guard name.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let length = socklen_t(MemoryLayout.offset(of: \sockaddr_un.sun_path)! + name.count)
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(descriptor, bytes, bytes.count, 0, $0, length)
            }
        }
    }
}
