import NIOCore
import NetworkTestSupport
import Synchronization
import TeleportCompress
import TeleportEndpoint
import TeleportRPC
import TeleportTransport
import Testing

@Suite("Sockets of clients and servers", .timeLimit(.minutes(10)))
struct TrafficTests {
    /// Some calls; what both sides counted when everything has ended.
    static func traffic(
        of texts: [String] = ["a", String(repeating: "b", count: 1 << 20)],
        server configureServer: (inout ServerConfiguration) -> Void = { _ in },
        client configureClient: (inout ClientConfiguration) -> Void = { _ in }
    ) async throws -> (server: Traffic, client: Traffic) {
        let (server, client) = (TrafficCounters(), TrafficCounters())
        try await withTLVPair(
            server: {
                $0.traffic = server
                configureServer(&$0)
            },
            client: {
                $0.traffic = client
                configureClient(&$0)
            }
        ) { caller, _ in
            for text in texts {
                let answer = try await caller.call(TLVRequest(name: "", value: text))
                #expect(answer == TLVResponse(text))
            }
        }
        return (server.snapshot, client.snapshot)
    }

    static func expectSame(_ counted: (server: Traffic, client: Traffic)) {
        #expect(counted.client.bytesWritten == counted.server.bytesRead)
        #expect(counted.client.bytesRead == counted.server.bytesWritten)
        for side in [counted.client, counted.server] {
            #expect(side.connectionsOpened == 1)
            #expect(side.connectionsOpen == 0)
            #expect(side.connectionsFailed == 0)
        }
    }

    @Test("plain bytes are counted exactly: prefaces, ids, messages")
    func plain() async throws {
        let counted = try await Self.traffic()
        Self.expectSame(counted)
        #expect(counted.client.bytesWritten == TLVBytes.prefaceLength + 2 * 12 + 1 + (1 << 20))
        #expect(counted.client.bytesRead == TLVBytes.prefaceLength + 2 * 8 + 1 + (1 << 20))
    }

    @Test("with a budget the time of compression is counted on v1; over v0 the level is fixed and nothing is")
    func budget() async throws {
        let budget = try CompressionBudget(percent: 100)
        for wire in [WireVersion.v1, .v0] {
            let counted = try await Self.traffic(
                of: (0..<40).map { String(repeating: "b\($0)", count: 10_000) },
                server: {
                    $0.wire = wire
                    $0.compression = .flate
                    $0.compressionBudget = budget
                },
                client: {
                    $0.wire = wire
                    $0.compression = .flate
                    $0.compressionBudget = budget
                })
            #expect(counted.client.bytesWritten == counted.server.bytesRead)
            #expect(counted.client.bytesWritten < 100_000)
            for side in [counted.client, counted.server] {
                #expect((side.compressionNanoseconds > 0) == (wire == .v1))
                #expect((side.plainBytesByStep.dropFirst().reduce(0, +) > 800_000) == (wire == .v1))
                #expect(side.plainBytesByStep[0] == 0)
            }
        }
    }

    @Test("compressed, it is the compressed bytes that are counted")
    func compressed() async throws {
        let counted = try await Self.traffic(
            server: { $0.compression = .flate }, client: { $0.compression = .flate })
        Self.expectSame(counted)
        #expect(counted.client.bytesWritten < 100_000)
    }

    @Test("turned to TLS behind the preface, it is the encrypted bytes that are counted, on both sides")
    func upgraded() async throws {
        try await TLSUpgradeTests.withCertificate { serverTLS, clientTLS in
            let counted = try await Self.traffic(server: { $0.tls = serverTLS }, client: { $0.tls = clientTLS })
            Self.expectSame(counted)
            #expect(counted.client.bytesWritten > TLVBytes.prefaceLength + 2 * 12 + 1 + (1 << 20))
        }
    }

    @Test("bytes of TLS that come with the preface are counted once")
    func early() async throws {
        let traffic = TrafficCounters()
        try await TLSUpgradeTests.withCertificate { serverTLS, _ in
            try await withTLVPair(
                server: {
                    $0.tls = serverTLS
                    $0.traffic = traffic
                }
            ) { _, server in
                let peer = try await RawPeer.connect(to: try #require(server.addresses.first))
                peer.write(TLVBytes.preface(tls: 1) + Array(repeating: 0, count: 100))
                _ = await peer.readToEnd()
                await peer.close()
            }
        }
        #expect(traffic.snapshot.bytesRead == TLVBytes.prefaceLength + 100)
    }

    @Test("a client that is not admitted gets no byte; its calls fail in the handshake")
    func admits() async throws {
        let asked = Mutex(0)
        try await withTLVPair(
            server: {
                $0.admits = { _ in
                    asked.withLock { $0 += 1 }
                    return false
                }
            }
        ) { client, server in
            let error = await failure { () throws(RPCError) in
                try await client.call(TLVRequest(name: "", value: ""))
            }
            #expect(error?.code == .handshakeFailed)
            #expect(server.connectionCount == 0)
        }
        #expect(asked.withLock { $0 } > 0)
    }

    @Test("servers that reuse a port share it")
    func reusesPort() async throws {
        try await withTLVPair(server: { $0.reusesPort = true }) { _, server in
            let address = try #require(server.addresses.first)
            try await withTLVPair(
                server: {
                    $0.addresses = [address]
                    $0.reusesPort = true
                }
            ) { client, other in
                #expect(other.addresses == [address])
                let answer = try await client.call(TLVRequest(name: "", value: "x"))
                #expect(answer == TLVResponse("x"))
            }
        }
    }

    @Test("the connections of one client take turns with the addresses of the server's name")
    func names() async throws {
        try await withTLVPair { _, first in
            guard case .tcp(_, let port)? = first.addresses.first else { return }
            try await withTLVPair(
                server: { $0.addresses = [.tcp(host: "127.0.0.2", port: port)] },
                client: {
                    $0.address = .tcp(host: "teleport.test", port: port)
                    $0.connections = 2
                    $0.resolution = NameResolution { _, port, family in
                        guard family == .v4 else { return [] }
                        return try ["127.0.0.1", "127.0.0.2"].map { try SocketAddress(ipAddress: $0, port: port) }
                    }
                }
            ) { client, second in
                for _ in 0..<2 {
                    let answer = try await client.call(TLVRequest(name: "", value: "x"))
                    #expect(answer == TLVResponse("x"))
                }
                #expect(first.connectionCount == 1)
                #expect(second.connectionCount == 1)
            }
        }
    }
}
