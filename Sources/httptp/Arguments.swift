/// Values of options, each as text, in the order they were given.
struct Arguments: Equatable {
    private struct Entry: Equatable {
        let option: ProxyOption
        /// As the parser takes it: `-name=value`, spelled as the user did.
        let argument: String
        let value: String
    }

    private var entries: [Entry] = []

    init() {}

    /// - Parameter normalized: what ``Invocation`` makes of a command line.
    init(_ normalized: [String]) {
        for argument in normalized {
            let name = argument.drop { $0 == "-" }.prefix { $0 != "=" }
            guard let option = ProxyOption.named[String(name)] else { continue }
            let value = argument.firstIndex(of: "=").map { String(argument[argument.index(after: $0)...]) }
            self.entries.append(Entry(option: option, argument: argument, value: value ?? "true"))
        }
    }

    /// The text of a value, `true` or `false` of a flag; `nil` if it was not given.
    subscript(option: ProxyOption) -> String? {
        get {
            let values = self.entries.filter { $0.option == option }.map(\.value)
            return values.isEmpty ? nil : values.joined(separator: ",")
        }
        set {
            self.entries.removeAll { $0.option == option }
            guard let newValue else { return }
            let argument = option.isFlag ? "\(option)" : "\(option)=\(newValue)"
            self.entries.append(Entry(option: option, argument: argument, value: newValue))
        }
    }

    /// The first of `options` that was given.
    func first(of options: [ProxyOption]) -> ProxyOption? {
        self.entries.first { options.contains($0.option) }?.option
    }

    /// These, and where they say nothing `other`.
    func over(_ other: Arguments) -> Arguments {
        var merged = other
        merged.entries.removeAll { entry in self.entries.contains { $0.option == entry.option } }
        merged.entries += self.entries
        return merged
    }

    /// `-codec` stands for both sides, where nothing else is said of one.
    var withCodecs: Arguments {
        guard let codec = self[.codec] else { return self }
        var expanded = self
        expanded[.codec] = nil
        for side in [ProxyOption.inCompress, .outCompress] where self[side] == nil { expanded[side] = codec }
        return expanded
    }

    /// For the parser, which knows no flag that is off.
    var strings: [String] {
        self.entries.filter { !$0.option.isFlag || $0.value == "true" }.map(\.argument)
    }
}
