import Foundation
import NIOCore
import NetworkTestSupport
import Teleport
import Testing

/// TLS of real processes, as OpenSSL and curl see it.
@Suite("httptp and TLS", .timeLimit(.minutes(10)), .serialized)
struct TLSTests {
    private func openssl(_ port: Int, _ arguments: [String]) async throws -> String {
        try await ChildProcess.run(
            try Programs.find("openssl"), ["s_client", "-connect", "127.0.0.1:\(port)"] + arguments
        ).text
    }

    private func server(
        _ type: String, _ files: [Certificates.Files], _ options: [String] = [], out: Int, outType: String = "http"
    ) async throws -> HTTPTPProcess {
        try await HTTPTPProcess(
            [
                "-inType", type, "-inTLSCert", files.map(\.chain).joined(separator: ","),
                "-inTLSKey", files.map(\.key).joined(separator: ","), "-out", "127.0.0.1:\(out)", "-outType", outType,
            ] + options)
    }

    /// What a proxy answers whose server is at `port` over TLS.
    private func code(through options: [String], type: String = "https", to port: Int, host: String = "127.0.0.1")
        async throws -> (code: String, log: String)
    {
        let proxy = try await HTTPTPProcess(["-outType", type, "-out", "\(host):\(port)"] + options)
        let code = try await Curl.code(["http://127.0.0.1:\(proxy.port)/small.txt"])
        if code == "502" { _ = try await eventually { proxy.process.text.contains("request failed") } }
        #expect(try await proxy.stop() == 0)
        return (code, proxy.process.text)
    }

    // MARK: Clients

    @Test("the name that a client asks for chooses the certificate", arguments: ["https"])
    func names(type: String) async throws {
        let certificates = try await Certificates()
        let nginx = try await Nginx()
        let proxy = try await self.server(
            type, [certificates.a, certificates.b, certificates.wild, certificates.localhost], out: nginx.port)
        for (arguments, subject) in [
            (["-servername", "a.test"], "a.test"), (["-servername", "b.test"], "b.test"),
            (["-servername", "B.TEST"], "b.test"), (["-servername", "x.wild.test"], "wild.test"),
            (["-servername", "localhost"], "localhost"),
            // A star stands for one label, and not for none.
            (["-servername", "wild.test"], "a.test"), (["-servername", "x.y.wild.test"], "a.test"),
            (["-servername", "unknown.test"], "a.test"), (["-noservername"], "a.test"),
        ] {
            for version in ["-tls1_2", "-tls1_3"] {
                let text = try await self.openssl(
                    proxy.port, arguments + [version, "-CAfile", certificates.authority])
                let line = text.split(separator: "\n").first { $0.hasPrefix("subject=") }
                #expect(line == "subject=CN = \(subject)", "\(arguments)")
                #expect(text.contains("Verify return code: 0 (ok)"), "\(arguments): \(text)")
            }
        }
        // And curl believes it, name and all.
        for name in ["a.test", "b.test", "x.wild.test"] {
            let code = try await Curl.code([
                "--cacert", certificates.authority, "--resolve", "\(name):\(proxy.port):127.0.0.1",
                "https://\(name):\(proxy.port)/small.txt",
            ])
            #expect(code == "200", "\(name)")
        }
        #expect(try await proxy.stop() == 0)
        try await nginx.stop()
    }

