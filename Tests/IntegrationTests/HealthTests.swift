import NIOCore
import NetworkTestSupport
import Teleport
import Testing

/// `/healthz` and `/readyz` of a running `httptp`, asked by curl.
@Suite("The health of httptp", .timeLimit(.minutes(10)))
struct HealthTests {
    private func ask(_ page: String, at port: Int) async throws -> String {
        let curl = try Programs.find("curl")
        let (status, text) = try await ChildProcess.run(
            curl, ["-sS", "-m", "60", "-w", "%{http_code}", "http://127.0.0.1:\(port)/\(page)"])
        #expect(status == 0, "\(text)")
        return text
    }

    @Test("it is ready until it is told to stop; while it drains it says so, and is alive all the same")
    func draining() async throws {
        let gate = Gate()
        let origin = try await RawServer { peer in
            guard await peer.readSome() != nil else { return }
            await gate.wait()
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            _ = await peer.readToEnd()
        }
        guard case .tcp(_, let originPort) = origin.address else { return }
        let page = try unusedPort()
        let process = try await HTTPTPProcess(
            ["-out", "127.0.0.1:\(originPort)", "-outType", "http", "-outTimeout", "60s"],
            statistics: "127.0.0.1:\(page)")
        #expect(try await self.ask("healthz", at: page) == "ok\n200")
        #expect(try await self.ask("readyz", at: page) == "ready\n200")

        let client = try await RawPeer.connect(to: .tcp(host: "127.0.0.1", port: process.port))
        client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await gate.arrived(1)
        process.process.terminate()
        // The signal takes its time.
        while try await self.ask("readyz", at: page) != "draining\n503" {}
        #expect(try await self.ask("healthz", at: page) == "ok\n200")
        await gate.open()
        let answer = String(buffer: await client.readToEnd())
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n") && answer.hasSuffix("hi"), "\(answer)")
        let code = try await process.process.ended()
        #expect(code == 0)
        await client.close()
        await origin.kill()
    }
}
