/// Where an option stands in a configuration file, and under which key.
struct ConfigurationKey: Hashable {
    enum Section: CaseIterable {
        /// At the top.
        case top
        /// In each entry of `listen`.
        case listen
        /// In `forward`.
        case forward
    }

    let section: Section
    let name: String

    /// How messages call it.
    var path: String {
        switch self.section {
        case .top: self.name
        case .listen: "listen: \(self.name)"
        case .forward: "forward: \(self.name)"
        }
    }

    /// The options of a section by their keys.
    static let options: [Section: [String: ProxyOption]] = Dictionary(
        uniqueKeysWithValues: Section.allCases.map { section in
            let options = ProxyOption.allCases.filter { $0.key?.section == section }
            return (section, Dictionary(uniqueKeysWithValues: options.map { ($0.key?.name ?? "", $0) }))
        })
}

extension ProxyOption {
    /// `nil` for what is said in another way there: by URLs, or on the command line only.
    var key: ConfigurationKey? {
        switch self {
        case .in, .inType, .out, .outType, .listen, .forward, .config, .check, .printConfig: nil
        case .inCompress: ConfigurationKey(section: .listen, name: "codec")
        case .outCompress: ConfigurationKey(section: .forward, name: "codec")
        case .clientIPHeader, .reusePort: ConfigurationKey(section: .listen, name: self.longName)
        default:
            if self.longName.hasPrefix("in-") {
                ConfigurationKey(section: .listen, name: String(self.longName.dropFirst("in-".count)))
            } else if self.longName.hasPrefix("out-") {
                ConfigurationKey(section: .forward, name: String(self.longName.dropFirst("out-".count)))
            } else {
                ConfigurationKey(section: .top, name: self.longName)
            }
        }
    }
}

extension Misuse {
    /// The same for who wrote a configuration file: options are called by their keys.
    var inTermsOfFile: String {
        // Longer names first: some begin like others.
        ProxyOption.allCases.sorted { $0.name.count > $1.name.count }.reduce(self.description) { text, option in
            guard let key = option.key else { return text }
            return text.replacing("\(option)", with: "`\(key.name)`")
        }
    }
}
