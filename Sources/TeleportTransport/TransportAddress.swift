/// Where to listen or to connect: a host and a port, the path of a unix socket, or a name within this process.
public enum TransportAddress: Sendable, Hashable {
    /// A name or an IPv4 or IPv6 address (without brackets), and a TCP port. Names are resolved when connecting, and
    /// all their addresses are tried.
    case tcp(host: String, port: Int)
    /// The path of a unix domain socket.
    case unix(path: String)
    /// A name within this process, for tests and for measuring without an operating system in between: whoever connects
    /// reaches who listens at the same name, by way of memory. Cannot be parsed from text.
    case memory(name: String)

    /// Reads an address the way people write it: `host:port`, `1.2.3.4:80`, `[::1]:80`, `:80`, or `unix:/path`; a text
    /// that begins with `/` or `./` is a unix socket too. An empty host means all addresses when listening, and this
    /// machine when connecting.
    ///
    /// - Throws: ``TransportError`` `.invalidAddress` that says what was expected.
    public init(parsing text: String) throws(TransportError) {
        if text.hasPrefix("unix:") {
            self = .unix(path: String(text.dropFirst(5)))
        } else if text.hasPrefix("/") || text.hasPrefix("./") {
            self = .unix(path: text)
        } else {
            self = try Self.parseTCP(text)
        }
        if case .unix(let path) = self, path.isEmpty || path.utf8.count > Self.maximumPathLength {
            throw TransportError(
                .invalidAddress,
                "The path of a unix socket has 1 to \(Self.maximumPathLength) bytes: \"\(text)\" does not.")
        }
    }

    /// The longest path the operating system takes for a unix socket, in bytes.
    static let maximumPathLength = 107

    private static func parseTCP(_ text: String) throws(TransportError) -> TransportAddress {
        let expected = "Expected host:port, [IPv6]:port or :port, got \"\(text)\"."
        guard let colon = text.lastIndex(of: ":") else { throw TransportError(.invalidAddress, expected) }
        guard let port = Int(text[text.index(after: colon)...]), (0...65535).contains(port) else {
            throw TransportError(.invalidAddress, expected)
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            // "::1:80" could be read in two ways.
            throw TransportError(.invalidAddress, expected)
        }
        guard !host.contains(where: { $0 == "[" || $0 == "]" || $0 == "/" || $0.isWhitespace }) else {
            throw TransportError(.invalidAddress, expected)
        }
        return .tcp(host: String(host), port: port)
    }
}

extension TransportAddress: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tcp(let host, let port):
            host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path):
            "unix:\(path)"
        case .memory(let name):
            "memory:\(name)"
        }
    }
}
