import ArgumentParser

/// A mistake on the command line, in a sentence or two that say what to do.
struct Misuse: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

extension ParsableArguments {
    /// The command that `arguments` ask for, spelled as the parser knows them.
    static func parsed(_ arguments: [String]) throws(Misuse) -> Self {
        do {
            return try self.parse(arguments)
        } catch {
            throw Misuse(self.message(for: error))
        }
    }
}
