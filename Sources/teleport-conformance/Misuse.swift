/// Nothing can be checked as things are: an option is wrong, or nothing listens.
struct Misuse: Error, CustomStringConvertible {
    static let exitCode: Int32 = 2

    /// What to do about it, in a sentence.
    let description: String

    init(_ description: String) { self.description = description }
}
