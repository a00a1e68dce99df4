#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A certificate and its key, as PEM files.
struct CertificateFiles: Sendable {
    /// The name that clients ask for and verify, wherever the server really is: 127.0.0.1, a unix socket, a relay.
    static let serverName = "localhost"

    let certificate: String
    let key: String

    /// Has `openssl` make a self-signed one for `localhost` and 127.0.0.1 in `folder`. It is good for two days.
    static func make(in folder: String) async throws -> CertificateFiles {
        let files = CertificateFiles(certificate: folder + "/certificate.pem", key: folder + "/key.pem")
        do {
            try await ChildProcess(
                "openssl", "openssl",
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", files.key, "-out", files.certificate, "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                ], output: folder + "/openssl.log"
            ).waitForEnd()
        } catch {
            throw BenchError(
                """
                No certificate could be made: \(error) Install openssl (apt-get install openssl), or give `serve` one \
                with --cert and --key.
                """)
        }
        return files
    }
}
