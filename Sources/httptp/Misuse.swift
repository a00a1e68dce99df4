/// A mistake on the command line, in a sentence or two that say what to do.
struct Misuse: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
