import Foundation

/// A self-signed certificate for `localhost` and 127.0.0.1, and its key, gone when `body` returns.
public func withSelfSignedCertificate(
    _ body: (_ certificate: String, _ key: String) async throws -> Void
) async throws {
    let directory = NSTemporaryDirectory() + "teleport-certificate-\(UInt64.random(in: .min ... .max))"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let (certificate, key) = (directory + "/certificate.pem", directory + "/key.pem")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
    ]
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw NoCertificate() }
    try await body(certificate, key)
}

struct NoCertificate: Error, CustomStringConvertible {
    var description: String { "openssl could not make a certificate" }
}
