import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import TeleportProxy
import Testing

/// A row of proxies between an HTTP client and an HTTP server, and what is spoken between them.
enum Route: CaseIterable, CustomTestStringConvertible {
    case http
    case v0
    case v1
    case v1v1
    /// The first hop cannot stream, the second can; and the other way round.
    case v0v1
    case v1v0

    /// Those on which bodies go on as they come.
    static let streaming = [Route.http, .v1, .v1v1]

    var links: [WireVersion] {
        switch self {
        case .http: []
        case .v0: [.v0]
        case .v1: [.v1]
        case .v1v1: [.v1, .v1]
        case .v0v1: [.v0, .v1]
        case .v1v0: [.v1, .v0]
        }
    }

    var testDescription: String { (["HTTP"] + self.links.map(\.rawValue) + ["HTTP"]).joined(separator: " → ") }

    /// What the requests of a client have in `Via` when they reach the server.
    var via: String { Array(repeating: "1.1 httptp", count: self.links.count + 1).joined(separator: ", ") }

    /// Runs `body` with the address that clients connect to, and the proxies, the nearest to them first.
    func run<Value>(
        to origins: [TransportAddress], _ configure: (inout ProxyConfiguration) -> Void = { _ in },
        _ body: (TransportAddress, [Proxy]) async throws -> Value
    ) async throws -> Value {
        let loopback = TransportAddress.tcp(host: "127.0.0.1", port: 0)
        var proxies: [Proxy] = []
        var addresses = origins
        for index in self.links.indices.reversed().map({ $0 + 1 }) + [0] {
            var configuration = ProxyConfiguration(
                in: index == 0 ? .http : .teleport, at: [loopback],
                out: index == self.links.count ? .http : .teleport, to: addresses)
            if index > 0 { configuration.front.wire = self.links[index - 1] }
            if index < self.links.count { configuration.outWire = self.links[index] }
            configuration.takeTime()
            configure(&configuration)
            let proxy = Proxy(configuration)
            addresses = try await proxy.start()
            proxies.insert(proxy, at: 0)
        }
        let front = try #require(addresses.first)
        do {
            let value = try await body(front, proxies)
            for proxy in proxies { await proxy.shutDown(limit: .seconds(2)) }
            return value
        } catch {
            for proxy in proxies { await proxy.shutDown(limit: .zero) }
            throw error
        }
    }
}

extension RawPeer {
    /// Writes when the socket takes it, so that the other end's back pressure is felt. False if the connection ended.
    func push(_ bytes: ByteBuffer) async -> Bool {
        guard let channel = self.channel else { return false }
        return (try? await channel.writeAndFlush(bytes).get()) != nil
    }
}

/// Bytes that tell where they stand, and that no codec makes smaller.
enum Noise {
    private static let period = (1 << 20) + 7
    private static let bytes: ByteBuffer = {
        var bytes = ByteBuffer()
        var state: UInt64 = 1
        while bytes.readableBytes < period {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            bytes.writeInteger(UInt32(truncatingIfNeeded: state >> 32))
        }
        let once = bytes.getSlice(at: 0, length: period) ?? ByteBuffer()
        var twice = once
        twice.writeImmutableBuffer(once)
        return twice
    }()

    /// At most a megabyte.
    static func slice(_ count: Int, at position: Int) -> ByteBuffer {
        self.bytes.getSlice(at: position % self.period, length: count) ?? ByteBuffer()
    }
}
