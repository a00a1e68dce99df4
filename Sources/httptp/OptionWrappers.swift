import ArgumentParser

/// What an option's value is read as.
protocol OptionValue: Sendable {
    /// - Throws: what is wrong with `text`, and how it is written.
    init(text: String) throws(Misuse)
}

/// Properties take their names, texts and defaults from the table: `@Option(.inType) var type: Kind`.
extension Option where Value: OptionValue {
    init(_ option: ProxyOption) {
        precondition(option.valueType == Value.self, "the table says something else of \(option)")
        guard let initial = try? Value(text: option.definition.defaultText) else {
            preconditionFailure("the table has no valid default for \(option)")
        }
        self.init(
            wrappedValue: initial, name: option.specification, help: option.argumentHelp,
            transform: { try Value(text: $0) })
    }
}

extension Option {
    /// An option that is `nil` unless it is given; what that means is in the table in words.
    init<Wrapped: OptionValue>(_ option: ProxyOption) where Value == Wrapped? {
        self.init(
            wrappedValue: nil, name: option.specification, help: option.argumentHelp,
            transform: { try Wrapped(text: $0) })
    }
}

extension Flag where Value == Bool {
    init(_ option: ProxyOption) {
        self.init(wrappedValue: false, name: option.specification, help: option.argumentHelp)
    }
}

extension OptionGroup {
    init(_ section: OptionSection) { self.init(title: section.title) }
}

extension ProxyOption {
    /// `-inType` and `--in-type`. The other two spellings become one of these before: see ``Invocation``.
    fileprivate var specification: NameSpecification {
        [.customLong(self.name, withSingleDash: true), .customLong(self.longName)]
    }

    fileprivate var argumentHelp: ArgumentHelp {
        ArgumentHelp("\(self.definition.fullHelp)", valueName: self.isFlag ? nil : self.definition.placeholder)
    }
}
