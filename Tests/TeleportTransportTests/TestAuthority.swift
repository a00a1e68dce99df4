import Foundation
import TeleportTransport
import Testing

/// A certificate authority of a test's own, in a folder of its own, and what it signs. Made by `openssl`.
struct TestAuthority {
    let directory: String
    /// The authority's own certificate: what a peer trusts.
    var trustFile: String { self.directory + "/authority.pem" }

    init() throws {
        self.directory = NSTemporaryDirectory() + "teleport-ca-\(UInt64.random(in: .min ... .max))"
        try FileManager.default.createDirectory(atPath: self.directory, withIntermediateDirectories: true)
        try self.openssl([
            "-keyout", self.directory + "/authority.key", "-out", self.trustFile, "-subj", "/CN=Test authority",
        ])
    }

    /// A certificate for `names`, such as `DNS:localhost,IP:127.0.0.1`, signed by the authority.
    func certificate(_ file: String, names: String) throws -> CertificateFiles {
        let files = CertificateFiles(
            chain: self.directory + "/\(file).pem", key: self.directory + "/\(file).key")
        try self.openssl([
            "-keyout", files.key, "-out", files.chain, "-subj", "/CN=\(file)", "-CA", self.trustFile,
            "-CAkey", self.directory + "/authority.key", "-addext", "subjectAltName=" + names,
            "-addext", "basicConstraints=critical,CA:false",
        ])
        return files
    }

    /// A file that is not what it is taken for.
    func file(_ name: String, _ text: String) throws -> String {
        let path = self.directory + "/" + name
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    func remove() {
        try? FileManager.default.removeItem(atPath: self.directory)
    }

    private func openssl(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days", "2",
            ] + arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "openssl could not make a certificate")
    }
}

/// Gives `body` an authority that is gone when it returns.
func withAuthority(_ body: (TestAuthority) async throws -> Void) async throws {
    let authority = try TestAuthority()
    defer { authority.remove() }
    try await body(authority)
}
