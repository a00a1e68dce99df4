import Foundation
import Teleport
import Testing

/// A certificate for loopback that signed itself, made by `openssl`.
struct TestCertificate {
    let files: CertificateFiles
    private let directory: String

    init() throws {
        self.directory = NSTemporaryDirectory() + "teleport-conformance-\(UInt64.random(in: .min ... .max))"
        try FileManager.default.createDirectory(atPath: self.directory, withIntermediateDirectories: true)
        self.files = CertificateFiles(chain: self.directory + "/chain.pem", key: self.directory + "/key.pem")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2", "-keyout", self.files.key, "-out", self.files.chain, "-subj", "/CN=localhost", "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "openssl could not make a certificate")
    }

    func remove() { try? FileManager.default.removeItem(atPath: self.directory) }
}
