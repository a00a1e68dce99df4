import Foundation
import Testing

/// Many clients that ask for nothing, for now. At full scale they are ten thousand.
@Suite("httptp, with many idle clients", .timeLimit(.minutes(10)), .serialized)
struct IdleTests {
    @Test("idle clients cost a few kilobytes each, and those who come next take their places")
    func idle() async throws {
        let count = Programs.isFullScale ? 10_000 : 2000
        let nginx = try await Nginx()
        let proxy = try await HTTPTPProcess(["-out", "127.0.0.1:\(nginx.port)", "-outType", "http"])
        #expect(try await Curl.code(["http://127.0.0.1:\(proxy.port)/small.txt"]) == "200")
        let (before, descriptors) = (proxy.process.residentSize, proxy.process.descriptorCount)
        var with: [Int] = []
        for _ in 0..<2 {
            let clients = try await PlainSockets(count, to: proxy.port)
            try await clients.ask("GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n", until: "Hello, world!\n")
            with.append(proxy.process.residentSize)
            #expect(clients.establishedCount == count)
            #expect(proxy.process.descriptorCount >= descriptors + count)
            // They are alive.
            try await clients.ask("GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n", until: "Hello, world!\n")
            clients.closeAll()
            let isAlone = try await eventually {
                let upstream = try establishedConnections(to: nginx.port)
                return proxy.process.descriptorCount <= descriptors + upstream
            }
            #expect(isAlone, "\(descriptors) before, \(proxy.process.descriptorCount) after")
        }
        let after = proxy.process.residentSize
        report("\(count) idle clients: RSS \(before) KiB before, \(with) with, \(after) after")
        // 10,000 within 100 MB is 10 KB each, on top of what the process itself takes.
        #expect(with[0] - before <= count * 10, "KiB: \(before) before, \(with) with")
        // 100 MB in all is the release's to keep to; debug binaries are larger themselves.
        if Programs.underTest != Programs.httptp { #expect(with[0] <= 97_656) }
        // The allocator keeps what they took, for those who come next.
        #expect(with[1] - with[0] <= count, "KiB: \(before) before, \(with) with")
        #expect(try await proxy.stop() == 0)
        try await nginx.stop()
    }
}
