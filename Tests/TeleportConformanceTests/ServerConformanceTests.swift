import NIOCore
import NetworkTestSupport
import Teleport
import TeleportConformance
import Testing

/// The tool against our own server, on real sockets.
@Suite("Our server keeps the specification", .timeLimit(.minutes(10)))
struct ServerConformanceTests {
    /// Starts a server, makes all checks of a version that it can be asked for, and shuts it down.
    private func outcomes(
        _ wire: ProtocolVersion, security: ClientSecurity? = nil,
        configure: (inout ServerConfiguration) -> Void = { _ in }
    ) async throws -> [Outcome] {
        let (server, address) = try await SubjectServer.start { configuration in
            // Few places, so that all of them can be taken.
            configuration.limits.maxConcurrent = 200
            configuration.compression = .zstd
            configure(&configuration)
        }
        var subject = ServerSubject(address: address)
        subject.security = security
        subject.echo = SubjectServer.echo
        subject.large = SubjectServer.large
        subject.slow = SubjectServer.slow
        // The machine may be busy.
        subject.timeout = .seconds(5)
        subject.drain = { await server.shutDown() }
        let checks = Checks.all.filter { $0.wire == wire }
        let outcomes = try await ServerRun(subject, checks: checks)()
        await server.shutDown()
        return outcomes
    }

    @Test("v0")
    func v0() async throws {
        let outcomes = try await self.outcomes(.v0) { $0.compression = .flate }
        OpenFindings.expectNothingElse(outcomes, OpenFindings.ofServer)
        #expect(Tally(outcomes).passed > 110)
    }

    @Test("v1")
    func v1() async throws {
        let outcomes = try await self.outcomes(.v1)
        OpenFindings.expectNothingElse(outcomes, OpenFindings.ofServer)
        #expect(Tally(outcomes).passed > 380)
    }

    @Test("v0 and v1 inside TLS", arguments: ProtocolVersion.allCases)
    func secure(wire: ProtocolVersion) async throws {
        try await withSelfSignedCertificate { certificate, key in
            let tls = try ServerTLS(certificates: [CertificateFiles(chain: certificate, key: key)])
            let outcomes = try await self.outcomes(wire, security: ClientSecurity(trustFile: certificate)) {
                $0.tls = tls
            }
            OpenFindings.expectNothingElse(outcomes, OpenFindings.ofServer)
            #expect(!outcomes.contains { $0.check.needs.contains(.tls) && $0.verdict == .notObserved })
        }
    }

    @Test("what a codec does is seen on a server that sends in it", arguments: ["flate", "snappy", "lz4", "zstd"])
    func codecs(name: String) async throws {
        let codec = try CompressionCodec(name: name)
        let (server, address) = try await SubjectServer.start { $0.compression = codec }
        var subject = ServerSubject(address: address)
        (subject.echo, subject.large) = (SubjectServer.echo, SubjectServer.large)
        let selected = Checks.all.filter { check in
            [
                "V1-15/sent", "V1-16/sent", "V1-17/sent", "V1-18/sent", "/only-\(name)", "V1-23/answered-in-kind",
                "V1-11/of-large",
            ].contains { check.name.hasSuffix($0) }
        }
        let outcomes = try await ServerRun(subject, checks: selected)()
        OpenFindings.expectNothingElse(outcomes, OpenFindings.ofServer)
        #expect(outcomes.count { $0.check.name.hasSuffix("/sent") && $0.verdict == .pass } == 1)
        await server.shutDown()
    }

    @Test("a unix socket is as good an address")
    func unixSocket() async throws {
        let path = "/tmp/teleport-conformance-\(UInt32.random(in: 0 ... .max)).sock"
        let (server, address) = try await SubjectServer.start { $0.addresses = [.unix(path: path)] }
        let checks = Checks.all.filter { ["V1-50/same-bytes", "V0-6/many"].contains($0.name) }
        let outcomes = try await ServerRun(ServerSubject(address: address), checks: checks)()
        #expect(Tally(outcomes).passed == 2)
        await server.shutDown()
    }

    @Test("where nothing listens, that is said before anything else")
    func unreachable() async throws {
        let (server, address) = try await SubjectServer.start()
        await server.shutDown()
        await #expect(throws: Unreachable.self) { try await ServerRun(ServerSubject(address: address))() }
    }
}
