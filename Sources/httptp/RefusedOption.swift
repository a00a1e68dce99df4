/// An option of the reference that is refused. Ignoring one could open what somebody means to close.
enum RefusedOption: String, CaseIterable {
    case inTLSSessionTicketKey, autocertCacheDir, autocertHostRegexp

    /// What stands behind the name in the message.
    var reason: String {
        switch self {
        case .inTLSSessionTicketKey:
            "cannot be honoured: the TLS library makes its ticket keys itself and takes none from outside. Leave it out; "
                + "then sessions resume as long as the same process runs."
        case .autocertCacheDir, .autocertHostRegexp:
            "is not there: certificates by ACME come with a version of their own. Until then obtain them with another "
                + "program, and name the files with \(ProxyOption.inTLSCert) and \(ProxyOption.inTLSKey)."
        }
    }

    static let named = Dictionary(uniqueKeysWithValues: Self.allCases.map { ($0.rawValue, $0) })
}
