/// What the command line asks for.
///
/// Options may be spelled in more ways than the parser knows: one dash or two, with either name, and flags with `=true`
/// or `=false`. This reads them all and makes one of them, and tells mistakes about names by name.
enum Invocation: Equatable {
    /// Forward, with these arguments: each of them `-name=value`, `--long-name=value`, or a flag: `-name`, `-name=false`.
    case run([String])
    case help
    case version
    case manualPage
    case completionScript(CompletionShell)
    /// Tell what a link would save, with these arguments.
    case estimate([String])

    /// - Throws: what is wrong with the names. Values are left to the parser.
    init(_ arguments: [String]) throws(Misuse) {
        if arguments.first == EstimateCommand.name {
            self = .estimate(Array(arguments.dropFirst()))
            return
        }
        var reader = ArgumentReader(arguments)
        while let argument = reader.next() {
            guard let name = Self.name(of: argument) else { throw reader.complaint(aboutStray: argument) }
            if let builtIn = try Self.builtIn(name, of: argument, &reader) {
                self = builtIn
                return
            }
            if let refusal = RefusedOption.named[name] { throw Misuse("-\(name) \(refusal.reason)") }
            guard !argument.hasPrefix("---"), let option = ProxyOption.named[name] else {
                throw Self.unknown(argument, name)
            }
            try reader.take(option, argument)
        }
        self = .run(reader.result)
    }

    /// The name in `-name`, `--name`, `-name=value` or `--name=value`.
    private static func name(of argument: String) -> String? {
        let rest = argument.drop { $0 == "-" }
        let dashes = argument.count - rest.count
        guard dashes > 0, !rest.isEmpty else { return nil }
        return String(rest.prefix { $0 != "=" })
    }

    private static let builtInNames = ["help", "version", "man-page", "generate-completion-script"]

    private static func builtIn(
        _ name: String, of argument: String, _ reader: inout ArgumentReader
    ) throws(Misuse) -> Invocation? {
        switch name {
        case "h", "help": return .help
        case "version": return .version
        case "man-page": return .manualPage
        case "generate-completion-script":
            let shells = CompletionShell.allCases.map(\.rawValue).joined(separator: ", ")
            guard let shell = CompletionShell(rawValue: reader.value(of: argument) ?? "") else {
                throw Misuse("--\(name) takes the name of a shell: \(shells).")
            }
            return .completionScript(shell)
        default: return nil
        }
    }

    private static func unknown(_ argument: String, _ name: String) -> Misuse {
        let spelled = argument.prefix { $0 != "=" }
        let names = ProxyOption.named.keys.sorted() + Self.builtInNames
        guard let nearest = Spelling.nearest(to: name, among: names) else {
            return Misuse("There is no option \(spelled). See httptp --help for those that there are.")
        }
        let isLong = nearest.contains("-") || Self.builtInNames.contains(nearest)
        let dashes = argument.hasPrefix("--") || isLong ? "--" : "-"
        return Misuse("There is no option \(spelled). Do you mean \(dashes)\(nearest)?")
    }
}

/// Goes through the arguments.
private struct ArgumentReader {
    private var rest: ArraySlice<String>
    private var seen: Set<ProxyOption> = []
    private var previous: ProxyOption?
    private(set) var result: [String] = []

    init(_ arguments: [String]) { self.rest = arguments[...] }

    mutating func next() -> String? { self.rest.popFirst() }

    /// What is behind the `=`, or else the next argument.
    mutating func value(of argument: String) -> String? {
        if let equals = argument.firstIndex(of: "=") { return String(argument[argument.index(after: equals)...]) }
        return self.rest.popFirst()
    }

    mutating func take(_ option: ProxyOption, _ argument: String) throws(Misuse) {
        // A second value would silently replace the first.
        guard self.seen.insert(option).inserted || option.isRepeatable else {
            let both = option.name == option.longName ? "" : ", or as --\(option.longName) as well"
            throw Misuse("\(option) is given twice\(both): leave one of them out.")
        }
        self.previous = option
        if option.isFlag {
            try self.takeFlag(option, argument)
        } else {
            try self.takeValue(option, argument)
        }
    }

    private mutating func takeValue(_ option: ProxyOption, _ argument: String) throws(Misuse) {
        // What the parser says about a value names the option as the user did.
        let name = argument.drop { $0 == "-" }.prefix { $0 != "=" }
        let spelling = name == option.name ? "-\(option.name)" : "--\(option.longName)"
        guard let value = self.value(of: argument), argument.contains("=") || !Self.isOption(value) else {
            throw Misuse("\(spelling) needs a value: \(spelling) \(option.definition.placeholder.uppercased()).")
        }
        self.result.append("\(spelling)=\(value)")
    }

    private mutating func takeFlag(_ option: ProxyOption, _ argument: String) throws(Misuse) {
        guard argument.contains("=") else {
            self.result.append("\(option)")
            return
        }
        let value = self.value(of: argument) ?? ""
        guard let isOn = Self.truth(value) else {
            throw Misuse(
                "\(option) is on or off: write \(option), \(option)=true or \(option)=false, not \"\(value)\".")
        }
        // Off is said too: a configuration file may say on.
        self.result.append(isOn ? "\(option)" : "\(option)=false")
    }

    func complaint(aboutStray argument: String) -> Misuse {
        if let flag = self.previous, flag.isFlag, Self.truth(argument) != nil {
            return Misuse("\"\(argument)\" stands alone: write \(flag)=\(argument).")
        }
        if ["help", "version"].contains(argument) {
            return Misuse("\"\(argument)\" stands alone: write --\(argument).")
        }
        return Misuse("\"\(argument)\" stands alone: every argument belongs to an option, as in -in 127.0.0.1:8080.")
    }

    /// Whether a value would be an option itself, its own value forgotten.
    private static func isOption(_ text: String) -> Bool {
        guard text.hasPrefix("-") else { return false }
        return ProxyOption.named[String(text.drop { $0 == "-" }.prefix { $0 != "=" })] != nil
    }

    /// The words that Go's flags know.
    private static func truth(_ text: String) -> Bool? {
        switch text {
        case "1", "t", "T", "true", "TRUE", "True": true
        case "0", "f", "F", "false", "FALSE", "False": false
        default: nil
        }
    }
}
