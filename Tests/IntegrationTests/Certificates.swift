import Foundation
import Testing

/// A certificate authority of a test's own and what it signed, made by `openssl` in a folder that goes with it.
final class Certificates: Sendable {
    struct Files: Sendable {
        let chain: String
        let key: String
    }

    private let scratch: Scratch
    /// What to trust.
    let authority: String
    /// For `localhost` and 127.0.0.1.
    let localhost: Files
    /// For `a.test`.
    let a: Files
    /// For `b.test`.
    let b: Files
    /// For `*.wild.test`.
    let wild: Files
    /// What a client shows.
    let client: Files
    /// An authority that signed none of these, and a client that it signed.
    let otherAuthority: String
    let otherClient: Files

    init() async throws {
        self.scratch = try Scratch()
        let root = self.scratch.path
        self.authority = try await Self.make(root, "authority", names: nil, by: nil).chain
        self.localhost = try await Self.make(root, "localhost", names: "DNS:localhost,IP:127.0.0.1", by: "authority")
        self.a = try await Self.make(root, "a.test", names: "DNS:a.test", by: "authority")
        self.b = try await Self.make(root, "b.test", names: "DNS:b.test", by: "authority")
        self.wild = try await Self.make(root, "wild.test", names: "DNS:*.wild.test", by: "authority")
        self.client = try await Self.make(root, "client", names: "DNS:client", by: "authority")
        self.otherAuthority = try await Self.make(root, "stranger", names: nil, by: nil).chain
        self.otherClient = try await Self.make(root, "other-client", names: "DNS:client", by: "stranger")
    }

    private static func make(_ root: String, _ name: String, names: String?, by signer: String?) async throws -> Files {
        let files = Files(chain: "\(root)/\(name).pem", key: "\(root)/\(name).key")
        var arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-keyout", files.key, "-out", files.chain, "-subj", "/CN=\(name)",
        ]
        if let signer { arguments += ["-CA", "\(root)/\(signer).pem", "-CAkey", "\(root)/\(signer).key"] }
        if let names {
            arguments += ["-addext", "subjectAltName=\(names)", "-addext", "basicConstraints=critical,CA:false"]
        }
        let (status, text) = try await ChildProcess.run(try Programs.find("openssl"), arguments)
        try #require(status == 0, "openssl made no certificate: \(text)")
        return files
    }
}
