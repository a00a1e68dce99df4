import Yams

/// Reads the parts of a configuration file, and says where something is wrong.
struct ConfigurationReader {
    let file: String

    /// A key of a mapping.
    struct Key {
        let text: String
        let line: Int?
    }

    func mistake(_ node: Node, _ text: String) -> ConfigurationMistake {
        ConfigurationMistake(self.file, line: node.mark?.line, text)
    }

    func entries(of node: Node, as what: String) throws(ConfigurationMistake) -> [(Key, Node)] {
        guard case .mapping(let mapping) = node else {
            throw self.mistake(node, "\(what): expected keys with values, as in `log-level: info`.")
        }
        var entries: [(Key, Node)] = []
        for (key, value) in mapping {
            guard case .scalar(let scalar) = key else { throw self.mistake(key, "expected a key.") }
            entries.append((Key(text: scalar.string, line: key.mark?.line), value))
        }
        return entries
    }

    /// A list, or one element of it that stands alone.
    func list<Element>(
        _ node: Node, _ read: (Node) throws(ConfigurationMistake) -> Element
    ) throws(ConfigurationMistake) -> [Element] {
        guard case .sequence(let sequence) = node else { return [try read(node)] }
        var elements: [Element] = []
        for element in sequence { elements.append(try read(element)) }
        return elements
    }

    /// An entry of `listen`: a URL, or a mapping that has one.
    func place(_ node: Node) throws(ConfigurationMistake) -> Plan.Place {
        guard case .mapping = node else {
            return Plan.Place(endpoint: try self.endpoint(node, "listen"), line: node.mark?.line)
        }
        var (endpoint, arguments) = (Endpoint?.none, Arguments())
        for (key, value) in try self.entries(of: node, as: "listen") {
            if key.text == "url" {
                endpoint = try self.endpoint(value, "url")
            } else {
                try self.take(key, value, of: .listen, into: &arguments)
            }
        }
        guard let endpoint else { throw self.mistake(node, "listen: expected `url`, as in `url: https://:443`.") }
        return Plan.Place(endpoint: endpoint, arguments: arguments, line: node.mark?.line)
    }

    /// `forward`: URLs, or a mapping with `servers`.
    func forward(_ node: Node) throws(ConfigurationMistake) -> ([Endpoint], Arguments) {
        guard case .mapping = node else { return (try self.servers(node), Arguments()) }
        var (servers, arguments) = ([Endpoint](), Arguments())
        for (key, value) in try self.entries(of: node, as: "forward") {
            if key.text == "servers" {
                servers = try self.servers(value)
            } else {
                try self.take(key, value, of: .forward, into: &arguments)
            }
        }
        guard !servers.isEmpty else {
            throw self.mistake(node, "forward: expected `servers`, as in `servers: [teleport://far.example:8043]`.")
        }
        return (servers, arguments)
    }

    private func servers(_ node: Node) throws(ConfigurationMistake) -> [Endpoint] {
        let servers = try self.list(node) { (element) throws(ConfigurationMistake) in try self.server(element) }
        guard !servers.isEmpty else { throw self.mistake(node, "servers: expected a URL.") }
        return servers
    }

    /// A URL, or a mapping with `url` and `weight`.
    private func server(_ node: Node) throws(ConfigurationMistake) -> Endpoint {
        guard case .mapping = node else { return try self.endpoint(node, "servers") }
        var (endpoint, weight) = (Endpoint?.none, Weight?.none)
        for (key, value) in try self.entries(of: node, as: "servers") {
            switch key.text {
            case "url": endpoint = try self.endpoint(value, "url")
            case "weight": weight = try self.read(Weight.self, value, "weight")
            default:
                throw ConfigurationMistake(
                    self.file, line: key.line, "there is no `\(key.text)` here: expected url, weight.")
            }
        }
        guard let endpoint else { throw self.mistake(node, "servers: expected `url`, as in `url: http://a.example`.") }
        return weight.map { endpoint.weighing($0) } ?? endpoint
    }

    private func endpoint(_ node: Node, _ key: String) throws(ConfigurationMistake) -> Endpoint {
        try self.read(Endpoint.self, node, key)
    }

    private func read<Value: OptionValue>(
        _: Value.Type, _ node: Node, _ key: String
    ) throws(ConfigurationMistake) -> Value {
        let text = try self.text(node, key)
        do throws(Misuse) {
            return try Value(text: text)
        } catch {
            throw self.mistake(node, "\(key): \"\(text)\": \(error)")
        }
    }

    /// Any other key.
    func take(
        _ key: Key, _ node: Node, of section: ConfigurationKey.Section, into arguments: inout Arguments
    ) throws(ConfigurationMistake) {
        let known = ConfigurationKey.options[section] ?? [:]
        guard let option = known[key.text] else { throw self.unknown(key, section) }
        let text = option.isFlag ? try self.truth(node, key.text) : try self.value(node, key.text)
        do throws(Misuse) {
            if !option.isFlag { _ = try option.valueType.init(text: text) }
        } catch {
            throw self.mistake(node, "\(key.text): \"\(text)\": \(error.inTermsOfFile)")
        }
        arguments[option] = text
    }

    private func unknown(_ key: Key, _ section: ConfigurationKey.Section) -> ConfigurationMistake {
        let own: [String] =
            switch section {
            case .top: ["listen", "forward"]
            case .listen: ["url"]
            case .forward: ["servers"]
            }
        let names = own + (ConfigurationKey.options[section] ?? [:]).keys.sorted()
        if let nearest = Spelling.nearest(to: key.text, among: names) {
            return ConfigurationMistake(
                self.file, line: key.line, "there is no `\(key.text)` here. Do you mean `\(nearest)`?")
        }
        for other in ConfigurationKey.Section.allCases where other != section {
            guard let option = ConfigurationKey.options[other]?[key.text], let there = option.key else { continue }
            return ConfigurationMistake(
                self.file, line: key.line, "`\(key.text)` does not belong here, but in `\(there.path)`.")
        }
        return ConfigurationMistake(
            self.file, line: key.line,
            "there is no `\(key.text)` here: expected \(names.joined(separator: ", ")).")
    }

    // MARK: Values

    private func text(_ node: Node, _ key: String) throws(ConfigurationMistake) -> String {
        guard case .scalar(let scalar) = node else { throw self.mistake(node, "\(key): expected one value.") }
        return scalar.string
    }

    /// One value, or several that a command line would have commas between.
    private func value(_ node: Node, _ key: String) throws(ConfigurationMistake) -> String {
        let texts = try self.list(node) { (element) throws(ConfigurationMistake) in
            let text = try self.text(element, key)
            if case .sequence = node, text.contains(",") {
                throw self.mistake(element, "\(key): \"\(text)\": values with commas cannot be used.")
            }
            return text
        }
        return texts.joined(separator: ",")
    }

    private func truth(_ node: Node, _ key: String) throws(ConfigurationMistake) -> String {
        let text = try self.text(node, key)
        guard text == "true" || text == "false" else {
            throw self.mistake(node, "\(key): \"\(text)\": write true or false.")
        }
        return text
    }
}
