import Yams

extension Plan {
    /// All of it as a configuration file, defaults included: reading it gives the same plan.
    func configurationText() throws -> String {
        var root: [(Node, Node)] = [
            ("listen", Node(self.listeners.map { $0.node })),
            (
                "forward",
                Node(
                    [("servers", Node(self.servers.map { Node($0.text) }))]
                        + Self.pairs(of: .forward, self.arguments))
            ),
        ]
        root += Self.pairs(of: .top, self.arguments)
        return try Yams.serialize(node: Node(root))
    }

    fileprivate static func pairs(
        of section: ConfigurationKey.Section, _ arguments: Arguments
    ) -> [(Node, Node)] {
        ProxyOption.allCases.compactMap { option -> (Node, Node)? in
            guard let key = option.key, key.section == section, option != .codec else { return nil }
            if option.isFlag { return (Node(key.name), Node(arguments[option] ?? "false")) }
            // What has no default in words that could be read is left out.
            let initial = option.definition.defaultText
            let text = arguments[option] ?? ((try? option.valueType.init(text: initial)) == nil ? nil : initial)
            guard let text else { return nil }
            return (Node(key.name), option.isList && text.contains(",") ? self.list(text) : self.scalar(text))
        }
    }

    private static func list(_ text: String) -> Node {
        Node(text.split(separator: ",").map { self.scalar(String($0)) }, .implicit, .flow)
    }

    /// Nothing is an empty text, which has to be quoted.
    private static func scalar(_ text: String) -> Node {
        Node(text, .implicit, text.isEmpty ? .doubleQuoted : .any)
    }
}

extension Plan.Listener {
    fileprivate var node: Node {
        Node([("url", Node(self.endpoint.text))] + Plan.pairs(of: .listen, self.arguments))
    }
}
