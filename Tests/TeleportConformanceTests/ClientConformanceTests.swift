import NIOCore
import NetworkTestSupport
import Teleport
import TeleportConformance
import Testing

/// The tool against our own client, on real sockets.
@Suite("Our client keeps the specification", .timeLimit(.minutes(10)))
struct ClientConformanceTests {
    private func outcomes(
        _ wire: ProtocolVersion, security: ServerSecurity? = nil,
        configure: (inout ClientConfiguration) -> Void
    ) async throws -> [Outcome] {
        var subject = ClientSubject(address: .tcp(host: "127.0.0.1", port: 0))
        subject.security = security
        subject.timeout = .seconds(5)
        subject.patience = .seconds(15)
        let run = try await ClientRun(subject, checks: Checks.all.filter { $0.wire == wire })
        let client = SubjectClient(to: .tcp(host: "127.0.0.1", port: try #require(run.port)), configure)
        client.start()
        let outcomes = await run()
        // Whatever was done to it, each of its callers is told.
        await client.stop()
        return outcomes
    }

    @Test("v0")
    func v0() async throws {
        let outcomes = try await self.outcomes(.v0) {
            $0.wire = .v0
            $0.compression = .flate
        }
        OpenFindings.expectNothingElse(outcomes, OpenFindings.ofClient)
        #expect(Tally(outcomes).passed > 55)
    }

    @Test("v1")
    func v1() async throws {
        let outcomes = try await self.outcomes(.v1) {
            $0.wire = .v1
            $0.compression = .zstd
        }
        OpenFindings.expectNothingElse(outcomes, OpenFindings.ofClient)
        #expect(Tally(outcomes).passed > 290)
    }

    @Test("automatic: v1 first, and v0 only when the door is shut in an orderly way")
    func fallingBack() async throws {
        let outcomes = try await self.outcomes(.v0) { $0.wire = .automatic }
        OpenFindings.expectNothingElse(outcomes, OpenFindings.ofClient)
        let fallback = outcomes.filter { $0.check.rule == "V1-5" }
        #expect(fallback.count == 5 && fallback.allSatisfy { $0.verdict == .pass })
    }

    @Test("inside TLS", arguments: ProtocolVersion.allCases)
    func secure(wire: ProtocolVersion) async throws {
        try await withSelfSignedCertificate { certificate, key in
            let tls = try ClientTLS(trustFile: certificate)
            let security = ServerSecurity(certificate: CertificateFiles(chain: certificate, key: key))
            let outcomes = try await self.outcomes(wire, security: security) {
                $0.wire = wire == .v0 ? .v0 : .v1
                $0.tls = tls
            }
            OpenFindings.expectNothingElse(outcomes, OpenFindings.ofClient)
            #expect(!outcomes.contains { $0.check.needs.contains(.tls) && $0.verdict == .notObserved })
        }
    }
}
