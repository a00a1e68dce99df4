import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import Testing

@testable import TeleportProxy

@Suite("Health and readiness", .timeLimit(.minutes(10)))
struct ReadinessTests {
    private func response(
        _ target: String, _ method: HTTPMethod = .get, readiness: ProxyReadiness = .ready
    ) -> Response {
        AdminPages(
            statistics: { fatalError("no numbers were asked for") }, readiness: { readiness },
            sampler: LiveSampler(statistics: { fatalError("nobody samples") }, durations: RequestDurations())
        )
        .response(to: Request(method, target, host: "localhost"))
    }

    private func text(_ response: Response) -> String { String(buffer: response.body.buffer ?? ByteBuffer()) }

    @Test("/readyz tells whether requests are taken, and why not; /healthz is 200 all the time")
    func pages() {
        let expected: [(ProxyReadiness, Status, String)] = [
            (.ready, .ok, "ready\n"), (.starting, 503, "not listening yet\n"), (.draining, 503, "draining\n"),
            (.withoutServers, 503, "every server behind fails\n"),
        ]
        for (readiness, status, text) in expected {
            let ready = self.response("/readyz", readiness: readiness)
            #expect(ready.status == status && self.text(ready) == text)
            #expect(ready.fields.first("Cache-Control") == "no-store")
            let healthy = self.response("/healthz?x", readiness: readiness)
            #expect(healthy.status == .ok && self.text(healthy) == "ok\n")
        }
        #expect(self.response("/readyz", .head).status == .ok)
        for page in ["/healthz", "/readyz"] {
            let refused = self.response(page, .post)
            #expect(refused.status == 405 && refused.fields.first(.allow) == "GET, HEAD")
        }
    }

    @Test("a proxy is ready from when it listens until it drains, and not while all of its servers are set aside")
    func life() async throws {
        let (first, second) = (try unusedPort(), try unusedPort())
        var configuration = ProxyConfiguration(
            in: .http, at: [.tcp(host: "127.0.0.1", port: 0)], out: .http,
            to: [first, second].map { .tcp(host: "127.0.0.1", port: $0) })
        configuration.takeTime()
        let proxy = Proxy(configuration)
        #expect(proxy.readiness == .starting)
        let address = try #require(try await proxy.start().first)
        #expect(proxy.readiness == .ready)
        // A server that fails from now on is set aside beyond this moment.
        let now = NIODeadline.now()
        #expect(try await DefectTests.status(of: VerdictTests.next, at: address) == 502)
        #expect(proxy.readiness(now: now) == .withoutServers)
        #expect(proxy.readiness(now: now + .minutes(5)) == .ready, "they may be tried again")
        let origin = try await Origin(port: second, answer: mirror)
        // Both are set aside: so one is tried all the same, and then the other.
        #expect(try await DefectTests.status(of: VerdictTests.next, at: address) == 200)
        #expect(proxy.readiness(now: now) == .ready)
        proxy.beginGracefulShutdown()
        #expect(proxy.readiness == .draining)
        await proxy.shutDown(limit: .seconds(2))
        #expect(proxy.readiness == .draining)
        await origin.server.kill()
    }
}
