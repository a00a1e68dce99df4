internal import NIOSSL

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Reads PEM files, and says which one is wrong and how: the TLS library says neither.
enum PEMFile {
    /// All certificates of a file; at least one.
    static func certificates(at path: String) throws(TransportError) -> [NIOSSLCertificate] {
        let bytes = try self.bytes(at: path)
        do {
            return try NIOSSLCertificate.fromPEMBytes(bytes)
        } catch {
            throw TransportError(
                .tlsFailed, "The file \(path) holds no certificate in PEM form (\"-----BEGIN CERTIFICATE-----\").",
                cause: error)
        }
    }

    /// The private key of a file.
    static func privateKey(at path: String) throws(TransportError) -> NIOSSLPrivateKey {
        let bytes = try self.bytes(at: path)
        do {
            return try NIOSSLPrivateKey(bytes: bytes, format: .pem)
        } catch {
            throw TransportError(
                .tlsFailed,
                """
                The file \(path) holds no private key in PEM form ("-----BEGIN PRIVATE KEY-----") without a passphrase.
                """,
                cause: error)
        }
    }

    private static func bytes(at path: String) throws(TransportError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw self.unreadable(path, errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16384)
        while true {
            let count = piece.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw self.unreadable(path, errno) }
            guard count > 0 else { return bytes }
            bytes.append(contentsOf: piece[..<count])
        }
    }

    private static func unreadable(_ path: String, _ code: Int32) -> TransportError {
        TransportError(.tlsFailed, "The file \(path) cannot be read: \(SystemError.text(code)).")
    }
}

/// What the operating system calls its errors.
enum SystemError {
    static func text(_ code: Int32) -> String {
        strerror(code).map { String(cString: $0) } ?? "error \(code)"
    }
}
