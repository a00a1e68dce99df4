/// An option of `httptp`, by the name the reference gives it, or would give it.
///
/// Everything that is said about an option is said once, in ``definition``: what the parser accepts, `--help`, the manual
/// page and the completions are made from there.
enum ProxyOption: String, CaseIterable {
    // Configuration.
    case config, check, printConfig
    // Clients.
    case listen, `in`, inType, inCompress, inDelay, inAllowIP, inGetOnly, clientIPHeader, via, reusePort
    // Servers.
    case forward, out, outType, outCompress, outDelay, outTimeout, outConnsPerAddr, outWarm, outMaxAge
    case outBalance, outHealthPath, outHealthInterval, outHealthTimeout, outSlowStart, outRetryBudget
    // Links between proxies.
    case codec, codecBudget, wire, tunnel, tunnelIdleTimeout
    // TLS.
    case inTLSCert, inTLSKey, inTLSClientCA
    case outTLSCA, outTLSInsecure, outTLSCert, outTLSKey, outTLSServerName
    // Limits.
    case inMaxHeaderSize, inMaxBodySize, inHeadTimeout, inIdleTimeout, outMaxHeaderSize, outMaxBodySize, concurrency
    // Observing.
    case accessLog, logLevel, logFormat, logAllErrors, expvarAddr

    /// The reference's name.
    var name: String { self.rawValue }

    /// A readable name; some options have only one.
    var longName: String { self.definition.longName }

    /// Whether it may be given several times, which is the same as values with commas between them.
    var isRepeatable: Bool { self == .listen || self == .forward }

    /// Whether it stands alone, without a value.
    var isFlag: Bool { self.definition.placeholder.isEmpty }

    /// All of them, by either name.
    static let named: [String: ProxyOption] = Dictionary(
        Self.allCases.flatMap { [($0.name, $0), ($0.longName, $0)] }, uniquingKeysWith: { first, _ in first })
}

/// How messages call it: `-inType`.
extension ProxyOption: CustomStringConvertible {
    var description: String { "-\(self.name)" }
}

/// Where an option is listed.
enum OptionSection: String, CaseIterable {
    case configuration = "Configuration"
    case clients = "Clients"
    case servers = "Servers"
    case links = "Teleport links"
    case tls = "TLS"
    case limits = "Limits"
    case observing = "Observing"

    var title: String { self.rawValue }

    var options: [ProxyOption] { ProxyOption.allCases.filter { $0.definition.section == self } }
}

/// One line of the table.
struct OptionDefinition {
    /// What a shell offers as its value.
    enum Completion: Equatable {
        case nothing
        case file
        case list([String])
    }

    let section: OptionSection
    let longName: String
    /// What its value is called; empty for a flag.
    let placeholder: String
    /// The default as a user would write it; empty if there is none.
    let defaultText: String
    let completion: Completion
    let help: String

    init(
        _ section: OptionSection, _ longName: String, value placeholder: String = "", default defaultText: String = "",
        completing completion: Completion = .nothing, _ help: String
    ) {
        self.section = section
        self.longName = longName
        self.placeholder = placeholder
        self.defaultText = defaultText
        self.completion = completion
        self.help = help
    }

    /// The help with the default behind it.
    var fullHelp: String {
        self.defaultText.isEmpty ? self.help : "\(self.help) (default: \(self.defaultText))"
    }
}