    @Test("TLS 1.2 and 1.3 are spoken, older ones are not")
    func versions() async throws {
        let certificates = try await Certificates()
        let nginx = try await Nginx()
        let proxy = try await self.server("https", [certificates.localhost], out: nginx.port)
        // Else OpenSSL itself would refuse.
        let weak = ["-cipher", "ALL:@SECLEVEL=0"]
        for version in ["-tls1", "-tls1_1"] {
            let text = try await self.openssl(proxy.port, [version] + weak)
            #expect(text.contains("alert protocol version"), "\(text)")
            #expect(text.contains("no peer certificate available"), "\(text)")
        }
        for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
            let text = try await self.openssl(proxy.port, [version, "-CAfile", certificates.authority])
            #expect(text.contains("New, \(name)"), "\(text)")
            #expect(text.contains("Verify return code: 0 (ok)"), "\(text)")
        }
        #expect(try await proxy.stop() == 0)
        try await nginx.stop()
    }

    @Test("with -inTLSClientCA only clients with a certificate of that authority are let in", arguments: ["", "1.2"])
    func clientCertificates(maximum: String) async throws {
        let certificates = try await Certificates()
        let nginx = try await Nginx()
        let proxy = try await self.server(
            "https", [certificates.localhost], ["-inTLSClientCA", certificates.authority], out: nginx.port)
        let request =
            (maximum.isEmpty ? [] : ["--tls-max", maximum])
            + ["--cacert", certificates.authority, "https://127.0.0.1:\(proxy.port)/small.txt"]
        #expect(try await Curl.code(request) == "000")
        let other = ["--cert", certificates.otherClient.chain, "--key", certificates.otherClient.key]
        #expect(try await Curl.code(other + request) == "000")
        let own = ["--cert", certificates.client.chain, "--key", certificates.client.key]
        #expect(try await Curl.code(own + request) == "200")
        #expect(try await proxy.stop() == 0)
        try await nginx.stop()
    }

    @Test("the same between two of them, with -outTLSCert at the near one")
    func clientCertificatesOfTeleport() async throws {
        let certificates = try await Certificates()
        let nginx = try await Nginx()
        let far = try await self.server(
            "teleports", [certificates.localhost], ["-inTLSClientCA", certificates.authority], out: nginx.port)
        let trust = ["-outTLSCA", certificates.authority]
        let own = ["-outTLSCert", certificates.client.chain, "-outTLSKey", certificates.client.key]
        let other = ["-outTLSCert", certificates.otherClient.chain, "-outTLSKey", certificates.otherClient.key]
        #expect(try await self.code(through: trust, type: "teleports", to: far.port).code == "502")
        #expect(try await self.code(through: trust + other, type: "teleports", to: far.port).code == "502")
        #expect(try await self.code(through: trust + own, type: "teleports", to: far.port).code == "200")
        #expect(try await far.stop() == 0)
        try await nginx.stop()
    }

    @Test("who speaks no TLS gets nothing at a port that does")
    func plainClients() async throws {
        let certificates = try await Certificates()
        let nginx = try await Nginx()
        let web = try await self.server("https", [certificates.localhost], out: nginx.port)
        let result = try await Curl.run(["http://127.0.0.1:\(web.port)/small.txt"])
        #expect(result.status != 0)
        #expect(!result.text.contains("Hello"))
        let peer = try await RawPeer.connect(to: .tcp(host: "127.0.0.1", port: web.port))
        peer.write("GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        let answer = await peer.readToEnd()
        #expect(!String(buffer: answer).contains("HTTP/"), "\(String(buffer: answer))")

        let link = try await self.server("teleports", [certificates.localhost], out: nginx.port)
        let (code, log) = try await self.code(through: [], type: "teleport", to: link.port)
        #expect(code == "502")
        #expect(log.contains("kind=unreachable"), "\(log)")
        // A preface that wants no TLS is told that it is wanted here, and that is all.
        let client = try await RawPeer.connect(to: .tcp(host: "127.0.0.1", port: link.port))
        client.write(Array("httpteleport".utf8) + [0, 1, 0])
        let preface = await client.readToEnd()
        #expect(preface.readableBytes == 15)
        #expect(preface.readableBytesView.last == 1)

        // The other way round, too: nobody goes on in plain text who asked for TLS.
        let plain = try await HTTPTPProcess([
            "-inType", "teleport", "-out", "127.0.0.1:\(nginx.port)", "-outType", "http",
        ])
        let trust = ["-outTLSCA", certificates.authority]
        #expect(try await self.code(through: trust, type: "teleports", to: plain.port).code == "502")
        #expect(try await self.code(through: trust, type: "https", to: nginx.port).code == "502")
        for process in [web, link, plain] { #expect(try await process.stop() == 0) }
        try await nginx.stop()
    }

    // MARK: Servers

    @Test(
        "a server whose certificate nobody vouches for is not trusted, and the log says why",
        arguments: [
            "https", "teleports",
        ])
    func unknownAuthority(type: String) async throws {
        let certificates = try await Certificates()
        let nginx = try await Nginx(certificates: certificates)
        let far = try await self.server("teleports", [certificates.localhost], out: nginx.port)
        let port = type == "https" ? nginx.securePort : far.port
        for options in [[], ["-outTLSCA", certificates.otherAuthority]] {
            let (code, log) = try await self.code(through: options, type: type, to: port)
            #expect(code == "502")
            #expect(log.contains("kind=unreachable"), "\(log)")
            #expect(log.lowercased().contains("certificate"), "\(log)")
        }
        for host in ["127.0.0.1", "localhost"] {
            let options = ["-outTLSCA", certificates.authority]
            let (code, log) = try await self.code(through: options, type: type, to: port, host: host)
            #expect(code == "200", "\(log)")
        }
        let (code, log) = try await self.code(through: ["-outTLSInsecure"], type: type, to: port)
        #expect(code == "200", "\(log)")
        #expect(log.contains("not verified"), "\(log)")
        #expect(try await far.stop() == 0)
        try await nginx.stop()
    }

    @Test("a certificate has to bear the server's name, or the one that is given", arguments: ["https", "teleports"])
    func wrongName(type: String) async throws {
        let certificates = try await Certificates()
        let nginx = try await Nginx()
        let server = try await self.server(type, [certificates.a, certificates.b, certificates.wild], out: nginx.port)
        let trust = ["-outTLSCA", certificates.authority]
        for host in ["127.0.0.1", "localhost"] {
            let (code, log) = try await self.code(through: trust, type: type, to: server.port, host: host)
            #expect(code == "502")
            #expect(log.contains("kind=unreachable"), "\(log)")
            #expect(log.lowercased().contains("certificate") || log.lowercased().contains("name"), "\(log)")
        }
        for name in ["a.test", "b.test", "x.wild.test"] {
            let options = trust + ["-outTLSServerName", name]
            let (code, log) = try await self.code(through: options, type: type, to: server.port)
            #expect(code == "200", "\(name): \(log)")
        }
        for name in ["c.test", "wild.test", "x.y.wild.test"] {
            let options = trust + ["-outTLSServerName", name]
            #expect(try await self.code(through: options, type: type, to: server.port).code == "502", "\(name)")
        }
        #expect(try await server.stop() == 0)
        try await nginx.stop()
    }
}
