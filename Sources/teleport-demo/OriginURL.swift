import TeleportTransport

/// `http://host[:port][/path][?query]`: which server is asked, and for what.
struct OriginURL: Sendable {
    let address: TransportAddress
    /// What follows the method in a request.
    let target: String
    /// The value of `Host`.
    let authority: String

    /// - Throws: ``DemoError`` that says what was expected.
    init(parsing text: String) throws(DemoError) {
        let complaint = DemoError("\"\(text)\" is not understood: the origin is http://host:port/path, without TLS.")
        let scheme = "http://"
        guard text.prefix(scheme.count).lowercased() == scheme else { throw complaint }
        let rest = text.dropFirst(scheme.count).prefix { $0 != "#" }
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let target = rest[authority.endIndex...]
        guard !authority.isEmpty, !authority.contains("@"), !authority.hasPrefix(":"),
            target.allSatisfy({ $0.isASCII && !$0.isWhitespace })
        else { throw complaint }
        // The colons of an IPv6 address stand in brackets.
        let hasPort = authority.reversed().prefix { $0 != "]" }.contains(":")
        do {
            self.address = try TransportAddress(parsing: hasPort ? String(authority) : "\(authority):80")
        } catch {
            throw complaint
        }
        guard case .tcp = self.address else { throw complaint }
        self.authority = String(authority)
        self.target = target.hasPrefix("/") ? String(target) : "/\(target)"
    }
}
